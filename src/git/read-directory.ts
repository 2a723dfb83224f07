/** The sources of a folder on disk, for looking at a repository before it is pushed. */
import { readdir, readFile, stat } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { isSource, mostSources } from './source-paths.js';

const skippedFolders = new Set(['.git', 'node_modules', '.venv', 'venv', '__pycache__', '.ipynb_checkpoints']);

/** path → bytes, as `readSources` gives them for a commit. Symbolic links are not followed. */
export async function readDirectory(directory: string): Promise<ReadonlyMap<string, Uint8Array>> {
  const files = new Map<string, Uint8Array>();
  const folders = [directory];
  for (let folder = folders.shift(); folder !== undefined && files.size < mostSources; folder = folders.shift()) {
    for (const entry of await readdir(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name);
      if (entry.isDirectory() && !skippedFolders.has(entry.name)) folders.push(path);
      if (!entry.isFile() || !isSource(entry.name, (await stat(path)).size)) continue;
      files.set(relative(directory, path).split(sep).join('/'), await readFile(path));
    }
  }
  return files;
}
