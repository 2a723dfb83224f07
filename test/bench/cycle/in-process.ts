/** The hand-written loop that Pushtune is compared with: a plain Python program that calls Optuna and trains itself. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import Docker from 'dockerode';
import { z } from 'zod';
import type { ContainerLimits } from '../../../src/container/containers.js';
import { ensureDerivedImage } from '../../../src/container/images.js';
import { packageRoot } from '../../../src/package-root.js';
import type { Parameter, Values } from '../../../src/tuning/space.js';

export interface InProcess {
  /** Seconds until the first trial begins: imports, data. */
  readonly startup: number;
  /** Seconds of each trial, to the beginning of the next. */
  readonly seconds: readonly number[];
  readonly accuracies: readonly number[];
}

const folder = join(packageRoot(), 'test', 'bench', 'cycle');

/**
 * The environment's image with Optuna on top; made once for an image.
 *
 * @throws {ImageError} where Optuna can't be had
 */
export async function ensureOptunaImage(base: string): Promise<string> {
  const { tag } = await ensureDerivedImage(new Docker(), {
    environment: 'tensorflow',
    base,
    requirements: ['optuna>=5,<6'],
    dataDirectory: join(packageRoot(), 'data', 'bench'),
    onProgress: () => undefined,
  });
  return tag;
}

/**
 * Trains the trials one after the other in one process, in a container with the limits of Pushtune's.
 *
 * @throws when the program ends with an error, with its last lines
 */
export async function trainInProcess(
  image: string,
  limits: ContainerLimits,
  request: { readonly parameters: readonly Parameter[]; readonly trials: readonly Values[] },
): Promise<InProcess> {
  const child = spawn('docker', [
    'run',
    '--rm',
    '--interactive',
    ...['--memory', `${limits.memory}`, '--cpus', `${limits.cpus}`, '--pids-limit', `${limits.processes}`],
    ...['--volume', `${folder}:/workspace:ro`, '--volume', `${join(packageRoot(), 'model')}:/sample:ro`],
    ...[image, 'python3', 'in_process.py'],
  ]);
  child.stdin.end(JSON.stringify(request));
  const ended = new Promise((resolve, reject) => child.once('error', reject).once('close', resolve));
  const [printed, errors, code] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  if (code !== 0) throw new Error(`in_process.py ended with exit code ${code}: ${errors.slice(-2000)}`);
  return resultSchema.parse(JSON.parse(printed.trim().split('\n').at(-1) ?? ''));
}

const resultSchema = z.object({
  startup: z.number(),
  seconds: z.array(z.number()),
  accuracies: z.array(z.number()),
});
