/** Pushes that change nothing of what is trained, found in the mirror. */
import { changesBetween, isAncestor, type Mirror, resolveCommit } from '../src/git/mirror.js';
import { passOver } from '../src/store/pass-over.js';
import type { WorkerContext } from './context.js';

export interface SeenChange {
  readonly repository: string;
  readonly branch: string;
  /** Where the branch was known to stand; undefined: nowhere. */
  readonly before: string | undefined;
  /** Where it stands, which the mirror has fetched. */
  readonly sha: string;
}

/** As `passOver`. A branch that was rewritten is another one. */
export async function passOverSeen(
  { store }: WorkerContext,
  mirror: Mirror,
  { repository, branch, before, sha }: SeenChange,
): Promise<string | undefined> {
  if (before === undefined || (await resolveCommit(mirror, before)) === undefined) return undefined;
  if (!(await isAncestor(mirror, before, sha))) return undefined;
  const changes = await changesBetween(mirror, before, sha);
  return passOver(store.redis, { repository, branch, before, sha, changes });
}
