/** What a person does who has the image and no Pushtune: `docker run`, and wait. */
import { execFileSync } from 'node:child_process';
import type { Loop } from './loop.js';

/** Wall seconds of each cycle's commit, in their order. */
export async function runByHand({ clone, image, cycles }: Pick<Loop, 'clone' | 'image' | 'cycles'>): Promise<number[]> {
  return cycles.map(({ sha }) => {
    execFileSync('git', ['checkout', '--quiet', sha], { cwd: clone });
    const began = performance.now();
    execFileSync('docker', ['run', '--rm', '--volume', `${clone}:/workspace`, image, 'python3', 'train.py'], {
      stdio: 'ignore',
    });
    return (performance.now() - began) / 1000;
  });
}
