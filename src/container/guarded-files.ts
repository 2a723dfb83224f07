/**
 * Reading and writing in folders that a script may write to as well.
 *
 * A script could put a symbolic link or a pipe where the server expects a file, and so make the server, which may be
 * root, read or write elsewhere. Every folder on the way is therefore opened without following links, and the next name
 * is looked up below that open folder (`/proc/self/fd`), so that nothing can be exchanged in between. Linux only, as the
 * containers are.
 */
import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, open, opendir, rename, unlink } from 'node:fs/promises';

/** What stands at the path is a link, a pipe or another thing that no training should leave there. */
export class UnsafeFileError extends Error {
  override readonly name = 'UnsafeFileError';
}

const folderFlags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
/** O_NONBLOCK: opening a pipe without a writer would wait for ever. */
const readFlags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
const createFlags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

/**
 * Reads bytes of a file below `root` from `offset` on, at most `length`.
 *
 * @param path relative to `root`, without `..`
 * @returns undefined when there is no such file
 * @throws {UnsafeFileError}
 */
export async function readGuarded(
  root: string,
  path: string,
  offset: number,
  length: number,
): Promise<Buffer | undefined> {
  return withRegularFile(root, path, async (file) => {
    const buffer = Buffer.alloc(length);
    const { bytesRead } = await file.read(buffer, 0, length, offset);
    return buffer.subarray(0, bytesRead);
  });
}

/** What opening gives for a link, for a file instead of a folder, a pipe, a forbidden file and a name of any length. */
const unusable = new Set(['ELOOP', 'ENOTDIR', 'ENXIO', 'EACCES', 'ENAMETOOLONG']);

/** Bytes of a file below `root`, or undefined when there is none. @throws {UnsafeFileError} */
export async function sizeGuarded(root: string, path: string): Promise<number | undefined> {
  return withRegularFile(root, path, async (file) => (await file.stat()).size);
}

/** Bytes that are copied at once. */
const copiedBytes = 1024 * 1024;

/**
 * Copies a file below `root` to a new file, which is the server's own.
 *
 * @param target path of the new file, in a folder that no script writes to
 * @param longest bytes: a larger file is not copied
 * @returns false when there is no such file, or a larger one
 * @throws {UnsafeFileError}
 */
export async function copyGuarded(root: string, path: string, target: string, longest: number): Promise<boolean> {
  const isCopied = await withRegularFile(root, path, async (file) => {
    if ((await file.stat()).size > longest) return false;
    const copy = await open(target, createFlags, 0o644);
    try {
      const buffer = Buffer.alloc(copiedBytes);
      // A script that still writes to it makes it no longer than that.
      for (let done = 0; done < longest; ) {
        const { bytesRead } = await file.read(buffer, 0, Math.min(buffer.length, longest - done), done);
        if (bytesRead === 0) break;
        await copy.writeFile(buffer.subarray(0, bytesRead));
        done += bytesRead;
      }
      await copy.sync();
    } finally {
      await copy.close();
    }
    return true;
  });
  return isCopied ?? false;
}

/** When the file below `root` was written last (ms since 1970), or undefined when there is none. @throws {UnsafeFileError} */
export async function modifiedGuarded(root: string, path: string): Promise<number | undefined> {
  return withRegularFile(root, path, async (file) => (await file.stat()).mtimeMs);
}

/** What stands at a path. */
export interface GuardedStat {
  readonly isFolder: boolean;
  /** Bytes. */
  readonly size: number;
  /** Milliseconds since 1970. */
  readonly modifiedAt: number;
}

/** What a folder or regular file below `root` is, or undefined when there is none. @throws {UnsafeFileError} */
export async function statGuarded(root: string, path: string): Promise<GuardedStat | undefined> {
  return inFolderOf(root, path, async (name) => {
    const file = await openGuarded(name, path, readFlags);
    if (file === undefined) return undefined;
    try {
      const stat = await file.stat();
      if (!stat.isFile() && !stat.isDirectory()) throw new UnsafeFileError(`${path} in the run's folder is no file`);
      return { isFolder: stat.isDirectory(), size: stat.size, modifiedAt: stat.mtimeMs };
    } finally {
      await file.close();
    }
  });
}

/**
 * Names in a folder below `root`, in no order; what they stand for is seen when they are opened.
 *
 * @param most a script could make any number of files: no more names than this are given
 * @returns nothing when there is no such folder
 * @throws {UnsafeFileError}
 */
export async function listGuarded(root: string, path: string, most: number): Promise<readonly string[]> {
  const names = await inFolderOf(root, `${path}/*`, async (_name, folder) => {
    const found: string[] = [];
    for await (const { name } of await opendir(folder)) {
      if (found.length === most) break;
      found.push(name);
    }
    return found;
  });
  return names ?? [];
}

async function withRegularFile<T>(
  root: string,
  path: string,
  use: (file: FileHandle) => Promise<T>,
): Promise<T | undefined> {
  return inFolderOf(root, path, async (name) => {
    const file = await openGuarded(name, path, readFlags);
    if (file === undefined) return undefined;
    try {
      if (!(await file.stat()).isFile()) throw new UnsafeFileError(`${path} in the run's folder is no regular file`);
      return await use(file);
    } finally {
      await file.close();
    }
  });
}

/**
 * Writes a whole file below `root`; readers see the old one or the new one.
 *
 * @param owner user and group of the file, where the server may choose them
 * @throws {UnsafeFileError}
 */
export async function writeGuarded(root: string, path: string, text: string, owner?: Owner): Promise<void> {
  await inFolderOf(root, path, async (name, folder) => {
    // Hidden, so that whoever lists the folder does not take it for a file of its own.
    const temporary = `${folder}/.${randomUUID()}`;
    const file = await open(temporary, createFlags, 0o644);
    try {
      await file.writeFile(text);
      if (owner !== undefined) await file.chown(owner.uid, owner.gid);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, name).catch(async (error: unknown) => {
      await unlink(temporary);
      throw error;
    });
  });
}

/** Removes a file or link below `root`, if it is there. @throws {UnsafeFileError} */
export async function removeGuarded(root: string, path: string): Promise<void> {
  await inFolderOf(root, path, async (name) => {
    await unlink(name).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
    });
  });
}

/** Moves a file or folder below `root` out of it, if it is there; a link is moved itself. @throws {UnsafeFileError} */
export async function moveOutGuarded(root: string, path: string, target: string): Promise<void> {
  await inFolderOf(root, path, async (name) => {
    await rename(name, target).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
    });
  });
}

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** Calls `use` with a path to the last name of `path`, in the folder that holds it and no other. */
async function inFolderOf<T>(
  root: string,
  path: string,
  use: (name: string, folder: string) => Promise<T>,
): Promise<T | undefined> {
  const names = path.split('/').filter((part) => part !== '' && part !== '.');
  const last = names.pop();
  if (last === undefined || names.includes('..') || last === '..')
    throw new UnsafeFileError(`${path} leads out of the run's folder`);
  let folder = await open(root, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    for (const name of names) {
      const next = await openGuarded(`/proc/self/fd/${folder.fd}/${name}`, path, folderFlags);
      if (next === undefined) return undefined;
      await folder.close();
      folder = next;
    }
    return await use(`/proc/self/fd/${folder.fd}/${last}`, `/proc/self/fd/${folder.fd}`);
  } finally {
    await folder.close();
  }
}

async function openGuarded(name: string, path: string, flags: number): Promise<FileHandle | undefined> {
  try {
    return await open(name, flags);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT') return undefined;
    if (code !== undefined && unusable.has(code)) {
      throw new UnsafeFileError(`${path} in the run's folder is a link, no regular file, or can't be read`, {
        cause: error,
      });
    }
    throw error;
  }
}
