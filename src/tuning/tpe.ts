/**
 * Multivariate tree-structured Parzen estimator. Pure.
 * Bergstra et al. 2011, "Algorithms for Hyper-Parameter Optimization", section 4; kernels over all parameters together
 * as in Falkner, Klein and Hutter 2018 (BOHB), section 3; their form as Watanabe 2023, arXiv 2304.11127, describes it.
 */
import { distancesOf, toPoint, toValues } from './encoding.js';
import type { ScoredTrial } from './history.js';
import { normalDistribution } from './normal-distribution.js';
import { normal, type Random } from './random.js';
import { activeValues, countValues, type SearchSpace, type Values } from './space.js';
import type { Untried } from './untried.js';

/** Share of the trials that count as good, and the most of them (arXiv 2304.11127, section 3.1). */
const goodShare = 0.1;
const mostGood = 25;
const draws = 128;
/** No kernel is narrower than the range over this number, or over the number of trials if that is smaller. */
const magicClip = 100;

/** What is known of one parameter. */
interface Axis {
  /** Choices without an order. */
  readonly isCategorical: boolean;
  /** Width of one value in the unit interval; 0 for a float without steps. */
  readonly cell: number;
}

/** On one axis a normal distribution cut to [0, 1], or a choice that is likelier than the others. */
interface Kernel {
  readonly centre: number;
  readonly width: number;
}

/** Trials as kernels over all axes; undefined stands for the axis on which the trial has no value. */
interface Mixture {
  readonly trials: readonly (readonly (Kernel | undefined)[])[];
}

/** Where an axis is not known: everywhere alike, as the prior of the estimator. */
const prior: Kernel = { centre: 0.5, width: 1 };

/** @returns undefined when no legal, untried point was drawn */
export function suggestByTpe(
  space: SearchSpace,
  scored: readonly ScoredTrial[],
  untried: Untried,
  random: Random,
): Values | undefined {
  const distances = distancesOf(space);
  const axes = space.parameters.map((parameter, i): Axis => {
    return { isCategorical: distances[i] === 'equality', cell: 1 / countValues(parameter) };
  });
  const ranked = scored.toSorted((a, b) => b.score - a.score || a.trial.number - b.trial.number);
  const count = Math.min(Math.ceil(goodShare * ranked.length), mostGood);
  const good = mixtureOf(space, axes, ranked.slice(0, count));
  const others = mixtureOf(space, axes, ranked.slice(count));
  let best: { readonly values: Values; readonly gain: number } | undefined;
  for (let i = 0; i < draws; i += 1) {
    const values = toValues(space, drawFrom(good, axes, random));
    if (!untried.has(values)) continue;
    const point = activePoint(space, values);
    const gain = logDensity(good, axes, point) - logDensity(others, axes, point);
    if (best === undefined || gain > best.gain) best = { values, gain };
  }
  return best?.values;
}

function mixtureOf(space: SearchSpace, axes: readonly Axis[], scored: readonly ScoredTrial[]): Mixture {
  const points = scored.map(({ trial }) => activePoint(space, trial.values));
  const widths = axes.map((_, axis) => widthsOf(points.map((point) => point[axis])));
  return {
    trials: [
      axes.map(() => undefined),
      ...points.map((point, i) =>
        point.map((centre, axis) => (centre === undefined ? undefined : { centre, width: widths[axis]?.[i] ?? 1 })),
      ),
    ],
  };
}

/** The distance to the farther neighbour, within limits (Bergstra et al. 2011, section 4.1). */
function widthsOf(centres: readonly (number | undefined)[]): readonly number[] {
  const sorted = centres.filter((centre) => centre !== undefined).sort((a, b) => a - b);
  const least = 1 / Math.min(magicClip, sorted.length + 2);
  return centres.map((centre) => {
    if (centre === undefined) return 1;
    const below = sorted[sorted.indexOf(centre) - 1] ?? 0;
    const above = sorted[sorted.lastIndexOf(centre) + 1] ?? 1;
    return Math.min(Math.max(centre - below, above - centre, least), 1);
  });
}

function drawFrom({ trials }: Mixture, axes: readonly Axis[], random: Random): readonly number[] {
  const kernels = trials[Math.floor(random() * trials.length)] ?? [];
  return axes.map(({ isCategorical, cell }, axis) => {
    const kernel = kernels[axis];
    if (kernel === undefined) return random();
    if (isCategorical)
      return random() < likelihood(kernel, kernel.centre, cell, trials.length) ? kernel.centre : random();
    for (;;) {
      const position = kernel.centre + kernel.width * normal(random);
      if (position >= 0 && position <= 1) return position;
    }
  });
}

function logDensity({ trials }: Mixture, axes: readonly Axis[], point: readonly (number | undefined)[]): number {
  const logs = trials.map((kernels) =>
    axes.reduce((sum, { isCategorical, cell }, axis) => {
      const position = point[axis];
      if (position === undefined) return sum;
      const kernel = kernels[axis];
      if (isCategorical) {
        return sum + Math.log(kernel === undefined ? cell : likelihood(kernel, position, cell, trials.length));
      }
      return sum + Math.log(mass(kernel ?? prior, position, cell));
    }, 0),
  );
  const largest = Math.max(...logs);
  return largest + Math.log(logs.reduce((sum, log) => sum + Math.exp(log - largest), 0) / logs.length);
}

/** Each choice has weight 1/n, and the observed one 1 more. */
function likelihood({ centre }: Kernel, position: number, cell: number, count: number): number {
  const share = 1 / count;
  return (share + (centre === position ? 1 : 0)) / (share / cell + 1);
}

/** Density of a normal distribution cut to [0, 1], or its share of a cell where there are cells. */
function mass({ centre, width }: Kernel, position: number, cell: number): number {
  const below = (x: number): number => normalDistribution((x - centre) / width);
  const whole = below(1) - below(0);
  if (cell > 0) return Math.max((below(position + cell / 2) - below(position - cell / 2)) / whole, 1e-300);
  return Math.max(Math.exp(-0.5 * ((position - centre) / width) ** 2) / (width * whole), 1e-300);
}

function activePoint(space: SearchSpace, values: Values): readonly (number | undefined)[] {
  const active = activeValues(space, values);
  const point = toPoint(space, values);
  return space.parameters.map(({ name }, axis) => (active[name] === undefined ? undefined : point[axis]));
}
