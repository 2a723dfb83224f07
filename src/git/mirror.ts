/** The bare mirror of a watched repository. Only the server touches it; no script ever sees it. */
import { randomUUID } from 'node:crypto';
import { mkdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { LRUCache } from 'lru-cache';
import type { ChangedFile } from '../pipeline/push-matters.js';
import { readBlobs } from './blobs.js';
import { type GitCredentials, GitError, gitError, localGit, remoteGit, silentGit } from './client.js';
import { isSource, mostSources } from './source-paths.js';

export interface Mirror {
  /** The bare repository's folder. */
  readonly path: string;
  /** Where it is fetched from and pushed to. */
  readonly url: string;
  readonly credentials: GitCredentials;
  /** A folder for helper programs and temporary files. */
  readonly scratch: string;
}

/** Makes the empty mirror if there is none. It appears whole or not at all. */
export async function ensureMirror(mirror: Mirror): Promise<void> {
  if (await exists(join(mirror.path, 'HEAD'))) return;
  const temporary = `${mirror.path}.${randomUUID()}`;
  await mkdir(temporary, { recursive: true });
  await localGit(temporary).raw(['init', '--quiet', '--bare', '.']);
  // Two stages may come here at once; the later one finds the folder of the first.
  await rename(temporary, mirror.path).catch(() => rm(temporary, { recursive: true, force: true }));
}

/**
 * Fetches the branch, incrementally.
 *
 * @returns the commit that the remote's branch points to, or undefined when the remote has no such branch
 * @throws {GitError} when the remote can't be reached or refuses
 */
export async function fetchBranch(mirror: Mirror, branch: string): Promise<string | undefined> {
  const git = await remoteGit(mirror.path, mirror.credentials, mirror.scratch);
  const ref = `refs/heads/${branch}`;
  try {
    // The leading + follows a branch that a person rewrote; the mirror has nothing of its own to lose.
    await git.raw([
      'fetch',
      '--verbose',
      '--no-tags',
      '--no-write-fetch-head',
      '--no-recurse-submodules',
      mirror.url,
      `+${ref}:${ref}`,
    ]);
  } catch (error) {
    if (String(error).includes("couldn't find remote ref")) return undefined;
    throw gitError(`fetching ${branch} from ${mirror.url} failed`, error);
  }
  return resolveCommit(mirror, ref);
}

/** The commit that the remote's branch points to now, without fetching it. */
export async function remoteHead(mirror: Mirror, branch: string): Promise<string | undefined> {
  await mkdir(mirror.scratch, { recursive: true });
  const git = await remoteGit(mirror.scratch, mirror.credentials, mirror.scratch);
  const ref = `refs/heads/${branch}`;
  try {
    const lines = await git.raw(['ls-remote', mirror.url, ref]);
    return lines
      .split('\n')
      .map((line) => line.split('\t'))
      .find(([, name]) => name === ref)?.[0];
  } catch (error) {
    throw gitError(`asking ${mirror.url} for ${branch} failed`, error);
  }
}

/** The commits that the remote's branches point to now, without fetching them: branch → SHA. */
export async function remoteHeads(mirror: Mirror): Promise<ReadonlyMap<string, string>> {
  await mkdir(mirror.scratch, { recursive: true });
  const git = await remoteGit(mirror.scratch, mirror.credentials, mirror.scratch);
  try {
    const lines = (await git.raw(['ls-remote', '--heads', mirror.url])).split('\n');
    return new Map(
      lines
        .map((line) => /^([0-9a-f]+)\trefs\/heads\/(.+)$/.exec(line) ?? [])
        .flatMap(([, sha, branch]) => (sha === undefined || branch === undefined ? [] : [[branch, sha] as const])),
    );
  } catch (error) {
    throw gitError(`asking ${mirror.url} for its branches failed`, error);
  }
}

/** The full SHA of a revision, or undefined when the mirror does not have it. */
export async function resolveCommit(mirror: Mirror, revision: string): Promise<string | undefined> {
  const sha = await localGit(mirror.path)
    .raw(['rev-parse', '--verify', '--quiet', '--end-of-options', `${revision}^{commit}`])
    .catch(() => '');
  // Where git has failed without a word, simple-git takes that for success.
  return sha.trim() === '' ? undefined : sha.trim();
}

export async function isAncestor(mirror: Mirror, ancestor: string, descendant: string): Promise<boolean> {
  // merge-base with two commits prints their best common ancestor, and fails when they share none.
  const base = await localGit(mirror.path)
    .raw(['merge-base', ancestor, descendant])
    .catch(() => '');
  return base.trim() === ancestor;
}

/** Whether the mirror has the commit. */
export async function hasCommit(mirror: Mirror, sha: string): Promise<boolean> {
  // One that was made here a moment ago is a file of its own; to start git takes a large server some milliseconds.
  if (await exists(join(mirror.path, 'objects', sha.slice(0, 2), sha.slice(2)))) return true;
  return (await resolveCommit(mirror, sha)) !== undefined;
}

/** What differs between two commits, file by file. */
export async function changesBetween(mirror: Mirror, from: string, to: string): Promise<readonly ChangedFile[]> {
  const kinds: Readonly<Record<string, ChangedFile['kind']>> = { A: 'added', D: 'removed' };
  const text = await localGit(mirror.path).raw(['diff-tree', '-r', '-z', '--no-renames', '--name-status', from, to]);
  const fields = text.split('\0').filter((field) => field !== '');
  return fields.flatMap((path, i) => (i % 2 === 0 ? [] : [{ path, kind: kinds[fields[i - 1] ?? ''] ?? 'modified' }]));
}

/** Commit → its tree, neither of which ever changes. */
const knownTrees = new LRUCache<string, string, Mirror>({
  max: 10_000,
  fetchMethod: async (sha, _stale, { context: mirror }) =>
    (await localGit(mirror.path).raw(['rev-parse', '--verify', `${sha}^{tree}`])).trim(),
});

/**
 * SHA of the commit's tree: its content, without author or date.
 *
 * @param sha the whole name of the commit
 */
export async function treeOf(mirror: Mirror, sha: string): Promise<string> {
  return knownTrees.forceFetch(sha, { context: mirror });
}

/** First line of the commit's message and all of it, and who wrote it. */
export async function describeCommit(
  mirror: Mirror,
  sha: string,
): Promise<{ message: string; body: string; name: string; email: string }> {
  const text = await localGit(mirror.path).raw(['show', '--no-patch', '--format=%s%x00%an%x00%ae%x00%B', sha]);
  const [message = '', name = '', email = '', body = ''] = text.trimEnd().split('\0');
  return { message, body, name, email };
}

/** Writes the commit's files into the folder: no `.git`, no filters, no submodules. */
export async function checkOut(mirror: Mirror, sha: string, directory: string): Promise<void> {
  const index = join(mirror.scratch, `index-${randomUUID()}`);
  await mkdir(mirror.scratch, { recursive: true });
  await mkdir(directory, { recursive: true });
  const environment = { GIT_INDEX_FILE: index, GIT_WORK_TREE: directory };
  try {
    await silentGit(mirror.path, ['read-tree', sha], environment);
    await silentGit(mirror.path, ['checkout-index', '--all', '--force'], environment);
  } catch (error) {
    throw gitError(`writing the files of ${sha} failed`, error);
  } finally {
    await rm(index, { force: true });
  }
}

type Sources = ReadonlyMap<string, Uint8Array>;

/** A commit never changes, and every stage of a run reads it. */
const knownSources = new LRUCache<string, Sources, { readonly mirror: Mirror; readonly sha: string }>({
  maxSize: 64 * 1024 * 1024,
  sizeCalculation: (sources) => [...sources].reduce((bytes, [path, file]) => bytes + path.length + file.length, 1),
  fetchMethod: (_key, _stale, { context: { mirror, sha } }) => findSources(mirror, sha),
});

/**
 * The commit's files that can hold code or parameters: path → bytes. Whoever asks for the same commit again may get the
 * same bytes, so they must not be changed.
 *
 * @param sha the whole name of the commit
 * @throws {GitError}
 */
export async function readSources(mirror: Mirror, sha: string): Promise<Sources> {
  return knownSources.forceFetch(sourcesKey(mirror, sha), { context: { mirror, sha } });
}

/** Knows the sources of a commit that was made here, so that they need not be read again. */
export function rememberCommit(
  mirror: Mirror,
  commit: { readonly sha: string; readonly tree: string; readonly parent: string },
  files: ReadonlyMap<string, Uint8Array | undefined>,
): void {
  knownTrees.set(commit.sha, commit.tree);
  const before = knownSources.get(sourcesKey(mirror, commit.parent));
  if (before === undefined) return;
  const sources = new Map(before);
  for (const [path, bytes] of files) {
    // Which files are read when one comes or goes depends on all of them.
    if (bytes === undefined || !sources.has(path) || !isSource(path, bytes.length)) return;
    sources.set(path, bytes);
  }
  knownSources.set(sourcesKey(mirror, commit.sha), sources);
}

function sourcesKey(mirror: Mirror, sha: string): string {
  return `${mirror.path}\0${sha}`;
}

async function findSources(mirror: Mirror, sha: string): Promise<Sources> {
  const listing = await localGit(mirror.path).raw(['ls-tree', '-r', '-z', '--long', sha]);
  const sources = listing
    .split('\0')
    .map((line) => /^100\d{3} blob ([0-9a-f]+)\s+(\d+)\t(.*)$/s.exec(line) ?? [])
    .flatMap(([, blob = '', size, path = '']) => (isSource(path, Number(size)) ? [{ path, blob }] : []))
    .sort((a, b) => a.path.split('/').length - b.path.split('/').length)
    .slice(0, mostSources);
  const contents = await readBlobs(
    mirror.path,
    sources.map(({ blob }) => blob),
  );
  return new Map(
    sources.map(({ path, blob }) => {
      const bytes = contents.get(blob);
      if (bytes === undefined) throw new GitError(`reading ${path} at ${sha} failed: ${mirror.path} has no ${blob}`);
      return [path, bytes];
    }),
  );
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

/** A name that no branch can have. */
export class BranchNameError extends Error {
  override readonly name = 'BranchNameError';
}

/** Refuses what git could take for an option or what no branch can be called (`man git-check-ref-format`). */
export function assertBranchName(branch: string): void {
  const impossible = /[\p{Cc} ~^:?*[\\]|\.\.|@\{|\/\/|\.lock(\/|$)|\.$|^\/|\/$|(^|\/)\./u;
  if (branch === '' || branch.startsWith('-') || impossible.test(branch)) {
    throw new BranchNameError(`"${branch}" is no branch name`);
  }
}
