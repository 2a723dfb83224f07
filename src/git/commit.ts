/** Commits that the bot makes in the mirror, and their push. */
import { randomUUID } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Person } from '../pipeline/run.js';
import { gitError, localGit, localGitWithInput, remoteGit, silentGit } from './client.js';
import { type Mirror, rememberCommit, remoteHead, treeOf } from './mirror.js';

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
  const index = join(mirror.scratch, `commit-${randomUUID()}`);
  await mkdir(mirror.scratch, { recursive: true });
  try {
    return await commitIn(mirror, request, index);
  } catch (error) {
    throw gitError(`making a commit on ${request.parent} failed`, error);
  } finally {
    await rm(index, { force: true });
  }
}

async function commitIn(mirror: Mirror, request: CommitRequest, index: string): Promise<string | undefined> {
  const environment = { GIT_INDEX_FILE: index };
  const git = localGit(mirror.path, environment);
  const [before, modes, blobs] = await Promise.all([
    treeOf(mirror, request.parent),
    modesOf(mirror, request.parent, [...request.files.keys()]),
    Promise.all([...request.files.values()].map((bytes) => bytes && writeBlob(mirror, bytes))),
    silentGit(mirror.path, ['read-tree', request.parent], environment),
  ]);
  const entries = [...request.files.keys()].map((path, i) => {
    const blob = blobs[i];
    // Mode 0 takes the file away.
    return blob === undefined
      ? `0 ${'0'.repeat(request.parent.length)}\t${path}\0`
      : `${modes.get(path) ?? '100644'} ${blob}\t${path}\0`;
  });
  await localGitWithInput(mirror.path, ['update-index', '-z', '--index-info'], entries.join(''), environment);
  const tree = (await git.raw(['write-tree'])).trim();
  if (tree === before) return undefined;
  const identity = ['-c', `user.name=${request.author.name}`, '-c', `user.email=${request.author.email}`];
  // commit-tree takes the message as it is; `git commit` would fold the two empty lines before the trailers.
  const commit = [...identity, 'commit-tree', tree, '-p', request.parent, '-F', '-'];
  const sha = (await localGitWithInput(mirror.path, commit, request.message)).toString('utf8').trim();
  rememberCommit(mirror, { sha, tree, parent: request.parent }, request.files);
  return sha;
}

/** Path → mode of those of the files that the commit has. */
async function modesOf(mirror: Mirror, sha: string, paths: readonly string[]): Promise<ReadonlyMap<string, string>> {
  if (paths.length === 0) return new Map();
  const listing = await localGit(mirror.path).raw(['ls-tree', '-z', '--full-tree', sha, '--', ...paths]);
  const lines = listing.split('\0').map((line) => /^(\d+) \S+ \S+\t(.*)$/s.exec(line));
  return new Map(lines.flatMap((line) => (line?.[1] && line[2] ? [[line[2], line[1]] as const] : [])));
}

async function writeBlob(mirror: Mirror, bytes: Uint8Array): Promise<string> {
  const blob = await localGitWithInput(mirror.path, ['hash-object', '-w', '--stdin'], bytes);
  return blob.toString('utf8').trim();
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
    await git.raw(['push', `--force-with-lease=${ref}:${push.parent}`, mirror.url, `${push.sha}:${ref}`]);
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
