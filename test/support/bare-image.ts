/** Images in which no agent can run. */
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type Docker from 'dockerode';
import { pack } from 'tar-fs';

export interface ImageFile {
  readonly text: string | Uint8Array;
  readonly mode: number;
}

/** Makes an image that holds these files and nothing else. */
export async function makeImage(
  docker: Docker,
  name: string,
  files: Readonly<Record<string, ImageFile>>,
): Promise<void> {
  await withFolder(files, async (folder) => {
    const stream = await docker.importImage(pack(folder) as unknown as NodeJS.ReadableStream, {
      repo: name,
      tag: 'latest',
    });
    stream.resume();
    await once(stream, 'end');
  });
}

/** The start of a program for another processor, for any on which Pushtune runs: a machine that was never sold. */
export function foreignProgram(): ImageFile {
  const header = Buffer.alloc(64);
  header.write('\x7fELF\x02\x01\x01', 'latin1');
  // e_type: executable; e_machine: AT&T WE 32100.
  header.writeUInt16LE(2, 16);
  header.writeUInt16LE(1, 18);
  return { text: header, mode: 0o755 };
}

async function withFolder(
  files: Readonly<Record<string, ImageFile>>,
  use: (folder: string) => Promise<void>,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'pushtune-image-'));
  chmodSync(folder, 0o755);
  try {
    for (const [path, { text, mode }] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), text, { mode });
    }
    await use(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
