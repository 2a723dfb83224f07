/** What to try next: a pure function of search space, history and seed, with no state of its own. */
import { fitGaussianProcess, type Point } from './gaussian-process.js';
import { normal, type Random, seededRandom } from './random.js';
import {
  activeValues,
  countValues,
  decode,
  encode,
  isFeasible,
  type SearchSpace,
  type Values,
  valueKey,
} from './space.js';

export interface Trial {
  readonly number: number;
  readonly values: Values;
  readonly state: 'completed' | 'failed' | 'pruned' | 'running';
  /** Of a pruned trial, what its last epoch reached. */
  readonly metric?: number;
  /** The metric after each epoch; a pruned trial has fewer of them than it would have had. */
  readonly curve?: readonly number[];
  /** Wall seconds of the training. */
  readonly seconds?: number;
  /** How much the trial tells beside one of this study, in (0, 1]: less than 1 for one of an earlier study. 1 by default. */
  readonly weight?: number;
}

export interface Suggestion {
  readonly values: Values;
  readonly sampler: 'random' | 'gp';
}

export interface SuggestOptions {
  /** Whether a higher metric is better; `max` by default. */
  readonly mode?: 'max' | 'min';
  /** Trials of earlier studies, with a weight and with negative numbers; their values may be proposed again. */
  readonly earlier?: readonly Trial[];
}

/** Trials that only explore, before a process is fitted to them: fewer tell it too little (research of this project: 6–10). */
const startUpTrials = 6;
/** Points among which the acquisition's maximum is looked for, and steps of the local search from the best. */
const candidates = 1000;
const localSteps = 200;
/** Beyond so many trials fitting would take seconds; the latest and the best one tell enough. */
const mostObservations = 150;
/** How often a point that was tried already is drawn again before the whole space is gone through. */
const mostRedraws = 1000;

/**
 * Suggests the values of the next trial. The same arguments give the same answer on any host.
 *
 * @param history all earlier trials, in any order; values outside of the space count as on its border
 * @returns undefined when every combination of the space has been tried
 */
export function suggest(
  space: SearchSpace,
  history: readonly Trial[],
  seed: string,
  options: SuggestOptions = {},
): Suggestion | undefined {
  const tried = new Set(history.map(({ values }) => combination(space, values)));
  const random = seededRandom(seed);
  const observed = observations(space, history, options.mode ?? 'max');
  if (observed === undefined) return explore(space, tried, random);
  const values = exploit(space, observed, tried, random);
  return values === undefined ? explore(space, tried, random) : { values, sampler: 'gp' };
}

interface Observations {
  readonly points: readonly Point[];
  /** Mean 0, deviation 1; higher is better. */
  readonly scores: readonly number[];
}

/** A failed trial counts as bad as the worst that was measured, so that the search leaves its neighbourhood. */
function observations(space: SearchSpace, history: readonly Trial[], mode: 'max' | 'min'): Observations | undefined {
  const ended = history.filter(({ state }) => state !== 'running').sort((a, b) => a.number - b.number);
  const sign = mode === 'max' ? 1 : -1;
  const measured = ended.map(score).filter((value) => value !== undefined);
  if (ended.length < startUpTrials || measured.length < 2) return undefined;
  const worst = Math.min(...measured);
  const used = mostTelling(
    ended.map((trial) => ({ point: toPoint(space, trial.values), value: score(trial) ?? worst })),
  );
  const mean = used.reduce((sum, { value }) => sum + value, 0) / used.length;
  const deviation = Math.sqrt(used.reduce((sum, { value }) => sum + (value - mean) ** 2, 0) / used.length) || 1;
  return { points: used.map(({ point }) => point), scores: used.map(({ value }) => (value - mean) / deviation) };

  function score({ state, metric }: Trial): number | undefined {
    return state !== 'failed' && metric !== undefined && Number.isFinite(metric) ? sign * metric : undefined;
  }
}

/** The latest observations, with the best of all among them. */
function mostTelling<T extends { readonly value: number }>(all: readonly T[]): readonly T[] {
  if (all.length <= mostObservations) return all;
  const best = all.reduce((a, b) => (b.value > a.value ? b : a));
  const latest = all.slice(-mostObservations);
  return latest.includes(best) ? latest : [best, ...latest.slice(1)];
}

/** The untried point with the highest expected improvement over the best so far (Jones, Schonlau and Welch 1998). */
function exploit(
  space: SearchSpace,
  { points, scores }: Observations,
  tried: ReadonlySet<string>,
  random: Random,
): Values | undefined {
  const isCategorical = space.parameters.map(({ type }) => type === 'categorical');
  const process = fitGaussianProcess(points, scores, isCategorical, random);
  const best = Math.max(...scores);
  let chosen: { readonly point: Point; readonly gain: number } | undefined;

  function consider(position: Point): void {
    const values = toValues(space, position);
    if (!isNew(space, values, tried)) return;
    // The process is asked about what would be trained, not about the position before rounding.
    const point = toPoint(space, values);
    const { mean, deviation } = process.predict(point);
    const gain = expectedImprovement(mean, deviation, best);
    if (chosen === undefined || gain > chosen.gain) chosen = { point, gain };
  }

  for (let i = 0; i < candidates; i += 1) consider(space.parameters.map(() => random()));
  const bestPoint = points[scores.indexOf(best)] ?? [];
  for (let i = 0; i < localSteps; i += 1) {
    const from = i % 2 === 0 ? bestPoint : (chosen?.point ?? bestPoint);
    consider(
      from.map((position) => (random() < 0.5 ? Math.min(Math.max(position + 0.15 * normal(random), 0), 1) : position)),
    );
  }
  return chosen === undefined ? undefined : toValues(space, chosen.point);
}

function expectedImprovement(mean: number, deviation: number, best: number): number {
  const z = (mean - best) / deviation;
  return deviation * (z * normalDistribution(z) + Math.exp(-0.5 * z * z) / Math.sqrt(2 * Math.PI));
}

/** Logistic approximation, within 0.0002 of the normal distribution function (Page 1977). */
function normalDistribution(z: number): number {
  return 1 / (1 + Math.exp(-2 * Math.sqrt(2 / Math.PI) * z * (1 + 0.044715 * z * z)));
}

/** A random untried point; the whole space is gone through when drawing finds none. */
function explore(space: SearchSpace, tried: ReadonlySet<string>, random: Random): Suggestion | undefined {
  for (let i = 0; i < mostRedraws; i += 1) {
    const values = toValues(
      space,
      space.parameters.map(() => random()),
    );
    if (isNew(space, values, tried)) return { values, sampler: 'random' };
  }
  const left = firstUntried(space, tried);
  return left === undefined ? undefined : { values: left, sampler: 'random' };
}

function firstUntried(space: SearchSpace, tried: ReadonlySet<string>): Values | undefined {
  const size = space.parameters.reduce((product, parameter) => product * countValues(parameter), 1);
  if (size > 100_000) return undefined;
  for (let index = 0; index < size; index += 1) {
    let rest = index;
    const position = space.parameters.map((parameter) => {
      const count = countValues(parameter);
      const digit = rest % count;
      rest = Math.floor(rest / count);
      return parameter.type === 'categorical' ? (digit + 0.5) / count : encode(parameter, gridValue(parameter, digit));
    });
    const values = toValues(space, position);
    if (isNew(space, values, tried)) return values;
  }
  return undefined;
}

function gridValue(parameter: { readonly low: number; readonly step?: number }, digit: number): number {
  return parameter.low + digit * (parameter.step ?? 1);
}

function isNew(space: SearchSpace, values: Values, tried: ReadonlySet<string>): boolean {
  return !tried.has(combination(space, values)) && isFeasible(space, values);
}

/** A parameter that means nothing beside the others stands in the middle, where it tells nothing. */
function toPoint(space: SearchSpace, values: Values): Point {
  const active = activeValues(space, values);
  return space.parameters.map((parameter) => {
    const value = active[parameter.name];
    return value === undefined ? 0.5 : encode(parameter, value);
  });
}

function toValues(space: SearchSpace, point: Point): Values {
  const all = space.parameters.map((parameter, i) => [parameter.name, decode(parameter, point[i] ?? 0.5)]);
  return activeValues(space, Object.fromEntries(all));
}

function combination(space: SearchSpace, values: Values): string {
  const active = activeValues(space, values);
  return space.parameters.map(({ name }) => valueKey(active[name])).join('|');
}
