/** Files of trainings that are kept: copied out of the run's folder, which scripts can write to, into one of the server's. */
import { createHash } from 'node:crypto';
import { createReadStream, type ReadStream } from 'node:fs';
import { mkdir, open, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { z } from 'zod';
import type { LeftFile, LeftOut } from '../pipeline/artifacts.js';
import { repositoryFolders } from './folders.js';
import { copyGuarded, listGuarded, statGuarded, UnsafeFileError } from './guarded-files.js';

const indexFile = 'index.json';

const indexSchema = z.object({
  artifacts: z.array(
    z.object({ name: z.string(), bytes: z.number(), sha256: z.string(), modifiedAt: z.string() }).readonly(),
  ),
  leftOut: z.array(z.object({ name: z.string(), reason: z.string() }).readonly()),
});

/** What is kept of a run, and what is not. */
export interface ArtifactIndex extends z.infer<typeof indexSchema> {}
export type Artifact = ArtifactIndex['artifacts'][number];

/** To look at each takes a tenth of a millisecond, and a repository may hold its data. */
const mostEntries = 5000;
const deepest = 12;
/** Folders whose files are never what somebody waits for. */
const skipped = /^(\.|__pycache__$|node_modules$|venv$)/;

export interface FoundFiles {
  readonly files: readonly LeftFile[];
  /** Whether there were more files and folders than are looked at. */
  readonly isCut: boolean;
}

/**
 * The regular files below a folder, those at its top first. Links, pipes and what can't be opened are passed over.
 *
 * @param root folder that scripts write below
 * @param folder relative to it
 */
export async function findFiles(root: string, folder: string): Promise<FoundFiles> {
  const files: LeftFile[] = [];
  const waiting = [''];
  let entries = 0;
  for (let path = waiting.shift(); path !== undefined; path = waiting.shift()) {
    const names = (await listGuarded(root, join(folder, path), mostEntries).catch(ignoreUnsafe)) ?? [];
    for (const name of names) {
      if (skipped.test(name)) continue;
      entries += 1;
      if (entries > mostEntries) return { files, isCut: true };
      const inside = join(path, name);
      const found = await statGuarded(root, join(folder, inside)).catch(ignoreUnsafe);
      if (found === undefined) continue;
      if (!found.isFolder) files.push({ path: inside, size: found.size, modifiedAt: found.modifiedAt });
      else if (inside.split('/').length < deepest) waiting.push(inside);
    }
  }
  return { files, isCut: false };
}

function ignoreUnsafe(error: unknown): undefined {
  if (!(error instanceof UnsafeFileError)) throw error;
}

export interface ArtifactRequest {
  readonly data: string;
  readonly repository: string;
  readonly run: string;
  /** Name under which a file is kept → its path in the runs folder, and what is known of it. */
  readonly files: ReadonlyMap<string, LeftFile>;
  readonly leftOut: readonly LeftOut[];
}

/** Keeps the files in place of those before. Called again for the same run, it leads to the same. */
export async function keepFiles({ data, repository, run, files, leftOut }: ArtifactRequest): Promise<ArtifactIndex> {
  const { runs, artifacts } = repositoryFolders(data, repository);
  const folder = join(artifacts, run);
  const next = `${folder}.new`;
  await rm(next, { recursive: true, force: true });
  await mkdir(next, { recursive: true });
  const kept: Artifact[] = [];
  const left = [...leftOut];
  for (const [name, { path, size, modifiedAt }] of files) {
    const target = join(next, 'files', name);
    await mkdir(dirname(target), { recursive: true });
    if (await copyGuarded(runs, path, target, size)) {
      const { bytes, sha256 } = await hashOf(target);
      kept.push({ name, bytes, sha256, modifiedAt: new Date(modifiedAt).toISOString() });
    } else left.push({ name, reason: 'it changed while it was to be kept' });
  }
  const index: ArtifactIndex = { artifacts: kept, leftOut: left };
  await writeFile(join(next, indexFile), JSON.stringify(index));
  await rm(folder, { recursive: true, force: true });
  await rename(next, folder);
  return index;
}

/** What is kept of a run; nothing where it was removed, or this host does not have it. */
export async function readArtifacts(data: string, repository: string, run: string): Promise<ArtifactIndex> {
  const path = join(repositoryFolders(data, repository).artifacts, run, indexFile);
  try {
    return indexSchema.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { artifacts: [], leftOut: [] };
    throw error;
  }
}

export interface OpenFile {
  readonly stream: ReadStream;
  /** Bytes. */
  readonly size: number;
}

/** @param name one that {@link readArtifacts} gave; undefined when it was removed meanwhile */
export async function openArtifact(
  data: string,
  repository: string,
  run: string,
  name: string,
): Promise<OpenFile | undefined> {
  return openKept(join(repositoryFolders(data, repository).artifacts, run, 'files', name));
}

/** The model of a study's best trial, where Keras trained it. */
export async function openStudyModel(data: string, repository: string, study: string): Promise<OpenFile | undefined> {
  return openKept(join(repositoryFolders(data, repository).studies, study, 'model.keras'));
}

/** A file that no script writes to. */
async function openKept(path: string): Promise<OpenFile | undefined> {
  try {
    const file = await open(path);
    const { size } = await file.stat();
    return { stream: file.createReadStream(), size };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

async function hashOf(path: string): Promise<{ readonly bytes: number; readonly sha256: string }> {
  const hash = createHash('sha256');
  const stream = createReadStream(path);
  await pipeline(stream, hash);
  return { bytes: stream.bytesRead, sha256: hash.digest('hex') };
}
