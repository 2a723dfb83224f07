/** Reads many of git's objects in one process. */
import { localGitWithInput } from './client.js';

/**
 * The contents of those of the blobs that are there, by their names.
 *
 * @throws {GitError}
 */
export async function readBlobs(
  directory: string,
  blobs: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<ReadonlyMap<string, Buffer>> {
  const contents = new Map<string, Buffer>();
  if (blobs.length === 0) return contents;
  const input = blobs.map((blob) => `${blob}\n`).join('');
  const output = await localGitWithInput(directory, ['cat-file', '--batch'], input, environment);
  // For each object: `<name> blob <bytes>`, a line feed, the bytes and a line feed.
  for (let offset = 0; offset < output.length; ) {
    const end = output.indexOf('\n', offset);
    const [blob = '', type, size] = output.subarray(offset, end).toString('latin1').split(' ');
    offset = end + 1;
    if (type !== 'blob') continue;
    const bytes = output.subarray(offset, offset + Number(size));
    contents.set(blob, bytes);
    offset += bytes.length + 1;
  }
  return contents;
}
