/** Which pushes start a run. Pure. */
import picomatch from 'picomatch';
import type { ChangedFile } from './push-matters.js';
import type { Person } from './run.js';

/** What a push event says, reduced to what counts. */
export interface Push {
  /** `owner/name`. */
  readonly repository: string;
  /** Full name of the ref, such as `refs/heads/main`. */
  readonly ref: string;
  /** The ref's new commit; forty zeros when the ref was deleted. */
  readonly sha: string;
  /** The commit that the ref pointed to before; forty zeros when it is new. */
  readonly before?: string;
  /** What its commits change; undefined where the report does not say all of it. */
  readonly changes?: readonly ChangedFile[];
  readonly deleted: boolean;
  /** The head commit's whole message. */
  readonly message: string;
  readonly author?: Person;
}

export type PushDecision =
  | { readonly accepted: true; readonly branch: string }
  /** `branch` is there when it is a watched one, which has moved all the same. */
  | { readonly accepted: false; readonly reason: string; readonly branch?: string };

const branchPrefix = 'refs/heads/';

/** The marks that GitHub Actions obeys, and its trailer: https://docs.github.com/actions/managing-workflow-runs/skipping-workflow-runs */
const skipMarks = ['[skip ci]', '[ci skip]', '[no ci]', '[skip actions]', '[actions skip]'];
const skipTrailer = /^skip-checks:\s*true\s*$/im;

/**
 * Decides on a push to a repository.
 *
 * @param branches glob patterns of the watched branches; undefined when the repository is not watched
 */
export function decidePush(push: Push, branches: readonly string[] | undefined): PushDecision {
  if (branches === undefined) return ignore(`${push.repository} is not watched`);
  if (!push.ref.startsWith(branchPrefix)) return ignore(`${push.ref} is not a branch`);
  const branch = push.ref.slice(branchPrefix.length);
  if (!isWatched(branch, branches)) return ignore(`the branch ${branch} is not watched`);
  if (push.deleted) return { ...ignore(`the branch ${branch} was deleted`), branch };
  if (asksToSkip(push.message)) return { ...ignore('the head commit asks to skip CI'), branch };
  return { accepted: true, branch };
}

/** @param branches glob patterns of the watched branches */
export function isWatched(branch: string, branches: readonly string[]): boolean {
  return picomatch.isMatch(branch, [...branches], { bash: true });
}

export function asksToSkip(message: string): boolean {
  const lower = message.toLowerCase();
  return skipMarks.some((mark) => lower.includes(mark)) || skipTrailer.test(message);
}

function ignore(reason: string) {
  return { accepted: false, reason } as const;
}
