/** Folders of the server that a repository may read. */
import { realpath } from 'node:fs/promises';
import { join, posix, sep } from 'node:path';
import { ContainerError } from './containers.js';

/**
 * Finds the folders that `.pushtune.yml` names under `data`, below the server's data root.
 *
 * @returns path in the container (`/data/<name>`) → path on the host
 * @throws {ContainerError} when a folder is missing or leads out of the data root
 */
export async function dataMounts(root: string, names: readonly string[]): Promise<ReadonlyMap<string, string>> {
  if (names.length === 0) return new Map();
  if (root === '') throw new ContainerError('.pushtune.yml names data, but the server has no training.data_root');
  const realRoot = await realpath(root).catch((cause: unknown) => {
    throw new ContainerError(`the server's training.data_root ${root} does not exist`, { cause });
  });
  return new Map(await Promise.all(names.map((name) => mount(realRoot, name))));
}

async function mount(root: string, name: string): Promise<[string, string]> {
  // A name that goes up and down again is where it seems to be on the host, and elsewhere in the container.
  const target = posix.normalize(`/data/./${name}`).replace(/\/+$/, '');
  if (name.split('/').includes('..') || target === '/data')
    throw new ContainerError(`data: ${name} names no folder below the server's training.data_root`);
  const folder = await realpath(join(root, name)).catch((cause: unknown) => {
    throw new ContainerError(`data: there is no ${name} below the server's training.data_root`, { cause });
  });
  if (!folder.startsWith(`${root}${sep}`))
    throw new ContainerError(`data: ${name} leads out of the server's training.data_root`);
  return [target, folder];
}
