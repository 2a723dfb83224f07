/** What a repository asks for beyond what its environment holds. Pure. */

/** Packages of PyPI that stand for one that the environment holds under another name. */
const sameAs: Readonly<Record<string, string>> = {
  tensorflow: 'tensorflow-cpu',
  'opencv-python': 'opencv-python-headless',
  'opencv-contrib-python': 'opencv-python-headless',
  jupyter: 'notebook',
  sklearn: 'scikit-learn',
};

/**
 * The lines that have to be installed on top of the environment.
 *
 * @param lock the environment's own requirements, `name==version` a line
 */
export function missingRequirements(wanted: readonly string[], lock: string): string[] {
  const provided = new Set(lock.split('\n').map(packageName));
  return wanted.filter((line) => {
    const name = packageName(line);
    return name !== '' && !provided.has(sameAs[name] ?? name);
  });
}

/** Name as PyPI compares names (PEP 503); empty for comments, options and blank lines. */
function packageName(line: string): string {
  const [name = ''] = /^[A-Za-z0-9][A-Za-z0-9._-]*/.exec(line.trim()) ?? [];
  return name.toLowerCase().replace(/[-_.]+/g, '-');
}
