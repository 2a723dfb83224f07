/**
 * What a trial costs beyond its training, and what it takes in other ways: the sample CNN through Pushtune with a warm
 * and with a cold interpreter, by hand with `docker run`, and in one process with Optuna. Every commit of the loop is
 * trained in the other ways right after it, since only ratios count: no machine is always equally fast.
 */
import { textTable } from '../../src/http/text-table.js';
import { sampleFiles } from '../support/sample.js';
import { makeHome, trainByHand } from './cycle/by-hand.js';
import { ensureOptunaImage, type InProcess, trainInProcess } from './cycle/in-process.js';
import { type Cycle, type Loop, runLoop } from './cycle/loop.js';

/** Cycles of a study, from the person's push on. There are two studies with a warm interpreter, at different times. */
const warmCycles = 4;
const coldCycles = 3;

/** At most so much of a cold run by hand may a whole cycle take. */
const goalOfCycle = 0.6;
/** Seconds at most that a cycle may take beyond its training. */
const goalOfOverhead = 1;
/** At least so many trials an hour, relative to a program that trains in its own process. */
const goalOfTrials = 0.9;

/** A cycle, and the same commit or values in the other ways; seconds. */
interface Comparison extends Omit<Cycle, 'files'> {
  readonly overhead: number;
  readonly by_hand: number;
  readonly in_process?: number | undefined;
  readonly in_process_metric?: number | undefined;
}

interface Round {
  readonly loop: Loop;
  readonly comparisons: readonly Comparison[];
  readonly inProcess: InProcess | undefined;
}

export async function benchCycle(options: readonly string[]): Promise<void> {
  const first = await warmRound();
  const cold = await round(await runLoop(coldCycles, 'cold'), undefined);
  const second = await warmRound();
  const warm = [first, second];
  print(warm, cold);
  if (options.includes('--json')) process.stdout.write(`${JSON.stringify(figures(warm, cold), rounded)}\n`);
}

async function warmRound(): Promise<Round> {
  const loop = await runLoop(warmCycles, 'auto');
  return round(loop, await inProcessOf(loop));
}

async function round(loop: Loop, inProcess: InProcess | undefined): Promise<Round> {
  const comparisons: Comparison[] = [];
  const home = await makeHome(loop.image, sampleFiles());
  for (const [i, { files, ...cycle }] of loop.cycles.entries()) {
    comparisons.push({
      ...cycle,
      overhead: cycle.cycle - cycle.training,
      by_hand: await trainByHand(loop.image, files, home),
      in_process: inProcess?.seconds[i],
      in_process_metric: inProcess?.accuracies[i],
    });
  }
  await home.remove();
  return { loop, comparisons, inProcess };
}

async function inProcessOf({ image, limits, parameters, cycles }: Loop): Promise<InProcess | undefined> {
  const trials = cycles.map(({ values }) => values);
  try {
    return await trainInProcess(await ensureOptunaImage(image), limits, { parameters, trials });
  } catch (error) {
    process.stderr.write(`the program in one process is left out: ${String(error)}\n`);
    return undefined;
  }
}

/** All that the benchmark is about, by the names that `--json` gives them. */
function figures(warm: readonly Round[], cold: Round) {
  const cycles = warm.flatMap(({ comparisons }) => comparisons);
  const loop = 3600 / mean(cycles.map(({ cycle }) => cycle));
  const inProcess = 3600 / mean(cycles.map(({ in_process = Number.NaN }) => in_process));
  const idle = warm[0]?.loop.idle ?? [];
  return {
    cycle_vs_cold_by_hand: median(cycles.map(({ cycle, by_hand }) => cycle / by_hand)),
    overhead_seconds: median(cycles.map(({ overhead }) => overhead)),
    // As the others a median: now and then TensorFlow waits for seconds when it takes a pipeline of data down (a thread of
    // tf.data that tunes it sleeps), on either side.
    trials_per_hour_vs_in_process: median(cycles.map(({ cycle, in_process = Number.NaN }) => in_process / cycle)),
    cold_cycle_vs_cold_by_hand: median(cold.comparisons.map(({ cycle, by_hand }) => cycle / by_hand)),
    trials_per_hour: { loop, in_process: inProcess },
    medians: {
      cycle: median(cycles.map(({ cycle }) => cycle)),
      training: median(cycles.map(({ training }) => training)),
      cold_cycle: median(cold.comparisons.map(({ cycle }) => cycle)),
      by_hand: median([...cycles, ...cold.comparisons].map(({ by_hand }) => by_hand)),
      in_process: median(cycles.map(({ in_process = Number.NaN }) => in_process)),
    },
    start_seconds: {
      first_push: warm.map(({ loop }) => loop.start),
      first_push_cold: cold.loop.start,
      in_process: warm.map(({ inProcess }) => inProcess?.startup),
    },
    idle_memory_bytes: sum(idle.map(({ bytes }) => bytes)),
    idle_processes: idle,
    cycles,
    cold_cycles: cold.comparisons,
  };
}

function print(warm: readonly Round[], cold: Round): void {
  const { medians, trials_per_hour, start_seconds, idle_processes, ...ratios } = figures(warm, cold);
  const titles = ['seconds', 'cycle', 'training', 'overhead', 'by hand', 'in one process'];
  const lines = [
    ...warm.map(({ comparisons }) => table(['warm interpreter', ...titles.slice(1)], comparisons)),
    table(['cold interpreter', ...titles.slice(1, -1)], cold.comparisons),
    `medians: cycle ${seconds(medians.cycle)}, with a cold interpreter ${seconds(medians.cold_cycle)}, by hand ${seconds(medians.by_hand)}, in one process ${seconds(medians.in_process)}\n`,
    `cycle, of a cold run by hand: ${ratios.cycle_vs_cold_by_hand.toFixed(2)} (goal ≤ ${goalOfCycle}); with a cold interpreter ${ratios.cold_cycle_vs_cold_by_hand.toFixed(2)}\n`,
    `overhead over the training:   ${seconds(ratios.overhead_seconds)} (goal ≤ ${seconds(goalOfOverhead)})\n`,
    `trials an hour:               ${trials_per_hour.loop.toFixed(0)}, in one process ${trials_per_hour.in_process.toFixed(0)}: ${ratios.trials_per_hour_vs_in_process.toFixed(2)} (goal ≥ ${goalOfTrials})\n`,
    `  both without their start:   first push ${start_seconds.first_push.map(seconds).join(', ')}, imports of the process ${start_seconds.in_process.map(seconds).join(', ')}\n`,
    `idle memory of the container: ${megabytes(ratios.idle_memory_bytes)} (${idle_processes.map(({ name, bytes }) => `${name} ${megabytes(bytes)}`).join(', ')})\n`,
    ...warm.flatMap(({ comparisons }) => disagreements(comparisons)),
  ];
  process.stdout.write(lines.join(''));
}

function table(titles: readonly string[], comparisons: readonly Comparison[]): string {
  const rows = comparisons.map(({ trial, cycle, training, overhead, by_hand, in_process }) => [
    `trial ${trial}`,
    ...[cycle, training, overhead, by_hand, in_process].flatMap((one) => (one === undefined ? [] : one.toFixed(2))),
  ]);
  return textTable([titles, ...rows]);
}

/** The same values give the same accuracy; where they do not, the two have not done the same work. */
function disagreements(comparisons: readonly Comparison[]): readonly string[] {
  return comparisons.flatMap(({ trial, metric, in_process_metric }) =>
    metric === undefined || in_process_metric === undefined || Math.abs(metric - in_process_metric) < 1e-4
      ? []
      : [`trial ${trial} reached ${metric}, and ${in_process_metric.toFixed(4)} in one process\n`],
  );
}

function seconds(value: number | undefined): string {
  return `${value?.toFixed(2) ?? '?'} s`;
}

function megabytes(bytes: number): string {
  return `${Math.round(bytes / 1e6)} MB`;
}

/** Seconds to milliseconds; values of hyperparameters are given as they are. */
function rounded(this: unknown, name: string, value: unknown): unknown {
  const isValue = name === 'learning_rate' || name === 'dropout';
  return typeof value === 'number' && !isValue ? Number(value.toFixed(3)) : value;
}

function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  return mean([sorted[Math.floor(middle)] ?? Number.NaN, sorted[Math.ceil(middle)] ?? Number.NaN]);
}

function mean(numbers: readonly number[]): number {
  return sum(numbers) / numbers.length;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, one) => total + one, 0);
}
