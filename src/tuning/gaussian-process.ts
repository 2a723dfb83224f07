/** Gaussian process regression with a Matérn-5/2 kernel. Pure. Formulas: Rasmussen and Williams 2006, chapters 2, 4, 5. */
import { normal, type Random } from './random.js';

/** A point: one position in [0, 1] per parameter. */
export type Point = readonly number[];

export interface GaussianProcess {
  /** Mean and standard deviation at a point, in units of the standardised observations. */
  predict(point: Point): { readonly mean: number; readonly deviation: number };
}

interface Hyper {
  /** One length scale per parameter, in units of the unit interval. */
  readonly lengths: readonly number[];
  readonly noise: number;
}

/** Drawings of length scales and noise that are tried; each costs one factorisation of n × n. */
const draws = 60;
/** Steps of a random walk from the best drawing. */
const refinements = 40;

/**
 * Fits a process to observations of mean 0 and deviation 1. Length scales and noise are those of the highest posterior
 * density among random drawings and a local search from the best (MAP with log-normal priors: a length scale near half
 * of the range, and a noise near a hundredth of the variance).
 *
 * @param isCategorical for each parameter, whether all different values are equally far apart
 */
export function fitGaussianProcess(
  points: readonly Point[],
  observations: readonly number[],
  isCategorical: readonly boolean[],
  random: Random,
): GaussianProcess {
  const dimensions = isCategorical.length;
  const draw = (): Hyper => ({
    lengths: Array.from({ length: dimensions }, () => 0.5 * Math.exp(normal(random))),
    noise: 0.01 * Math.exp(1.5 * normal(random)),
  });
  let best = scored(draw());
  for (let i = 1; i < draws; i += 1) best = better(best, scored(draw()));
  for (let i = 0; i < refinements; i += 1) best = better(best, scored(walk(best.hyper)));
  const { hyper, factor, weights } = best;

  function scored(candidate: Hyper) {
    const covariance = points.map((a, i) =>
      points.map((b, j) => matern(a, b, candidate.lengths, isCategorical) + (i === j ? candidate.noise + 1e-6 : 0)),
    );
    const lower = cholesky(covariance);
    const alpha = solveUpper(lower, solveLower(lower, observations));
    const fit = observations.reduce((sum, y, i) => sum + y * (alpha[i] ?? 0), 0);
    const determinant = lower.reduce((sum, row, i) => sum + Math.log(row[i] ?? 1), 0);
    return { hyper: candidate, factor: lower, weights: alpha, score: -0.5 * fit - determinant + logPrior(candidate) };
  }

  function better<T extends { readonly score: number }>(a: T, b: T): T {
    return b.score > a.score ? b : a;
  }

  function walk({ lengths, noise }: Hyper): Hyper {
    return {
      lengths: lengths.map((length) => length * Math.exp(0.3 * normal(random))),
      noise: noise * Math.exp(0.5 * normal(random)),
    };
  }

  return {
    predict(point) {
      const correlations = points.map((other) => matern(point, other, hyper.lengths, isCategorical));
      const mean = correlations.reduce((sum, k, i) => sum + k * (weights[i] ?? 0), 0);
      const solved = solveLower(factor, correlations);
      const explained = solved.reduce((sum, value) => sum + value * value, 0);
      return { mean, deviation: Math.sqrt(Math.max(1 - explained, 1e-10)) };
    },
  };
}

function logPrior({ lengths, noise }: Hyper): number {
  const ofLengths = lengths.reduce((sum, length) => sum - 0.5 * Math.log(length / 0.5) ** 2, 0);
  return ofLengths - 0.5 * (Math.log(noise / 0.01) / 1.5) ** 2;
}

/** Rasmussen and Williams 2006, equation 4.17, with one length scale per parameter. */
function matern(a: Point, b: Point, lengths: readonly number[], isCategorical: readonly boolean[]): number {
  let squared = 0;
  for (let d = 0; d < lengths.length; d += 1) {
    const difference = (a[d] ?? 0) - (b[d] ?? 0);
    const distance = isCategorical[d] === true && difference !== 0 ? 1 : difference;
    squared += (distance / (lengths[d] ?? 1)) ** 2;
  }
  const scaled = Math.sqrt(5 * squared);
  return (1 + scaled + (5 * squared) / 3) * Math.exp(-scaled);
}

function cholesky(matrix: readonly (readonly number[])[]): number[][] {
  const lower: number[][] = matrix.map((row) => row.map(() => 0));
  for (let i = 0; i < matrix.length; i += 1) {
    for (let j = 0; j <= i; j += 1) {
      let sum = matrix[i]?.[j] ?? 0;
      for (let k = 0; k < j; k += 1) sum -= (lower[i]?.[k] ?? 0) * (lower[j]?.[k] ?? 0);
      const row = lower[i];
      if (row !== undefined) row[j] = i === j ? Math.sqrt(Math.max(sum, 1e-12)) : sum / (lower[j]?.[j] ?? 1);
    }
  }
  return lower;
}

function solveLower(lower: readonly (readonly number[])[], right: readonly number[]): number[] {
  const solution: number[] = [];
  for (let i = 0; i < right.length; i += 1) {
    let sum = right[i] ?? 0;
    for (let k = 0; k < i; k += 1) sum -= (lower[i]?.[k] ?? 0) * (solution[k] ?? 0);
    solution[i] = sum / (lower[i]?.[i] ?? 1);
  }
  return solution;
}

function solveUpper(lower: readonly (readonly number[])[], right: readonly number[]): number[] {
  const solution: number[] = right.map(() => 0);
  for (let i = right.length - 1; i >= 0; i -= 1) {
    let sum = right[i] ?? 0;
    for (let k = i + 1; k < right.length; k += 1) sum -= (lower[k]?.[i] ?? 0) * (solution[k] ?? 0);
    solution[i] = sum / (lower[i]?.[i] ?? 1);
  }
  return solution;
}
