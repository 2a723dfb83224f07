/** Which files of a repository are read to find out what it trains. */

/** Files larger than this are no source text. */
export const largestSource = 1024 * 1024;
/** A repository with more files than this keeps data beside its scripts; those nearest to the root count. */
export const mostSources = 2000;
const sourceEndings = ['.py', '.ipynb', '.yml', '.yaml', '.json', '.toml', '.txt', '.cfg'];

/** Whether a file can hold code or parameters, by its name. */
export function isSourcePath(path: string): boolean {
  return sourceEndings.some((ending) => path.toLowerCase().endsWith(ending));
}
