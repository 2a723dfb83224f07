/** What a person does without Pushtune: `docker run` of the environment's image, with a new interpreter. */
import { execFile } from 'node:child_process';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** Seconds from the call to its end. */
export async function trainByHand(image: string, script: string): Promise<number> {
  const repository = await mkdtemp(join(tmpdir(), 'pushtune-by-hand-'));
  try {
    await chmod(repository, 0o755);
    await writeFile(join(repository, 'train.py'), script);
    const before = performance.now();
    await promisify(execFile)('docker', [
      'run',
      '--rm',
      '--volume',
      `${repository}:/workspace`,
      image,
      'python3',
      'train.py',
    ]);
    return (performance.now() - before) / 1000;
  } finally {
    await rm(repository, { recursive: true, force: true });
  }
}
