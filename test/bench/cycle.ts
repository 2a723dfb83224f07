/**
 * What a trial costs beside what people do without Pushtune. Side by side in one run, for the sample CNN, with real git,
 * Redis, Docker and TensorFlow:
 *
 * - the whole cycle from push to next push, with the warm interpreter and with a cold one,
 * - `docker run … python3 train.py` by hand, of the very commits of those cycles,
 * - a Python program that calls Optuna and trains the same values in its own process.
 *
 * Cycles and their competitors train the same values, so that only what is around the training differs.
 */
import { runByHand } from './cycle/by-hand.js';
import { trainInProcess } from './cycle/in-process.js';
import { type Loop, measureLoop } from './cycle/loop.js';

/** Trials of each study; the last of them ends it, and so has no next push. */
const trials = 6;

export async function benchCycle(options: readonly string[]): Promise<void> {
  const warm = await measureLoop({ trials, interpreter: 'auto' });
  const cold = await measureLoop({ trials, interpreter: 'cold' });
  const byHand = await runByHand(warm);
  const coldByHand = await runByHand(cold);
  const inProcess = await trainInProcess(warm);

  const overhead = median(warm.cycles.map(({ seconds, training }) => seconds - training));
  const figures = {
    cycle_vs_cold_by_hand: ratio(warm, byHand),
    overhead_seconds: rounded(overhead),
    trials_per_hour_vs_in_process: inProcess === undefined ? null : rounded(sum(inProcess) / sum(secondsOf(warm))),
    cold_cycle_vs_cold_by_hand: ratio(cold, coldByHand),
    cycles: warm.cycles.map((cycle, i) => ({ ...cycle, by_hand: byHand[i], in_process: inProcess?.[i] })),
    cold_cycles: cold.cycles.map((cycle, i) => ({ ...cycle, by_hand: coldByHand[i] })),
    idle_memory_bytes: warm.idleMemory,
  };
  print(figures);
  if (options.includes('--json')) process.stdout.write(`${JSON.stringify(figures)}\n`);
}

function ratio(loop: Loop, byHand: readonly number[]): number {
  return rounded(sum(secondsOf(loop)) / sum(byHand));
}

function secondsOf({ cycles }: Loop): readonly number[] {
  return cycles.map(({ seconds }) => seconds);
}

interface Figures {
  readonly cycle_vs_cold_by_hand: number;
  readonly overhead_seconds: number;
  readonly trials_per_hour_vs_in_process: number | null;
  readonly cold_cycle_vs_cold_by_hand: number;
  readonly cycles: readonly Row[];
  readonly cold_cycles: readonly Row[];
  readonly idle_memory_bytes: Loop['idleMemory'];
}

interface Row {
  readonly trial: number;
  readonly seconds: number;
  readonly training: number;
  readonly by_hand?: number | undefined;
  readonly in_process?: number | undefined;
}

function print(figures: Figures): void {
  for (const [interpreter, rows] of [
    ['warm', figures.cycles],
    ['cold', figures.cold_cycles],
  ] as const) {
    for (const row of rows) {
      const others = [
        ...(row.by_hand === undefined ? [] : [`by hand ${shown(row.by_hand)}`]),
        ...(row.in_process === undefined ? [] : [`in Optuna's process ${shown(row.in_process)}`]),
      ];
      say(
        `${interpreter}, trial ${row.trial}: cycle ${shown(row.seconds)}, of which training ${shown(row.training)}; ${others.join(', ')}`,
      );
    }
  }
  say(
    `a cycle takes ${figures.cycle_vs_cold_by_hand} of the run by hand (goal 0.6), ${figures.cold_cycle_vs_cold_by_hand} with a cold interpreter`,
  );
  say(`overhead of a cycle over its training, median: ${figures.overhead_seconds} s (goal 1.0 s)`);
  if (figures.trials_per_hour_vs_in_process !== null)
    say(`trials an hour, of those in Optuna's own process: ${figures.trials_per_hour_vs_in_process} (goal 0.9)`);
  for (const [what, bytes] of Object.entries(figures.idle_memory_bytes))
    say(`idle memory of the ${what}: ${Math.round(bytes / 1024 ** 2)} MiB`);
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function shown(seconds: number): string {
  return `${seconds.toFixed(2)} s`;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

function rounded(value: number): number {
  return Number(value.toFixed(3));
}
