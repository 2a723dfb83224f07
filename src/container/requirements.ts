/** What a repository asks for beyond what its environment holds. Pure. */

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

/**
 * The lines that have to be installed on top of the environment.
 *
 * @param lock the environment's own requirements, `name==version` a line
 * @throws {RequirementError} for paths, URLs and repositories: pip would run their code on this host to read them
 */
export function missingRequirements(wanted: readonly string[], lock: string): string[] {
  const provided = new Set(lock.split('\n').map(packageName));
  const missing = wanted.filter((line) => {
    const name = packageName(line);
    return name !== '' && !provided.has(name) && !provided.has(sameAs[name] ?? name);
  });
  const refused = missing.find((line) => !plainRequirement.test(withoutMarker(line)));
  if (refused === undefined) return missing;
  throw new RequirementError(
    `the requirement "${refused.trim()}" is not installed: only packages of the index by name and version are, such as name==1.2; for others use environment.image in .pushtune.yml`,
  );
}

/** Spaces are folded, since a line of nothing else would keep the pattern busy. */
function withoutMarker(line: string): string {
  return line.replace(/\s+/g, ' ').replace(/ #.*$/, '').replace(/;.*$/, '').trim();
}

/** Name as PyPI compares names (PEP 503); empty for comments, options and blank lines. */
function packageName(line: string): string {
  const [name = ''] = /^[A-Za-z0-9][A-Za-z0-9._-]*/.exec(line.trim()) ?? [];
  return name.toLowerCase().replace(/[-_.]+/g, '-');
}
