/** A study of the sample CNN through Pushtune, measured from push to next push. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type Docker from 'dockerode';
import { z } from 'zod';
import { agentFolder } from '../../../src/container/containers.js';
import { packageRoot } from '../../../src/package-root.js';
import type { Values } from '../../../src/tuning/space.js';
import { repository, startPushtune, type TestServer, until, untilEnded } from '../../support/pushtune.js';

export interface Cycle {
  readonly trial: number;
  readonly sha: string;
  readonly values: Values;
  /** Seconds from the moment in which the push was recorded to the one in which the next was. */
  readonly seconds: number;
  /** Seconds that the script ran. */
  readonly training: number;
}

export interface Loop {
  readonly cycles: readonly Cycle[];
  readonly image: string;
  /** A copy of the study's repository, which outlives the server. */
  readonly clone: string;
  /** Bytes of the agent and of the interpreter that has imported TensorFlow, shared pages divided among those who share. */
  readonly idleMemory: Readonly<Record<string, number>>;
}

/** @param options.interpreter `auto`, or `cold` for an interpreter that imports everything in each trial */
export async function measureLoop({
  trials,
  interpreter,
}: {
  readonly trials: number;
  readonly interpreter: 'auto' | 'cold';
}): Promise<Loop> {
  const server = await startPushtune({ study: { target: 1, budget: { trials } }, training: { interpreter } });
  try {
    const script = readFileSync(join(packageRoot(), 'model', 'train.py'), 'utf8');
    // The first runs make the container and warm its interpreter, which is no part of a cycle.
    await untilEnded(server, await server.push({ 'train.py': script, '.pushtune.yml': 'metric: {target: 0}\n' }), 600);
    const first = await untilEnded(server, await server.push({ '.pushtune.yml': 'pruning: off\n' }), 600);
    const study = await until(
      'the study ends',
      async () => {
        const found = await server.study(first.study);
        return found.state !== 'running' && found;
      },
      900,
    );
    const runs = (await server.runs()).filter(({ study }) => study === first.study).sort((a, b) => a.trial - b.trial);
    const cycles = runs.slice(0, -1).map((run, i): Cycle => {
      // A run is recorded when its push has been accepted; the bot's next run right after its commit was pushed.
      const seconds = (Date.parse(runs[i + 1]?.createdAt ?? '') - Date.parse(run.createdAt)) / 1000;
      const { trial, sha, training } = run;
      const values = study.trials.find(({ number }) => number === trial)?.values ?? {};
      return { trial, sha, values, seconds, training: training?.seconds ?? Number.NaN };
    });
    const clone = mkdtempSync(join(tmpdir(), 'pushtune-bench-'));
    execFileSync('git', ['clone', '--quiet', server.remote, clone]);
    const container = first.build?.container ?? '';
    const idleMemory = interpreter === 'cold' ? {} : await measureIdle(server, container);
    return { cycles, image: first.build?.image ?? '', clone, idleMemory };
  } finally {
    await server.close();
  }
}

const warmFile = z.object({ agent: z.int(), interpreter: z.int().optional() });

async function measureIdle({ config, docker }: TestServer, container: string): Promise<Record<string, number>> {
  const file = join(agentFolder(config.data, repository, container), 'warm.json');
  const { agent, interpreter } = warmFile.parse(JSON.parse(readFileSync(file, 'utf8')));
  const found: Record<string, number> = { agent: await proportionalSize(docker, container, agent) };
  if (interpreter !== undefined) found['warm interpreter'] = await proportionalSize(docker, container, interpreter);
  return found;
}

/** Bytes of a process of the container. */
async function proportionalSize(docker: Docker, container: string, pid: number): Promise<number> {
  const { Processes, Titles } = await docker.getContainer(container).top({ ps_args: '-eo pid,args' });
  // The machine counts processes otherwise than the container, which says its own number second.
  const column = Titles.indexOf('PID');
  for (const process of Processes as string[][]) {
    const outside = process[column] ?? '';
    const inside = /^NSpid:.*\s(\d+)$/m.exec(readFileSync(`/proc/${outside}/status`, 'utf8'))?.[1];
    if (Number(inside) !== pid) continue;
    const size = /^Pss:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${outside}/smaps_rollup`, 'utf8'))?.[1];
    return Number(size) * 1024;
  }
  throw new Error(`the container ${container} has no process ${pid}`);
}
