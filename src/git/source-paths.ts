/** Which files of a repository are read to find out what it trains. */

/** Files larger than this are no source text; a notebook holds the images that its cells have shown as well. */
const largestSource = 1024 * 1024;
const largestNotebook = 16 * 1024 * 1024;
/** A repository with more files than this keeps data beside its scripts; those nearest to the root count. */
export const mostSources = 2000;
const sourceEndings = ['.py', '.ipynb', '.yml', '.yaml', '.json', '.toml', '.txt', '.cfg'];

/** Whether a file can hold code or parameters, by its name and its size in bytes. */
export function isSource(path: string, size: number): boolean {
  const name = path.toLowerCase();
  const largest = name.endsWith('.ipynb') ? largestNotebook : largestSource;
  return size <= largest && sourceEndings.some((ending) => name.endsWith(ending));
}
