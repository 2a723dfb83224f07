/** The fastest that there is without Pushtune: Optuna and all trainings in one process of Python. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { packageRoot } from '../../../src/package-root.js';
import { findOptuna } from '../tuner/optuna-oracle.js';
import type { Loop } from './loop.js';

const program = join(packageRoot(), 'test', 'bench', 'cycle', 'in_process.py');

/**
 * Seconds that each of the cycles' values takes there, with a suggestion of Optuna's for each; imports are not counted,
 * as they are not in the cycles.
 *
 * @returns undefined where Optuna can't be had, or not for the Python of the image
 */
export async function trainInProcess({ clone, image, cycles }: Loop): Promise<number[] | undefined> {
  const optuna = await findOptuna({ wanted: ['tpe'] });
  if (optuna === undefined) return undefined;
  const packages = execFileSync(optuna.python, ['-c', 'import sysconfig; print(sysconfig.get_path("purelib"))']);
  const folder = mkdtempSync(join(tmpdir(), 'pushtune-bench-'));
  for (const [i, { sha }] of cycles.entries()) {
    const script = execFileSync('git', ['show', `${sha}:train.py`], { cwd: clone });
    const path = join(folder, String(i), 'train.py');
    mkdirSync(dirname(path));
    writeFileSync(path, script);
  }
  writeFileSync(join(folder, 'values.json'), JSON.stringify(cycles.map(({ values }) => values)));
  writeFileSync(join(folder, 'in_process.py'), readFileSync(program));
  const output = execFileSync(
    'docker',
    [
      ...['run', '--rm', '--volume', `${folder}:/workspace`, '--volume', `${packages.toString().trim()}:/optuna:ro`],
      ...[image, 'python3', 'in_process.py'],
    ],
    { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] },
  );
  return z.array(z.number()).parse(JSON.parse(output.trimEnd().split('\n').at(-1) ?? ''));
}
