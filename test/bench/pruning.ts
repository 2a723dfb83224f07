/**
 * What stopping early saves: epochs until a study reaches its target, with and without it, in studies that are simulated
 * on a table of real trainings (3 024 configurations of a CNN on handwritten digits, each trained twice for 4 epochs).
 */
import { type ComparedTrial, reasonToPrune } from '../../src/tuning/pruning.js';
import { seededRandom } from '../../src/tuning/random.js';
import type { Values } from '../../src/tuning/space.js';
import { suggest, type Trial } from '../../src/tuning/suggest.js';
import { type Grid, readGrid } from './digits-grid.js';

const targets = [0.95, 0.97];
/** A simulated study with suggestions takes seconds, one at random none. */
const samplers: readonly Sampler[] = [
  { name: 'random', seeds: 100, mostTrials: 1000, start: randomOrder },
  { name: 'suggest', seeds: 40, mostTrials: 100, start: suggestions },
];

interface Sampler {
  readonly name: string;
  readonly seeds: number;
  readonly mostTrials: number;
  /** The values of the next trial, given all before it. */
  readonly start: (grid: Grid, seed: string) => (history: readonly Trial[]) => Values | undefined;
}

interface StudyResult {
  /** Infinite when the target was not reached. */
  readonly epochs: number;
  readonly trials: number;
  /** A trial was stopped that would have reached the target. */
  readonly hasLost: boolean;
}

export async function benchPruning(options: readonly string[]): Promise<void> {
  const grid = readGrid();
  const figures: Record<string, Record<string, Record<string, number>>> = {};
  for (const sampler of samplers) {
    for (const target of targets) {
      const seeds = Array.from({ length: sampler.seeds }, (_, seed) => `${target}/${seed}`);
      const [without, stopping] = [false, true].map((isPruned) =>
        seeds.map((seed) => simulate(grid, sampler, seed, target, isPruned)),
      );
      const figure = summarise(without ?? [], stopping ?? []);
      figures[sampler.name] = { ...figures[sampler.name], [String(target)]: figure };
      process.stdout.write(
        `${sampler.name} to ${target}: ${figure.epochs_without} epochs without stopping (${figure.trials_without} trials), ` +
          `${figure.epochs_with} with it (${figure.trials_with} trials), ${(100 * (figure.ratio ?? 0)).toFixed(0)} %; ` +
          `a winner was lost in ${figure.studies_that_lost_a_winner} of ${sampler.seeds} studies\n`,
      );
    }
  }
  if (options.includes('--json')) process.stdout.write(`${JSON.stringify(figures)}\n`);
}

function summarise(without: readonly StudyResult[], stopping: readonly StudyResult[]) {
  const [before, after] = [without, stopping].map((results) => median(results.map(({ epochs }) => epochs)));
  return {
    epochs_without: before ?? Number.NaN,
    epochs_with: after ?? Number.NaN,
    ratio: (after ?? Number.NaN) / (before ?? Number.NaN),
    trials_without: median(without.map(({ trials }) => trials)),
    trials_with: median(stopping.map(({ trials }) => trials)),
    studies_that_lost_a_winner: stopping.filter(({ hasLost }) => hasLost).length,
  };
}

function simulate(grid: Grid, sampler: Sampler, seed: string, target: number, isPruned: boolean): StudyResult {
  const next = sampler.start(grid, seed);
  const history: Trial[] = [];
  const compared: ComparedTrial[] = [];
  let epochs = 0;
  let hasLost = false;
  for (let number = 0; number < sampler.mostTrials; number += 1) {
    const values = next(history);
    if (values === undefined) break;
    const whole = grid.train(values, seed);
    const length = isPruned && number > 0 ? epochsBeforeStop(whole, compared, target) : whole.length;
    const curve = whole.slice(0, length);
    const isWhole = length === whole.length;
    const metric = curve.at(-1) ?? 0;
    epochs += length;
    compared.push({ curve, epochs: whole.length, ...(isWhole ? { final: metric } : {}) });
    history.push({ number, values, state: isWhole ? 'completed' : 'pruned', metric, curve });
    if (isWhole && metric >= target) return { epochs, trials: number + 1, hasLost };
    hasLost ||= (whole.at(-1) ?? 0) >= target;
  }
  return { epochs: Number.POSITIVE_INFINITY, trials: Number.POSITIVE_INFINITY, hasLost };
}

function epochsBeforeStop(whole: readonly number[], compared: readonly ComparedTrial[], target: number): number {
  const running = { name: 'val_accuracy', epochs: whole.length, mode: 'max', target, compared } as const;
  const stop = whole.findIndex((_, i) => reasonToPrune({ ...running, curve: whole.slice(0, i + 1) }) !== undefined);
  return stop < 0 ? whole.length : stop + 1;
}

function randomOrder(grid: Grid, seed: string) {
  const random = seededRandom(seed);
  const left = [...grid.all];
  return () => left.splice(Math.floor(random() * left.length), 1)[0];
}

function suggestions(grid: Grid, seed: string) {
  return (history: readonly Trial[]) => suggest(grid.space, history, `${seed}/${history.length}`)?.values;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
