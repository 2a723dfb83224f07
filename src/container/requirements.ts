/** What a repository asks for beyond what its environment holds. Pure. */
import { satisfies } from '@renovatebot/pep440';

/** Packages of PyPI that stand for one that the environment holds under another name. */
const sameAs: Readonly<Record<string, string>> = {
  tensorflow: 'tensorflow-cpu',
  'opencv-python': 'opencv-python-headless',
  'opencv-contrib-python': 'opencv-python-headless',
  jupyter: 'notebook',
  sklearn: 'scikit-learn',
};

/** A requirement that Pushtune does not install; the message names the line and says what is taken instead. */
export class RequirementError extends Error {
  override readonly name = 'RequirementError';
}

/** A name with extras and versions (PEP 508), after its comment and its marker were cut off. */
const plainRequirement = /^[A-Za-z0-9][\w.-]*\s*(?:\[[\w.,\s-]*\])?\s*(?:[<>=!~]{1,3}\s*[\w.*+!-]+\s*,?\s*)*$/;

export interface MissingRequirements {
  /** Lines that have to be installed on top of the environment. */
  readonly missing: readonly string[];
  /** Lines that ask for another version than the environment's, as `tensorflow==2.3 → 2.21.0`. */
  readonly outvoted: readonly string[];
}

/**
 * Compares the lines with the environment.
 *
 * @param lock the environment's own requirements, `name==version` a line
 * @param strict whether a version that differs from the environment's is installed over it
 * @throws {RequirementError} for paths, URLs and repositories: pip would run their code on this host to read them
 */
export function missingRequirements(wanted: readonly string[], lock: string, strict = false): MissingRequirements {
  const provided = new Map(lock.split('\n').map((line) => [packageName(line), line.split('==')[1]?.trim() ?? '']));
  const missing: string[] = [];
  const outvoted: string[] = [];
  for (const line of wanted) {
    const name = packageName(line);
    if (name === '' && !/\S/.test(line.replace(/^\s*#.*/, ''))) continue;
    if (!plainRequirement.test(withoutMarker(line))) throw new RequirementError(refusal(line));
    const version = provided.get(name) ?? provided.get(sameAs[name] ?? name);
    if (version === undefined) missing.push(line);
    else if (!isMet(line, version)) {
      if (strict) missing.push(line);
      else outvoted.push(`${withoutMarker(line)} → ${version}`);
    }
  }
  return { missing, outvoted };
}

function refusal(line: string): string {
  return `the requirement "${line.trim()}" is not installed: only packages of the index by name and version are, such as name==1.2; for others use environment.image in .pushtune.yml`;
}

/** A line with a marker may not be meant for this Python at all, which pip knows. */
function isMet(line: string, version: string): boolean {
  const [, specifier = ''] = /^[\w.-]+\s*(?:\[[^\]]*\])?\s*(.*)$/.exec(withoutMarker(line)) ?? [];
  if (specifier === '' || line.includes(';')) return true;
  return satisfies(version, specifier, { prereleases: true });
}

/** Spaces are folded, since a line of nothing else would keep the pattern busy. */
function withoutMarker(line: string): string {
  return line.replace(/\s+/g, ' ').replace(/ #.*$/, '').replace(/;.*$/, '').trim();
}

/** Name as PyPI compares names (PEP 503); empty for comments, options and blank lines. */
export function packageName(line: string): string {
  const [name = ''] = /^[A-Za-z0-9][A-Za-z0-9._-]*/.exec(line.trim()) ?? [];
  return name.toLowerCase().replace(/[-_.]+/g, '-');
}
