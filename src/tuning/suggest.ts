/** What to try next: a pure function of search space, history and seed, with no state of its own. */
import { searchAcquisition } from './acquisition-search.js';
import { distancesOf, toPoint, toValues } from './encoding.js';
import { logExpectedImprovement } from './expected-improvement.js';
import { fitGaussianProcess } from './gaussian-process.js';
import { type Mode, type ScoredTrial, scoreTrials, type Trial } from './history.js';
import { type Random, seededRandom } from './random.js';
import { sobolPoints } from './sobol.js';
import { encode, isScale, type Parameter, type SearchSpace, type Values } from './space.js';
import { suggestByTpe } from './tpe.js';
import { logSecondsOf } from './training-cost.js';
import { type Untried, untriedOf } from './untried.js';

export type { Trial } from './history.js';

/** `auto` is a Gaussian process after a short start-up, and TPE when there are many trials. */
export const samplers = ['auto', 'gp', 'tpe', 'random', 'grid'] as const;
export type Sampler = (typeof samplers)[number];

export interface Suggestion {
  readonly values: Values;
  /** What the values come from; `middle` and `sobol` are the start-up. */
  readonly sampler: 'middle' | 'sobol' | Exclude<Sampler, 'auto'>;
}

export interface SuggestOptions {
  /** Whether a higher metric is better; `max` by default. */
  readonly mode?: Mode;
  /** Trials of earlier studies, with a weight and with negative numbers; their values may be suggested again. */
  readonly earlier?: readonly Trial[];
  /** `auto` by default. */
  readonly sampler?: Sampler;
}

/**
 * Trials before a model is fitted. The process needs few of them: on the table of CNNs the median search reached 0.97
 * after 14 trials with a start-up of 2, 3 or 4 and after 22 with one of 6. With 3, searches whose best optimizer is not
 * the first that is tried reach a good tenth of all configurations soonest (`npm run bench -- tuner`).
 */
const startUpTrials = 3;
/** Densities of good and bad trials need more: as many as Optuna gives its TPE. */
const startUpTrialsOfTpe = 10;
/** A process of more trials would take seconds to fit. */
const mostForProcess = 150;
/** How many of the best trials are looked around for the next. */
const promisingTrials = 4;

/**
 * Suggests the values of the next trial. The same arguments give the same answer on any host.
 *
 * @param history all earlier trials of the study, in any order; values outside of the space count as on its border
 * @param seed of the study and the trial's number
 * @returns undefined when every combination of the space has been tried, or needs as much memory as one that was too large
 */
export function suggest(
  space: SearchSpace,
  history: readonly Trial[],
  seed: string,
  { mode = 'max', earlier = [], sampler = 'auto' }: SuggestOptions = {},
): Suggestion | undefined {
  const random = seededRandom(seed);
  const untried = untriedOf(
    space,
    history.map(({ values }) => values),
    history.filter(({ isTooLarge }) => isTooLarge).map(({ values }) => values),
  );
  const values = model();
  if (values !== undefined) return values;
  const drawn = untried.draw(random);
  if (drawn !== undefined) return { values: drawn, sampler: 'random' };
  const left = untried.firstOfGrid();
  return left === undefined ? undefined : { values: left, sampler: 'grid' };

  function model(): Suggestion | undefined {
    if (sampler === 'random') return undefined;
    if (sampler === 'grid') return named('grid', untried.firstOfGrid());
    const all = [...history, ...earlier];
    const scored = scoreTrials(all, mode);
    const isTold = scored.some(({ score }) => score !== scored[0]?.score);
    const enough = sampler === 'tpe' ? startUpTrialsOfTpe : startUpTrials;
    if (all.length < enough || !isTold) return startUp(space, untried, random);
    const isTpe = sampler === 'tpe' || (sampler === 'auto' && history.length > mostForProcess);
    if (isTpe) return named('tpe', suggestByTpe(space, scored, untried, random));
    return named('gp', suggestByProcess(space, scored, untried, random));
  }
}

function named(sampler: Suggestion['sampler'], values: Values | undefined): Suggestion | undefined {
  return values === undefined ? undefined : { values, sampler };
}

/**
 * The middle of all scales first: who states a range, a person or the analysis, expects the good values inside it. Of
 * choices without an order it holds those that usually serve, and others the next time; then points all over the space.
 */
function startUp(space: SearchSpace, untried: Untried, random: Random): Suggestion | undefined {
  const usual = middleOf(space, (parameter) => usualPosition(parameter) ?? random());
  const others = Array.from({ length: middles }, () => middleOf(space, random));
  const middle = [usual, ...others].find((values) => untried.has(values));
  if (middle !== undefined) return { values: middle, sampler: 'middle' };
  const points = sobolPoints(startUpPoints, space.parameters.length, random);
  return named(
    'sobol',
    points.map((point) => toValues(space, point)).find((values) => untried.has(values)),
  );
}

/** Points of which the first that may be tried is taken: in the middle of all scales, and anywhere. */
const middles = 4;
const startUpPoints = 16;

function middleOf(space: SearchSpace, positionOf: (parameter: Parameter) => number): Values {
  return toValues(
    space,
    space.parameters.map((parameter) => (isScale(parameter) ? 0.5 : positionOf(parameter))),
  );
}

/** Choices that most networks train well with. */
const usualChoices = /^(adam|relu|he_(normal|uniform))$/i;

function usualPosition(parameter: Parameter): number | undefined {
  const choices = parameter.type === 'categorical' ? parameter.choices : [];
  const usual = choices.find((choice) => typeof choice === 'string' && usualChoices.test(choice));
  return usual === undefined ? undefined : encode(parameter, usual);
}

/** The point with the highest expected improvement for its price over the best trial of this study. */
function suggestByProcess(
  space: SearchSpace,
  all: readonly ScoredTrial[],
  untried: Untried,
  random: Random,
): Values | undefined {
  const scored = mostTelling(all);
  const observations = scored.map(({ trial, score, uncertainty }) => ({
    point: toPoint(space, trial.values),
    score,
    uncertainty,
  }));
  const process = fitGaussianProcess(observations, distancesOf(space));
  const logSeconds = logSecondsOf(
    space,
    scored.map(({ trial }) => trial),
  );
  const ranked = observations.toSorted((a, b) => b.score - a.score);
  // What an earlier study or a guess says to be the best still has to be reached.
  const sure = scored.filter(({ isMeasured, uncertainty }) => isMeasured && uncertainty === 0);
  const best = Math.max(...(sure.length > 0 ? sure : scored).map(({ score }) => score));
  return searchAcquisition(
    {
      space,
      untried,
      promising: ranked.slice(0, promisingTrials).map(({ point }) => point),
      acquisition(point) {
        const { mean, deviation } = process.predict(point);
        const gain = logExpectedImprovement(mean, deviation, best);
        return logSeconds === undefined ? gain : gain - priceExponent * logSeconds(point);
      },
    },
    random,
  );
}

/** Improvement is worth its seconds to this power. */
const priceExponent = 1;

/** The latest trials, with the best of all among them. */
function mostTelling(scored: readonly ScoredTrial[]): readonly ScoredTrial[] {
  if (scored.length <= mostForProcess) return scored;
  const best = scored.reduce((a, b) => (b.score > a.score ? b : a));
  const latest = scored.slice(-mostForProcess);
  return latest.includes(best) ? latest : [best, ...latest.slice(1)];
}
