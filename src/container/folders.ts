/** Where everything lies below the data directory, and whom the folders of trainings belong to. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { lstat, mkdir, readdir } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { promisify } from 'node:util';
import type { Owner } from './guarded-files.js';

const execute = promisify(execFile);

export interface RepositoryFolders {
  /** Bare mirror; never mounted into a container. */
  readonly mirror: string;
  /** One folder per run; the container mounts it as `/runs`. */
  readonly runs: string;
  /** One folder per container, mounted as `/agent`: requests and heartbeat. */
  readonly agents: string;
  /** What trainings downloaded (data sets, weights); the repository's containers share it. */
  readonly cache: string;
  /** One folder per study with what its best trial left; never mounted into a container. */
  readonly studies: string;
  /** One folder per run with the files that are kept of it; never mounted into a container. */
  readonly artifacts: string;
}

export function repositoryFolders(data: string, repository: string): RepositoryFolders {
  const folder = join(data, 'repositories', repository);
  return {
    mirror: join(folder, 'mirror.git'),
    runs: join(folder, 'runs'),
    agents: join(folder, 'agents'),
    cache: join(folder, 'cache'),
    studies: join(folder, 'studies'),
    artifacts: join(folder, 'artifacts'),
  };
}

/** Folder for helper programs and temporary files of the server. */
export function scratchFolder(data: string): string {
  return join(data, 'scratch');
}

/** Downloaded wheels: one folder per set of packages, and one with a dot in its name while it is downloaded. */
export function wheelsFolder(data: string): string {
  return join(data, 'wheels');
}

/** Tells this server's containers from those of another one on the same machine. */
export function instanceName(data: string): string {
  return createHash('sha256').update(data).digest('hex').slice(0, 12);
}

/** The user of the containers when the server is root: one that no Debian package takes (below 65534, above 59999). */
const containerUser = 60_111;

/** Containers run as the server's own user, so that it can delete what they write; never as root. */
export function containerOwner(): Owner {
  const uid = process.getuid?.() ?? containerUser;
  const gid = process.getgid?.() ?? containerUser;
  return uid === 0 ? { uid: containerUser, gid: containerUser } : { uid, gid };
}

/** Gives a folder and all in it to the containers' user. Symbolic links are changed themselves, not what they point to. */
export async function giveToContainer(folder: string): Promise<void> {
  if (process.getuid?.() !== 0) return;
  const { uid, gid } = containerOwner();
  await execute('chown', ['-Rh', '--', `${uid}:${gid}`, folder]);
}

/** Makes the folder for the containers' user if it is not there. */
export async function makeContainerFolder(folder: string): Promise<void> {
  const made = await mkdir(folder, { recursive: true });
  if (made !== undefined) await giveToContainer(folder);
}

/**
 * Removes a folder that scripts wrote to, whatever they left in it: folders that nobody may open, or nested more deeply
 * than a path is long. `rm` follows no link that is put into its way.
 */
export async function removeFolder(folder: string): Promise<void> {
  if (!(await isThere(folder))) return;
  const remove = (): Promise<unknown> => execute('rm', ['-rf', '--one-file-system', '--', folder]);
  try {
    await remove();
  } catch {
    // Only root may remove from a folder without permissions; its owner can give them back.
    await execute('chmod', ['-R', 'u+rwX', '--', folder]);
    await remove();
  }
}

async function isThere(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

/** Paths of the files in a folder and below it, relative to it and sorted; without what Python compiles beside them. */
export async function filesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .filter((path) => !path.includes('__pycache__'))
    .sort();
}
