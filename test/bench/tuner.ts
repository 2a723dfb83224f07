/**
 * How many trials the tuner needs, beside Optuna's: trials to a target on a table of real CNN trainings, and what is
 * left to the best value of known functions after 50 trials. `--seeds=N` sets the number of searches of each kind.
 */
import { inThread, threadFile } from '../../src/threads/thread.js';
import { findOptuna, type Optuna, type OptunaSampler, runOptuna } from './tuner/optuna-oracle.js';
import { digitsProblem, functions, type KnownProblem, type Problem } from './tuner/problems.js';
import type { SearchOptions } from './tuner/search.js';

/** 19 %, 2.4 % and 0.2 % of the table's configurations reach them. */
const targets = [0.8, 0.95, 0.97];
const trialsToTarget = 100;
const trialsOnFunctions = 50;
const usualSeeds = 40;
/** Optuna's Gaussian process takes half a minute for ten searches of one function. */
const usualSeedsOfOptunaGp = 12;
const threads = 2;

interface Contestant {
  readonly name: string;
  readonly seeds: number;
  /** Metrics in the order of the trials. */
  readonly search: (problem: Problem, seed: number, trials: number, target?: number) => Promise<readonly number[]>;
}

interface Figures {
  /** Null where the median search did not reach the target. */
  readonly median_trials: Readonly<Record<string, number | null>>;
  readonly median_regret_at_50: Readonly<Record<string, number>>;
}

export async function benchTuner(options: readonly string[]): Promise<void> {
  const wanted = options.find((option) => option.startsWith('--seeds='))?.slice('--seeds='.length);
  const seeds = wanted === undefined ? usualSeeds : Number(wanted);
  const optuna = await findOptuna();
  const contestants = [
    ...ours(seeds),
    ...(optuna?.samplers ?? []).map((sampler) => oracle(optuna as Optuna, sampler, wanted, seeds)),
  ];
  const figures: Record<string, Figures> = {};
  for (const contestant of contestants) {
    const { name } = contestant;
    const median_trials = await trialsOnTable(contestant);
    const shown = Object.entries(median_trials).map(
      ([target, trials]) => `${target}: ${trials ?? `> ${trialsToTarget}`}`,
    );
    process.stdout.write(`${name}: median trials to ${shown.join(', ')} (${contestant.seeds} searches)\n`);
    const median_regret_at_50: Record<string, number> = {};
    for (const problem of functions) {
      median_regret_at_50[problem.name] = await regretOn(problem, contestant);
      process.stdout.write(`    ${problem.name}: median regret ${median_regret_at_50[problem.name]?.toPrecision(3)}\n`);
    }
    figures[name] = { median_trials, median_regret_at_50 };
  }
  if (options.includes('--json')) process.stdout.write(`${JSON.stringify(figures)}\n`);
}

function ours(seeds: number): readonly Contestant[] {
  const file = threadFile('tuner/search-thread', import.meta.url);
  const pool = Array.from({ length: threads }, () =>
    inThread<[name: string, options: SearchOptions], readonly number[]>(file),
  );
  const samplers = { pushtune: 'auto', pushtune_tpe: 'tpe', random: 'random' } as const;
  return Object.entries(samplers).map(([name, sampler]) => ({
    name,
    seeds,
    search: async (problem, seed, trials, target) => {
      const options = { sampler, trials, seed: String(seed), ...(target === undefined ? {} : { target }) };
      return (await pool[seed % threads]?.(problem.name, options)) ?? [];
    },
  }));
}

function oracle(optuna: Optuna, sampler: OptunaSampler, wanted: string | undefined, seeds: number): Contestant {
  return {
    name: sampler === 'tpe' ? 'optuna' : 'optuna_gp',
    seeds: sampler === 'gp' && wanted === undefined ? usualSeedsOfOptunaGp : seeds,
    search: (problem, seed, trials) => runOptuna(optuna, sampler, problem, { trials, seed }),
  };
}

async function trialsOnTable({ seeds, search }: Contestant): Promise<Figures['median_trials']> {
  const highest = Math.max(...targets);
  const searches = await forSeeds(seeds, (seed) => search(digitsProblem(), seed, trialsToTarget, highest));
  return Object.fromEntries(
    targets.map((target) => {
      const trials = searches.map((metrics) => {
        const first = metrics.findIndex((metric) => metric >= target);
        return first < 0 ? Number.POSITIVE_INFINITY : first + 1;
      });
      const middle = median(trials);
      return [target.toFixed(2), Number.isFinite(middle) ? middle : null];
    }),
  );
}

async function regretOn(problem: KnownProblem, { seeds, search }: Contestant): Promise<number> {
  const regrets = await forSeeds(seeds, async (seed) => {
    const metrics = await search(problem, seed, trialsOnFunctions);
    return problem.mode === 'max' ? problem.best - Math.max(...metrics) : Math.min(...metrics) - problem.best;
  });
  return median(regrets);
}

function forSeeds<T>(count: number, work: (seed: number) => Promise<T>): Promise<T[]> {
  return Promise.all(Array.from({ length: count }, (_, seed) => work(seed)));
}

function median(figures: readonly number[]): number {
  const sorted = figures.toSorted((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  return ((sorted[Math.floor(middle)] ?? Number.NaN) + (sorted[Math.ceil(middle)] ?? Number.NaN)) / 2;
}
