/** What of a repository's requirements gives way where the package index does not have it. Pure. */
import { packageName } from './requirements.js';

/** What pip said that it can't have. */
export type Unmet =
  /** The index has no wheel for what the line asks for. */
  | { readonly kind: 'missing'; readonly name: string }
  /** The lines contradict each other. */
  | { readonly kind: 'conflict' };

export interface Relaxed {
  readonly lines: readonly string[];
  /** What was done, a clause each: `numpy==1.18 gives way to the newest`. */
  readonly changes: readonly string[];
}

/**
 * Lets go of what can't be had: a pin first, then a package that the script does not import, as are most of a list that
 * `pip freeze` has written.
 *
 * @param needed names of the packages that the script imports
 * @returns undefined when nothing more can give way
 */
export function relax({ lines, changes }: Relaxed, unmet: Unmet, needed: readonly string[]): Relaxed | undefined {
  if (unmet.kind === 'conflict') {
    const pinned = lines.filter(isPinned);
    if (pinned.length === 0) return undefined;
    const change = `${list(pinned)} contradict each other and give way to the newest that fit`;
    return { lines: lines.map(withoutPin), changes: [...changes, change] };
  }
  const line = lines.find((one) => packageName(one) === packageName(unmet.name));
  // What another package asks for is none of the lines.
  if (line === undefined) return undefined;
  const others = lines.filter((one) => one !== line);
  if (isPinned(line)) {
    const change = `${line.trim()} gives way to the newest, since there is no wheel of it`;
    return { lines: [...others, withoutPin(line)], changes: [...changes, change] };
  }
  if (needed.some((name) => packageName(name) === packageName(line))) return undefined;
  return {
    lines: others,
    changes: [
      ...changes,
      `${line.trim()} is left out, since there is no wheel of it and the script does not import it`,
    ],
  };
}

function isPinned(line: string): boolean {
  return withoutPin(line) !== line;
}

/** Name and extras, with the marker that says where they are meant. */
function withoutPin(line: string): string {
  const [, name = '', marker = ''] = /^\s*([\w.-]+\s*(?:\[[^\]]*\])?)[^;]*(;.*)?$/s.exec(line) ?? [];
  return name === '' ? line : `${name.trim()}${marker === '' ? '' : `; ${marker.slice(1).trim()}`}`;
}

const listed = 10;

/** The first of many, and how many more there are. */
export function list(items: readonly string[]): string {
  const more = items.length - listed;
  return `${items.slice(0, listed).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}
