/** How alike two words are. Pure. */

/** Levenshtein's distance. Both words are short. */
export function editDistance(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, i) => i);
  for (let i = 1; i <= one.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= other.length; j += 1) {
      const substituted = (row[j - 1] ?? 0) + (one[i - 1] === other[j - 1] ? 0 : 1);
      next.push(Math.min(substituted, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[other.length] ?? 0;
}

/** The word that was probably meant: the nearest one, when no more than a third of it differs. */
export function nearestWord(word: string, words: readonly string[]): string | undefined {
  const near = words
    .map((other) => ({ other, distance: editDistance(word.toLowerCase(), other.toLowerCase()) }))
    .filter(({ other, distance }) => distance <= Math.max(other.length, word.length) / 3)
    .sort((a, b) => a.distance - b.distance);
  return near[0]?.other;
}
