/** Which files of a repository its training reads, as far as the scripts tell. Pure. */
import type { Inspection, ProjectFiles } from './inspection.js';
import { readProject } from './project.js';

/** What a training reads of its repository: see `Reach` of the rules of pushes. */
export interface ReachOfScripts {
  readonly files: readonly string[];
  readonly names: readonly string[];
}

/** A script with more texts than these holds data, not names of it. */
const mostNames = 2000;
const longestName = 200;

/** Texts between quotes on one line; a wrong one does no harm but to have a push matter. */
const quoted = /(["'])((?:(?!\1)[^\\\n]|\\.)*)\1/g;

/** @param more names of files that a configuration or a command line gives */
export function reachOf(
  files: ProjectFiles,
  { main, hyperparameters }: Inspection,
  more: readonly string[],
): ReachOfScripts {
  const { modules } = readProject(files, main);
  const parameters = hyperparameters.flatMap(({ places }) => places.map(({ file }) => file));
  const texts = modules.flatMap(({ text }) => [...text.matchAll(quoted)].map(([, , inside = '']) => inside));
  const given = [...texts, ...more];
  const names = given.map(normalised).filter((name) => name !== '' && name.length <= longestName);
  return {
    files: [...new Set([main, ...modules.map(({ file }) => file), ...parameters])],
    names: [...new Set([...(given.some(isWholeFolder) ? ['*'] : []), ...names])].slice(0, mostNames),
  };
}

/** The folder itself, or a pattern without one: `.`, `*.csv`. */
function isWholeFolder(text: string): boolean {
  return /^(\.|\.\/|(\.\/)?[^/{]*\*[^/{]*)$/.test(text) && text.length <= longestName;
}

/** `./data/` and `data` mean the same; of a pattern the folder counts that it stands in. */
function normalised(text: string): string {
  return text
    .replace(/^(\.\/)+/, '')
    .replace(/\/?[^/]*[*?[{].*$/, '')
    .replace(/\/+$/, '');
}
