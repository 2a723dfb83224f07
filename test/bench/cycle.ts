/**
 * What a trial costs beyond its training: from the moment in which a push is accepted to the next commit on the branch,
 * less the seconds that the script ran. The sample CNN, real git, Redis, Docker and TensorFlow.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../src/package-root.js';
import { startPushtune, until, untilEnded } from '../support/pushtune.js';

const trials = 5;

export async function benchCycle(options: readonly string[]): Promise<void> {
  const server = await startPushtune({ study: { target: 1, budget: { trials } } });
  try {
    const script = readFileSync(join(packageRoot(), 'model', 'train.py'), 'utf8');
    // The first run makes the container, which is no part of a cycle.
    await untilEnded(server, await server.push({ 'train.py': 'print("val_accuracy: 1.0")\n' }), 600);
    const first = await untilEnded(server, await server.push({ 'train.py': script }), 600);
    await until('the study ends', async () => (await server.study(first.study)).state !== 'running', 900);
    const runs = (await server.runs()).filter(({ study }) => study === first.study).sort((a, b) => a.trial - b.trial);
    const cycles = runs.slice(0, -1).map((run, i) => {
      const next = runs[i + 1];
      const training = run.training?.seconds ?? 0;
      // A run is recorded when its push has been accepted; the bot's next run right after its commit was pushed.
      const cycle = (Date.parse(next?.createdAt ?? run.createdAt) - Date.parse(run.createdAt)) / 1000;
      return { trial: run.trial, cycle, training, overhead: cycle - training };
    });
    const overheads = cycles.map(({ overhead }) => overhead).sort((a, b) => a - b);
    const median = overheads[Math.floor(overheads.length / 2)] ?? Number.NaN;
    for (const { trial, cycle, training, overhead } of cycles) {
      process.stdout.write(
        `trial ${trial}: cycle ${cycle.toFixed(2)} s, training ${training.toFixed(2)} s, overhead ${overhead.toFixed(2)} s\n`,
      );
    }
    process.stdout.write(`overhead of a cycle, median of ${cycles.length}: ${median.toFixed(2)} s (limit 3 s)\n`);
    if (options.includes('--json')) {
      process.stdout.write(`${JSON.stringify({ overhead_seconds: Number(median.toFixed(3)), cycles })}\n`);
    }
  } finally {
    await server.close();
  }
}
