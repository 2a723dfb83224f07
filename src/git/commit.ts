/** Commits that the bot makes in the mirror, and their push. */
import { randomUUID } from 'node:crypto';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Person } from '../pipeline/run.js';
import { gitError, localGit, remoteGit } from './client.js';
import { type Mirror, remoteHead } from './mirror.js';

export interface CommitRequest {
  readonly parent: string;
  /** The changed files: path → bytes, or undefined for a file that is not to be there. Files keep their mode. */
  readonly files: ReadonlyMap<string, Uint8Array | undefined>;
  readonly message: string;
  readonly author: Person;
}

/**
 * Makes a commit from the parent's tree and the changed files, in the mirror's objects alone: no file that a script
 * could have touched takes part.
 *
 * @returns the new commit's SHA, or undefined when the files are as they were
 */
export async function createCommit(mirror: Mirror, request: CommitRequest): Promise<string | undefined> {
  const scratch = join(mirror.scratch, `commit-${randomUUID()}`);
  await mkdir(scratch, { recursive: true });
  try {
    return await commitIn(mirror, request, scratch);
  } catch (error) {
    throw gitError(`making a commit on ${request.parent} failed`, error);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

async function commitIn(mirror: Mirror, request: CommitRequest, scratch: string): Promise<string | undefined> {
  // Git takes files away only where there is a working tree; this one is empty and never looked at.
  const git = localGit(mirror.path, { GIT_INDEX_FILE: join(scratch, 'index'), GIT_WORK_TREE: scratch });
  await git.raw(['read-tree', request.parent]);
  for (const [path, bytes] of request.files) {
    if (bytes === undefined) {
      await git.raw(['update-index', '--force-remove', '--', path]);
      continue;
    }
    const blobFile = join(scratch, 'blob');
    await writeFile(blobFile, bytes);
    const blob = (await git.raw(['hash-object', '-w', '--no-filters', blobFile])).trim();
    const [mode = '100644'] = (await git.raw(['ls-files', '--stage', '--', path])).split(' ');
    await git.raw(['update-index', '--add', '--cacheinfo', `${mode === '' ? '100644' : mode},${blob},${path}`]);
  }
  const tree = (await git.raw(['write-tree'])).trim();
  const before = (await git.raw(['rev-parse', `${request.parent}^{tree}`])).trim();
  if (tree === before) return undefined;
  const messageFile = join(scratch, 'message');
  await writeFile(messageFile, request.message);
  const identity = ['-c', `user.name=${request.author.name}`, '-c', `user.email=${request.author.email}`];
  // commit-tree takes the message as it is; `git commit` would fold the two empty lines before the trailers.
  return (await git.raw([...identity, 'commit-tree', tree, '-p', request.parent, '-F', messageFile])).trim();
}

/** What became of a push. */
export type PushOutcome =
  | { readonly kind: 'pushed' }
  /** Someone else moved the branch: a person's push comes before the bot's. */
  | { readonly kind: 'moved'; readonly head: string | undefined }
  /** The host said no for good: a protected branch, no right to write. */
  | { readonly kind: 'refused'; readonly message: string };

/** What hosts answer when trying again can't help. */
export const refusals: readonly RegExp[] = [
  /\[remote rejected\]/,
  /protected branch/i,
  /permission (to .* )?denied/i,
  /not authorized|authentication failed|could not read (username|password)/i,
  /\b40[13]\b/,
  /write access to repository not granted/i,
  /pre-receive hook declined|hook declined/i,
];

/**
 * Brings the commit to the remote's branch: fast-forward only, and only from the parent that it was made on. Called
 * again after a crash it finds out by the remote's head how far it came.
 *
 * The lease makes git look at the head in the same exchange in which it pushes: a person who pushes, or rewinds the
 * branch, can't come between. It forces nothing, since the commit lies upon what it expects.
 *
 * @throws {GitError} when the remote can't be reached: worth another try
 */
export async function pushCommit(
  mirror: Mirror,
  push: { readonly sha: string; readonly parent: string; readonly branch: string },
): Promise<PushOutcome> {
  const git = await remoteGit(mirror.path, mirror.credentials, mirror.scratch);
  const ref = `refs/heads/${push.branch}`;
  try {
    await git.raw(['push', '--quiet', `--force-with-lease=${ref}:${push.parent}`, mirror.url, `${push.sha}:${ref}`]);
    return { kind: 'pushed' };
  } catch (error) {
    const failure = gitError(`pushing to ${push.branch} of ${mirror.url} failed`, error);
    const now = await remoteHead(mirror, push.branch);
    if (now === push.sha) return { kind: 'pushed' };
    if (now !== push.parent) return { kind: 'moved', head: now };
    if (refusals.some((refusal) => refusal.test(failure.message))) return { kind: 'refused', message: failure.message };
    throw failure;
  }
}
