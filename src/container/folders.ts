/** Where everything lies below the data directory, and whom the folders of trainings belong to. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, readdir } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { promisify } from 'node:util';
import type { Owner } from './guarded-files.js';

export interface RepositoryFolders {
  /** Bare mirror; never mounted into a container. */
  readonly mirror: string;
  /** One folder per run; the container mounts it as `/runs`. */
  readonly runs: string;
  /** One folder per container, mounted as `/agent`: requests and heartbeat. */
  readonly agents: string;
  /** One folder per study with what its best trial left; never mounted into a container. */
  readonly studies: string;
}

export function repositoryFolders(data: string, repository: string): RepositoryFolders {
  const folder = join(data, 'repositories', repository);
  return {
    mirror: join(folder, 'mirror.git'),
    runs: join(folder, 'runs'),
    agents: join(folder, 'agents'),
    studies: join(folder, 'studies'),
  };
}

/** Folder for helper programs and temporary files of the server. */
export function scratchFolder(data: string): string {
  return join(data, 'scratch');
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
  await promisify(execFile)('chown', ['-Rh', '--', `${uid}:${gid}`, folder]);
}

/** Makes the folder for the containers' user if it is not there. */
export async function makeContainerFolder(folder: string): Promise<void> {
  const made = await mkdir(folder, { recursive: true });
  if (made !== undefined) await giveToContainer(folder);
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
