/** A study of the sample CNN through a whole Pushtune: real git, Redis, Docker and TensorFlow. */
import type { ContainerLimits } from '../../../src/container/containers.js';
import type { Run } from '../../../src/pipeline/run.js';
import type { Study } from '../../../src/pipeline/study.js';
import type { Parameter, Values } from '../../../src/tuning/space.js';
import { startPushtune, type TestServer, until, untilEnded } from '../../support/pushtune.js';
import { sampleFiles } from '../../support/sample.js';
import { type ProcessMemory, readMemory } from './memory.js';

/** From the moment in which a run is recorded to that in which the next one is. */
export interface Cycle {
  readonly trial: number;
  /** The commit's Python files: the same texts are the same work. */
  readonly files: Readonly<Record<string, string>>;
  readonly values: Values;
  readonly metric: number | undefined;
  /** Seconds. */
  readonly cycle: number;
  /** Seconds that the script's process ran. */
  readonly training: number;
}

export interface Loop {
  readonly cycles: readonly Cycle[];
  /** Seconds of the first push, whose run makes the container and has the frameworks imported. */
  readonly start: number;
  readonly image: string;
  readonly limits: ContainerLimits;
  readonly parameters: readonly Parameter[];
  /** The container's processes between two trainings. */
  readonly idle: readonly ProcessMemory[];
}

/**
 * Pushes the sample CNN, and lets the study go on for so many cycles. What is suggested depends on the seconds of the
 * trials before, so that no two studies train the same.
 *
 * @param interpreter as in the server's configuration: `cold` is a new one for each training
 */
export async function runLoop(cycles: number, interpreter: 'auto' | 'cold'): Promise<Loop> {
  const server = await startPushtune({
    // The run that follows the last cycle belongs to none, so the study has one trial more.
    study: { target: 1, budget: { trials: cycles + 1, patience: cycles + 1 } },
    training: { interpreter },
  });
  try {
    return await measure(server);
  } finally {
    await server.close();
  }
}

async function measure(server: TestServer): Promise<Loop> {
  const sample = sampleFiles();
  // Every trial is trained to its end, as it is on the other sides.
  const settings = { '.pushtune.yml': 'pruning: off\n' };
  const before = performance.now();
  await untilSucceeded(
    server,
    await server.push({ ...sample, 'train.py': onlyData(sample['train.py'] ?? ''), ...settings }),
  );
  const start = (performance.now() - before) / 1000;
  const first = await untilSucceeded(server, await server.push({ ...sample, ...settings }));
  const study = await until(
    'the study ends',
    async () => {
      const current = await server.study(first.study);
      return current.state !== 'running' && current;
    },
    900,
  );
  const runs = (await server.runs()).filter((run) => run.study === study.id).sort((a, b) => a.trial - b.trial);
  const { build } = first;
  if (build === undefined) throw new Error(`run ${first.id} has no build`);
  return {
    cycles: runs.slice(0, -1).map((run, i) => toCycle(server, study, run, runs[i + 1])),
    start,
    image: build.image,
    limits: { ...server.config.training, gpus: 0 },
    parameters: study.space?.parameters ?? [],
    idle: await readMemory(build.container),
  };
}

function toCycle(server: TestServer, study: Study, run: Run, next: Run | undefined): Cycle {
  if (run.training === undefined || next === undefined) throw new Error(`trial ${run.trial} has not trained`);
  return {
    trial: run.trial,
    files: Object.fromEntries(
      Object.keys(sampleFiles()).map((path) => [path, server.git('show', `${run.sha}:${path}`)]),
    ),
    values: study.trials.find(({ number }) => number === run.trial)?.values ?? {},
    metric: run.metric?.value,
    // The person's run is recorded when the push has been accepted, the bot's right before its commit is pushed.
    cycle: (Date.parse(next.createdAt) - Date.parse(run.createdAt)) / 1000,
    training: run.training.seconds,
  };
}

/** A script that has the same modules imported and makes the images, and reaches the target: nothing follows it. */
function onlyData(script: string): string {
  const kept = script.split('\n').filter((line) => /^(import |from |folder = |make_digits\()/.test(line));
  return `${kept.join('\n')}\nprint("val_accuracy: 1.0")\n`;
}

async function untilSucceeded(server: TestServer, sha: string): Promise<Run> {
  const run = await untilEnded(server, sha, 600);
  if (run.state !== 'succeeded') throw new Error(`run ${run.number} ended as ${run.state}: ${run.reason ?? ''}`);
  return run;
}
