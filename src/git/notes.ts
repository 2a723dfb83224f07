/**
 * The notes of Pushtune on commits: `refs/notes/pushtune`. It is a branch of its own whose files are named after the
 * commits that they are about (`man git-notes`). Anybody who may push can write there, so what is read is not trusted,
 * and what others wrote is kept.
 */
import { isUtf8 } from 'node:buffer';
import { randomUUID } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import pLimit, { type LimitFunction } from 'p-limit';
import type { Person } from '../pipeline/run.js';
import { readBlobs } from './blobs.js';
import { type GitError, gitError, localGit, localGitWithInput, remoteGit, silentGit } from './client.js';
import { refusals } from './commit.js';
import { type Mirror, resolveCommit } from './mirror.js';

const notesRef = 'refs/notes/pushtune';

/** Bytes. A longer note is none of Pushtune's; a curve of 10,000 epochs takes 200 KB. */
const largestNote = 1024 * 1024;
/** Bytes of all notes that are read at once. */
const largestSum = 64 * 1024 * 1024;
/** How often a push is tried while others write at the same time. */
const pushAttempts = 5;

/** What git says on the remote's side while another push moves the ref. */
const contention = /cannot lock ref|failed to (update|lock) ref|incorrect old value|reference already exists/i;
/** Milliseconds at the most until the next try; chance keeps two servers apart. */
const contentionPause = 300;

export interface CommitNote {
  /** The commit that the note is attached to. */
  readonly commit: string;
  readonly text: string;
}

/** What becomes of a commit's note; gets the text that is there, and returns the one that is to be there. */
export type NoteChange = (text: string | undefined) => string;

export interface NotesCommit {
  readonly message: string;
  readonly author: Person;
}

export type NotesOutcome =
  | { readonly kind: 'pushed' }
  /** The notes say all of it already. */
  | { readonly kind: 'unchanged' }
  /** The host said no for good. */
  | { readonly kind: 'refused'; readonly message: string };

/**
 * Brings the mirror's notes to what the remote has.
 *
 * @returns the commit that holds the notes, or undefined when the remote has none
 * @throws {GitError} when the remote can't be reached or refuses
 */
export async function fetchNotes(mirror: Mirror): Promise<string | undefined> {
  return inTurn(mirror, () => fetchNow(mirror));
}

/**
 * Reads the notes of a mirror or of a clone; what is too large or no text is left out.
 *
 * @param directory a repository's folder
 * @param environment variables for git on top of those of {@link localGit}
 * @returns undefined when the repository has no notes of Pushtune's
 */
export async function readNotes(
  directory: string,
  environment: Readonly<Record<string, string>> = {},
): Promise<readonly CommitNote[] | undefined> {
  try {
    const git = localGit(directory, environment);
    const tip = await git.raw(['for-each-ref', '--format=%(objectname)', notesRef]);
    if (tip.trim() === '') return undefined;
    const entries = [...(await listNotes(directory, tip.trim(), environment)).values()];
    const texts = await readTexts(directory, entries, environment);
    return entries.flatMap(({ commit, blob }) => {
      const text = texts.get(blob);
      return text === undefined ? [] : [{ commit, text }];
    });
  } catch (error) {
    throw gitError(`reading the notes in ${directory} failed`, error);
  }
}

/**
 * Changes notes and pushes them, fast-forward only. When others write at the same time, their notes are fetched and the
 * changes made on top of them. Nothing is kept between two calls: called again after a crash it comes to the same.
 *
 * @param changes commit → what becomes of its note; a note that can't be read is left alone
 * @throws {GitError} when the remote can't be reached: worth another try
 */
export async function pushNotes(
  mirror: Mirror,
  changes: ReadonlyMap<string, NoteChange>,
  commit: NotesCommit,
): Promise<NotesOutcome> {
  return inTurn(mirror, async () => {
    let base = (await resolveCommit(mirror, notesRef)) ?? (await fetchNow(mirror));
    for (let attempt = 1; ; attempt += 1) {
      const sha = await commitNotes(mirror, base, changes, commit);
      if (sha === undefined) return { kind: 'unchanged' };
      const failure = await tryPush(mirror, sha);
      if (failure === undefined) return { kind: 'pushed' };
      const now = await fetchNow(mirror);
      if (now === sha) return { kind: 'pushed' };
      const isContended = now !== base || contention.test(failure.message);
      if (!isContended && refusals.some((refusal) => refusal.test(failure.message))) {
        return { kind: 'refused', message: failure.message };
      }
      if (!isContended || attempt >= pushAttempts) throw failure;
      await delay(contentionPause * Math.random());
      base = now;
    }
  });
}

const turns = new Map<string, LimitFunction>();

/** Two that move the mirror's ref at once would find it locked. */
function inTurn<T>(mirror: Mirror, work: () => Promise<T>): Promise<T> {
  const turn = turns.get(mirror.path) ?? pLimit(1);
  turns.set(mirror.path, turn);
  return turn(work);
}

async function fetchNow(mirror: Mirror): Promise<string | undefined> {
  const git = await remoteGit(mirror.path, mirror.credentials, mirror.scratch);
  const options = ['--verbose', '--no-tags', '--no-write-fetch-head', '--no-recurse-submodules'];
  try {
    // The leading + follows notes that somebody rewrote; the mirror has none of its own to lose.
    await git.raw(['fetch', ...options, mirror.url, `+${notesRef}:${notesRef}`]);
  } catch (error) {
    if (!String(error).includes("couldn't find remote ref")) {
      throw gitError(`fetching ${notesRef} from ${mirror.url} failed`, error);
    }
    await silentGit(mirror.path, ['update-ref', '-d', notesRef]);
  }
  return resolveCommit(mirror, notesRef);
}

/** @returns why it failed, or undefined when the remote has taken it */
async function tryPush(mirror: Mirror, sha: string): Promise<GitError | undefined> {
  try {
    const git = await remoteGit(mirror.path, mirror.credentials, mirror.scratch);
    await git.raw(['push', mirror.url, `${sha}:${notesRef}`]);
  } catch (error) {
    return gitError(`pushing to ${notesRef} of ${mirror.url} failed`, error);
  }
  await silentGit(mirror.path, ['update-ref', notesRef, sha]);
  return undefined;
}

interface NoteEntry {
  readonly commit: string;
  readonly path: string;
  readonly blob: string;
  /** Bytes. */
  readonly size: number;
}

/** By commit. Git spreads many notes over folders (`ab/cdef…`), so slashes mean nothing; other files are no notes. */
async function listNotes(
  directory: string,
  revision: string,
  environment: Readonly<Record<string, string>> = {},
): Promise<ReadonlyMap<string, NoteEntry>> {
  const listing = await localGit(directory, environment).raw([
    'ls-tree',
    '-r',
    '-z',
    '--full-tree',
    '--long',
    revision,
  ]);
  const entries = new Map<string, NoteEntry>();
  for (const line of listing.split('\0')) {
    const [, blob, size, path] = /^100644 blob ([0-9a-f]+)\s+(\d+)\t([0-9a-f/]+)$/.exec(line) ?? [];
    if (blob === undefined || path === undefined) continue;
    const commit = path.replaceAll('/', '');
    if (commit.length !== blob.length || entries.has(commit)) continue;
    entries.set(commit, { commit, path, blob, size: Number(size) });
  }
  return entries;
}

/** Blob → its text, in one call of git. */
async function readTexts(
  directory: string,
  entries: readonly NoteEntry[],
  environment: Readonly<Record<string, string>> = {},
): Promise<ReadonlyMap<string, string>> {
  const texts = new Map<string, string>();
  let sum = 0;
  const wanted = entries.filter(({ size }) => {
    if (size > largestNote || sum + size > largestSum) return false;
    sum += size;
    return true;
  });
  const names = wanted.map(({ blob }) => blob);
  for (const [blob, bytes] of await readBlobs(directory, names, environment)) {
    if (isUtf8(bytes)) texts.set(blob, bytes.toString('utf8'));
  }
  return texts;
}

/** @returns the new commit on top of `base`, or undefined when nothing changes */
async function commitNotes(
  mirror: Mirror,
  base: string | undefined,
  changes: ReadonlyMap<string, NoteChange>,
  { message, author }: NotesCommit,
): Promise<string | undefined> {
  const index = join(mirror.scratch, `notes-${randomUUID()}`);
  await mkdir(mirror.scratch, { recursive: true });
  const environment = { GIT_INDEX_FILE: index };
  const git = localGit(mirror.path, environment);
  try {
    const updates = await changedEntries(mirror, base, changes);
    if (updates.length === 0) return undefined;
    if (base !== undefined) await silentGit(mirror.path, ['read-tree', base], environment);
    const lines = updates.map(({ path, blob }) => `100644 blob ${blob}\t${path}\n`).join('');
    await localGitWithInput(mirror.path, ['update-index', '--index-info'], lines, environment);
    const tree = (await git.raw(['write-tree'])).trim();
    const identity = ['-c', `user.name=${author.name}`, '-c', `user.email=${author.email}`];
    const parent = base === undefined ? [] : ['-p', base];
    return (await git.raw([...identity, 'commit-tree', tree, ...parent, '-m', message])).trim();
  } catch (error) {
    throw gitError('making notes failed', error);
  } finally {
    await rm(index, { force: true });
  }
}

/** Git itself begins to spread notes over folders at about so many. */
const mostInOneFolder = 256;

async function changedEntries(
  mirror: Mirror,
  base: string | undefined,
  changes: ReadonlyMap<string, NoteChange>,
): Promise<readonly Pick<NoteEntry, 'path' | 'blob'>[]> {
  const known = base === undefined ? new Map<string, NoteEntry>() : await listNotes(mirror.path, base);
  const concerned = [...changes.keys()].flatMap((commit) => known.get(commit) ?? []);
  const texts = await readTexts(mirror.path, concerned);
  const isSpread = known.size > mostInOneFolder;
  const updates: Pick<NoteEntry, 'path' | 'blob'>[] = [];
  for (const [commit, change] of changes) {
    const entry = known.get(commit);
    const before = entry === undefined ? undefined : texts.get(entry.blob);
    if (entry !== undefined && before === undefined) continue;
    const after = change(before);
    if (after === before) continue;
    const blob = await localGitWithInput(mirror.path, ['hash-object', '-w', '--stdin'], after);
    const path = isSpread ? `${commit.slice(0, 2)}/${commit.slice(2)}` : commit;
    updates.push({ path: entry?.path ?? path, blob: blob.toString('utf8').trim() });
  }
  return updates;
}
