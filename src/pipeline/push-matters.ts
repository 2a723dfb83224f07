/** Whether what a push changes has a part in the training. Pure. */

/** What a training reads of its repository, as far as its files tell. */
export interface Reach {
  /** Paths of the main script, the local modules that it reaches, and the files that hold parameters. */
  readonly files: readonly string[];
  /** Texts of the scripts that may name files or folders of the repository; {@link anyFile} for all of it. */
  readonly names: readonly string[];
}

/** Stands for every file but those for people: a script lists the folder that it runs in. */
export const anyFile = '*';

export interface ChangedFile {
  readonly path: string;
  readonly kind: 'added' | 'modified' | 'removed';
}

/** Files that say what is installed, and how Pushtune works. */
const settingsFile =
  /(^|\/)(requirements[^/]*\.(txt|in)|constraints[^/]*\.txt|environment\.ya?ml|pyproject\.toml|setup\.(py|cfg)|Pipfile(\.lock)?|poetry\.lock|uv\.lock|\.python-version)$|^\.pushtune\.yml$/;
const codeFile = /\.(py|ipynb)$/;

/** Files that are written for people, and for the host of the repository. */
const wordsFile =
  /\.(md|rst|adoc)$|(^|\/)(LICENSE|AUTHORS|CHANGELOG|CODEOWNERS)[^/]*$|^(docs|\.github|\.gitlab)\/|(^|\/)\.git[^/]*$/i;

/**
 * Why the changes matter, as the end of a sentence; undefined when none of them does. Where it is not clear they do: a
 * script that is new or gone may be another main script, or stand before a package of its name.
 */
export function whyItMatters(changes: readonly ChangedFile[], reach: Reach): string | undefined {
  const files = new Set(reach.files);
  const names = new Set(reach.names);
  for (const { path, kind } of changes) {
    if (settingsFile.test(path)) return `${path} is one of the files that say how it is trained`;
    if (files.has(path)) return `the training reads ${path}`;
    if (codeFile.test(path) && kind !== 'modified') return `${path} was ${kind}, and scripts may import it`;
    const named = isNamed(path, names);
    if (named !== undefined) return `the script names ${named}`;
    if (names.has(anyFile) && !wordsFile.test(path)) return 'a script may list the folder that it runs in';
  }
  return undefined;
}

/** A name may be a whole path, or a folder on the way to it: `data/train`, or `data` alone. */
function isNamed(path: string, names: ReadonlySet<string>): string | undefined {
  const parts = path.split('/');
  for (let from = 0; from < parts.length; from += 1) {
    for (let to = from + 1; to <= parts.length; to += 1) {
      const part = parts.slice(from, to).join('/');
      if (names.has(part)) return part;
    }
  }
  return undefined;
}

const shown = 3;

/** What a person is told whose push starts nothing. */
export function describePassedOver(changes: readonly ChangedFile[]): string {
  const paths = changes.map(({ path }) => path);
  const more = paths.length - shown;
  const listed = `${paths.slice(0, shown).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
  const what =
    paths.length === 0 ? 'the push changes no file' : `the push changes ${listed}, which the training does not read`;
  return `${what}: nothing is trained for it, and a study that runs goes on on top of it`;
}
