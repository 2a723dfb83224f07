/** What Pushtune keeps on this host's disk and in its engine, and how it is removed. */
import { execFile } from 'node:child_process';
import { mkdir, readdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import type Docker from 'dockerode';
import { addedSize, isBaseOfAnother, type LayeredImage } from '../pipeline/retention.js';
import { removeFolder, repositoryFolders, scratchFolder, wheelsFolder } from './folders.js';
import { moveOutGuarded } from './guarded-files.js';
import { buildContainer, imageLabel } from './images.js';
import { isLeftBehind, temporaryName } from './temporary.js';

const execute = promisify(execFile);

/** Of a run that has ended, these go; log, events, result and artifacts stay. */
const bulkyFolders = ['workspace', 'checkpoint'] as const;
export type BulkyFolder = (typeof bulkyFolders)[number];

export interface RunFolder {
  readonly repository: string;
  readonly run: string;
  /** Bytes of each of its bulky folders that is there. */
  readonly sizes: Readonly<Partial<Record<BulkyFolder, number>>>;
  /** Milliseconds since 1970. */
  readonly modifiedAt: number;
}

/** The folders of all runs on this host, whatever became of their repositories. */
export async function listRunFolders(data: string): Promise<readonly RunFolder[]> {
  const found: RunFolder[] = [];
  for (const repository of await listRepositories(data)) {
    const { runs } = repositoryFolders(data, repository);
    const sizes = await measure(runs);
    for (const run of await foldersIn(runs)) {
      const own = bulkyFolders.map((folder) => [folder, sizes.get(`${run}/${folder}`)] as const);
      const { mtimeMs } = await stat(join(runs, run)).catch(() => ({ mtimeMs: Date.now() }));
      const present = Object.fromEntries(own.filter(([, size]) => size !== undefined));
      found.push({ repository, run, sizes: present, modifiedAt: mtimeMs });
    }
  }
  return found;
}

/** Names of all repositories that have folders here. */
export async function listRepositories(data: string): Promise<readonly string[]> {
  const root = join(data, 'repositories');
  const owners = await foldersIn(root);
  const names = await Promise.all(
    owners.map(async (owner) => (await foldersIn(join(root, owner))).map((name) => `${owner}/${name}`)),
  );
  return names.flat();
}

/** Containers that have a folder in the repository's, whether they exist or not. */
export async function listAgentFolders(data: string, repository: string): Promise<readonly string[]> {
  return foldersIn(repositoryFolders(data, repository).agents);
}

/**
 * Removes a folder of a run. Scripts can write around it, so it is first moved to where they reach nothing.
 *
 * @throws {import('./guarded-files.js').UnsafeFileError}
 */
export async function removeRunFolder(
  data: string,
  { repository, run }: RunFolder,
  folder: BulkyFolder,
): Promise<void> {
  const scratch = scratchFolder(data);
  await mkdir(scratch, { recursive: true });
  const target = join(scratch, temporaryName('removed'));
  await moveOutGuarded(repositoryFolders(data, repository).runs, `${run}/${folder}`, target);
  await removeFolder(target);
}

/** What the trainings of a repository downloaded. */
export interface Cache {
  readonly repository: string;
  /** Bytes. */
  readonly size: number;
  /** When the repository trained here last: milliseconds since 1970. */
  readonly usedAt: number;
}

/** The caches that are not empty. */
export async function listCaches(data: string): Promise<readonly Cache[]> {
  const found: Cache[] = [];
  for (const repository of await listRepositories(data)) {
    const { cache, runs } = repositoryFolders(data, repository);
    if ((await cacheEntries(cache)).length === 0) continue;
    const { mtimeMs } = await stat(runs).catch(() => ({ mtimeMs: 0 }));
    const size = [...(await measure(cache))].reduce((sum, [path, bytes]) => (path === '' ? bytes : sum), 0);
    found.push({ repository, size, usedAt: mtimeMs });
  }
  return found;
}

/** Files that are kept of a run or a study. */
export interface KeptFolder {
  readonly repository: string;
  readonly kind: 'artifacts' | 'studies';
  /** Id of the run or the study. */
  readonly id: string;
  /** Bytes. */
  readonly size: number;
  /** Milliseconds since 1970. */
  readonly modifiedAt: number;
}

export async function listKeptFolders(data: string): Promise<readonly KeptFolder[]> {
  const found: KeptFolder[] = [];
  for (const repository of await listRepositories(data)) {
    const folders = repositoryFolders(data, repository);
    for (const kind of ['artifacts', 'studies'] as const) {
      const sizes = await measure(folders[kind]);
      for (const id of await foldersIn(folders[kind])) {
        const { mtimeMs: modifiedAt } = await stat(join(folders[kind], id));
        found.push({ repository, kind, id, size: sizes.get(id) ?? 0, modifiedAt });
      }
    }
  }
  return found;
}

export async function removeKeptFolder(data: string, { repository, kind, id }: KeptFolder): Promise<void> {
  await removeFolder(join(repositoryFolders(data, repository)[kind], id));
}

/** Empties a cache. Its folders stay: a container may be starting whose mounts they are. */
export async function emptyCache(data: string, repository: string): Promise<void> {
  for (const entry of await cacheEntries(repositoryFolders(data, repository).cache)) await removeFolder(entry);
}

/** Paths of what lies in the folders of a cache. */
async function cacheEntries(cache: string): Promise<readonly string[]> {
  const folders = (await foldersIn(cache)).map((folder) => join(cache, folder));
  return (
    await Promise.all(folders.map(async (folder) => (await readdir(folder)).map((name) => join(folder, name))))
  ).flat();
}

/** Bytes on disk of the folders up to two levels below `root`, by their path relative to it. */
async function measure(root: string): Promise<ReadonlyMap<string, number>> {
  const output = await execute('du', ['--null', '-B1', '--max-depth=2', '--', root], {
    maxBuffer: 64 * 1024 ** 2,
  }).then(
    ({ stdout }) => stdout,
    // What vanished while it was measured is an error to du; the rest is measured all the same.
    (error: { readonly stdout?: string }) => error.stdout ?? '',
  );
  const lines = output.split('\0').filter((line) => line !== '');
  return new Map(
    lines.map((line) => {
      const tab = line.indexOf('\t');
      return [line.slice(tab + root.length + 2), Number(line.slice(0, tab))];
    }),
  );
}

async function foldersIn(root: string): Promise<readonly string[]> {
  try {
    const entries = await readdir(root, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/** Removes what a killed process left in the scratch folder. Returns the names. */
export async function removeAbandonedScratch(data: string): Promise<readonly string[]> {
  return removeEntries(scratchFolder(data), (name, modifiedAt) => isLeftBehind(name, modifiedAt, Date.now()));
}

/**
 * Removes downloaded packages that no build used for so long, and downloads that were interrupted. Returns the names.
 *
 * @param age seconds
 */
export async function removeOldWheels(data: string, age: number): Promise<readonly string[]> {
  return removeEntries(wheelsFolder(data), (name, modifiedAt) =>
    name.includes('.') ? isLeftBehind(name, modifiedAt, Date.now()) : Date.now() - modifiedAt >= age * 1000,
  );
}

async function removeEntries(
  folder: string,
  isToGo: (name: string, modifiedAt: number) => boolean,
): Promise<readonly string[]> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  const removed: string[] = [];
  for (const name of names) {
    const details = await stat(join(folder, name)).catch(() => undefined);
    if (details === undefined || !isToGo(name, details.mtimeMs)) continue;
    await removeFolder(join(folder, name));
    removed.push(name);
  }
  return removed;
}

/** Containers in which a killed process was installing packages. Returns their names. */
export async function removeAbandonedBuilds(docker: Docker): Promise<readonly string[]> {
  const found = await docker.listContainers({ all: true, filters: { label: [imageLabel], name: [buildContainer] } });
  const removed: string[] = [];
  for (const { Id, Names, Created } of found) {
    const name = basename(Names[0] ?? '');
    if (!name.startsWith(buildContainer) || !isLeftBehind(name, Created * 1000, Date.now())) continue;
    await docker.getContainer(Id).remove({ force: true });
    removed.push(name);
  }
  return removed;
}

/** An image that Pushtune built. */
export interface OwnImage {
  readonly id: string;
  readonly tags: readonly string[];
  /** Bytes that it adds to the image it was made from. */
  readonly size: number;
  /** Milliseconds since 1970. */
  readonly taggedAt: number;
  /** Another image, whosever, lies upon it. */
  readonly isBase: boolean;
  /** Names of all containers of it, also of those that are not Pushtune's. */
  readonly containers: readonly string[];
}

/** The images that are ours by their label, and nobody else's by a further tag. */
export async function listOwnImages(docker: Docker): Promise<readonly OwnImage[]> {
  const [containers, listed] = await Promise.all([docker.listContainers({ all: true }), docker.listImages()]);
  const found = await Promise.all(listed.map((image) => inspectImage(docker, image)));
  const all = found.filter((image) => image !== undefined);
  return all
    .filter(({ isLabelled, tags }) => isLabelled && tags.every((tag) => tag.startsWith('pushtune/')))
    .map((image) => ({
      id: image.id,
      tags: image.tags,
      size: addedSize(image, all),
      taggedAt: image.taggedAt,
      isBase: isBaseOfAnother(image, all),
      containers: containers
        .filter(({ ImageID }) => ImageID === image.id)
        .map(({ Names, Id }) => basename(Names[0] ?? Id)),
    }));
}

/** Removes an image by all its tags. The engine refuses while a container uses it. */
export async function removeImage(docker: Docker, { id, tags }: OwnImage): Promise<void> {
  for (const name of tags.length === 0 ? [id] : tags) await docker.getImage(name).remove();
}

interface InspectedImage extends LayeredImage, Pick<OwnImage, 'tags' | 'taggedAt'> {
  readonly isLabelled: boolean;
}

/** @returns undefined when it was removed since it was listed */
async function inspectImage(docker: Docker, listed: Docker.ImageInfo): Promise<InspectedImage | undefined> {
  const details = await docker
    .getImage(listed.Id)
    .inspect()
    .catch((error: { readonly statusCode?: number }) => {
      if (error.statusCode === 404) return undefined;
      throw error;
    });
  if (details === undefined) return undefined;
  const { LastTagTime } = (details as { readonly Metadata?: { readonly LastTagTime?: string } }).Metadata ?? {};
  const times = [details.Created, LastTagTime].map((time) => Date.parse(time ?? '')).filter(Number.isFinite);
  return {
    id: details.Id,
    tags: details.RepoTags,
    layers: details.RootFS.Layers ?? [],
    size: details.Size,
    taggedAt: Math.max(0, ...times),
    isLabelled: listed.Labels?.[imageLabel] !== undefined,
  };
}
