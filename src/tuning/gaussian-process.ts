/**
 * Gaussian process regression with a Matérn-5/2 kernel and one length scale per parameter. Pure.
 * Formulas: Rasmussen and Williams 2006, "Gaussian Processes for Machine Learning", chapters 2, 4 and 5.
 */
import { type Evaluation, minimise } from './minimise.js';
import { cholesky, inverseOf, solveLower, solveUpper } from './triangular.js';

/** A point: one position in [0, 1] per axis. */
export type Point = Float64Array;

/** How far apart two positions on an axis are: their difference, or 1 wherever they differ. */
export type Distance = 'difference' | 'equality';

export interface Observation {
  readonly point: Point;
  /** Standardised over all observations. */
  readonly score: number;
  /** Variance of the score beyond the noise that all observations have. */
  readonly uncertainty: number;
}

export interface Prediction {
  readonly mean: number;
  /** Standard deviation of the function itself, without the noise of an observation. */
  readonly deviation: number;
}

export interface GaussianProcess {
  /** Mean and deviation in units of the scores. */
  predict(point: Point): Prediction;
  /** The mean alone, which costs far less. */
  mean(point: Point): number;
  /** One per axis, in units of the unit interval: the shorter, the more the axis matters. */
  readonly lengthScales: readonly number[];
  /** Variance of the noise in units of the scores' variance. */
  readonly noise: number;
}

/**
 * Priors of the hyperparameters, as medians and deviations of their logarithms. They were chosen by the median trials to
 * a target on CNN tables (`npm run bench -- tuner`); half or twice of each changes little.
 */
const lengthScalePrior = { median: 2 / 3, deviation: 1 };
const variancePrior = { median: 1, deviation: 0.5 };
const noisePrior = { median: 1e-5, deviation: 2.5 };

/** Steps of the search for the hyperparameters, for each of its starts. */
const mostIterations = 40;
/** Keeps the matrix positive definite where two observations are the same. */
const jitter = 1e-8;
/** Rounding must not make the deviation zero. */
const leastVariance = 1e-12;

/** Fits the process: length scales, variance and noise are those of the highest posterior density (MAP). */
export function fitGaussianProcess(
  observations: readonly Observation[],
  distances: readonly Distance[],
): GaussianProcess {
  const size = observations.length;
  const axes = distances.length;
  const points = observations.map(({ point }) => point);
  const scores = Float64Array.from(observations, ({ score }) => score);
  const squares = squaredDistances(points, distances);
  const priors = [...distances.map(() => lengthScalePrior), variancePrior, noisePrior];
  const middle = Float64Array.from(priors, ({ median }) => Math.log(median));
  const wiggly = Float64Array.from([...distances.map(() => 0.3), 1, 0.01], Math.log);
  const best = [middle, wiggly]
    .map((start) => minimise(negativeLogPosterior, start, mostIterations))
    .reduce((a, b) => (b.value < a.value ? b : a));
  const { lower, weights } = factorise(best.point) ?? { lower: new Float64Array(size * size), weights: scores };
  const lengths = best.point.slice(0, axes).map(Math.exp);
  const variance = Math.exp(best.point[axes] ?? 0);
  const inverseLengths = lengths.map((length) => 1 / length);

  return {
    lengthScales: [...lengths],
    noise: Math.exp(best.point[axes + 1] ?? 0),
    mean(point) {
      return dot(covariancesWith(point), weights);
    },
    predict(point) {
      const covariances = covariancesWith(point);
      const solved = solveLower(lower, covariances);
      const explained = dot(solved, solved);
      return {
        mean: dot(covariances, weights),
        deviation: Math.sqrt(Math.max(variance - explained, leastVariance)),
      };
    },
  };

  function covariancesWith(point: Point): Float64Array {
    const covariances = new Float64Array(size);
    for (let i = 0; i < size; i += 1) {
      const other = points[i] as Point;
      let squared = 0;
      for (let axis = 0; axis < axes; axis += 1) {
        const scaled = difference(point, other, axis, distances) * (inverseLengths[axis] as number);
        squared += scaled * scaled;
      }
      covariances[i] = variance * matern(Math.sqrt(5 * squared));
    }
    return covariances;
  }

  /** Rasmussen and Williams, equations 5.8 and 5.9, with the logarithms of the hyperparameters as variables. */
  function negativeLogPosterior(hyper: Float64Array): Evaluation {
    const gradient = new Float64Array(axes + 2);
    const found = factorise(hyper);
    if (found === undefined) return { value: Number.POSITIVE_INFINITY, gradient };
    const { lower, weights } = found;
    const inverse = inverseOf(lower, size);
    let value = 0;
    for (let i = 0; i < size; i += 1) {
      value += 0.5 * (scores[i] as number) * (weights[i] as number) + Math.log(lower[i * size + i] as number);
    }
    const variance = Math.exp(hyper[axes] ?? 0);
    const noise = Math.exp(hyper[axes + 1] ?? 0);
    const inverseSquares = hyper.slice(0, axes).map((x) => Math.exp(-2 * x));
    for (let i = 0, pair = 0; i < size; i += 1) {
      const diagonal = (inverse[i * size + i] as number) - (weights[i] as number) ** 2;
      gradient[axes] = (gradient[axes] as number) + 0.5 * diagonal * variance;
      gradient[axes + 1] = (gradient[axes + 1] as number) + 0.5 * diagonal * noise;
      for (let j = 0; j < i; j += 1, pair += axes) {
        // Each pair stands twice in the symmetric matrix, so the half of equation 5.9 falls away.
        const outer = (inverse[i * size + j] as number) - (weights[i] as number) * (weights[j] as number);
        let squared = 0;
        for (let axis = 0; axis < axes; axis += 1) {
          squared += (squares[pair + axis] as number) * (inverseSquares[axis] as number);
        }
        const distance = Math.sqrt(5 * squared);
        const decay = variance * Math.exp(-distance);
        gradient[axes] = (gradient[axes] as number) + outer * decay * (1 + distance + (distance * distance) / 3);
        const common = outer * decay * (5 / 3) * (1 + distance);
        for (let axis = 0; axis < axes; axis += 1) {
          gradient[axis] =
            (gradient[axis] as number) + common * (squares[pair + axis] as number) * (inverseSquares[axis] as number);
        }
      }
    }
    for (const [i, { median, deviation }] of priors.entries()) {
      const away = ((hyper[i] ?? 0) - Math.log(median)) / deviation;
      value += 0.5 * away * away;
      gradient[i] = (gradient[i] ?? 0) + away / deviation;
    }
    return { value, gradient };
  }

  function factorise(hyper: Float64Array) {
    const variance = Math.exp(hyper[axes] ?? 0);
    const noise = Math.exp(hyper[axes + 1] ?? 0);
    const inverseSquares = hyper.slice(0, axes).map((x) => Math.exp(-2 * x));
    const covariance = new Float64Array(size * size);
    for (let i = 0, pair = 0; i < size; i += 1) {
      covariance[i * size + i] = variance + noise + (observations[i]?.uncertainty ?? 0) + jitter;
      for (let j = 0; j < i; j += 1, pair += axes) {
        let squared = 0;
        for (let axis = 0; axis < axes; axis += 1) {
          squared += (squares[pair + axis] as number) * (inverseSquares[axis] as number);
        }
        covariance[i * size + j] = variance * matern(Math.sqrt(5 * squared));
      }
    }
    const lower = cholesky(covariance, size);
    return lower === undefined ? undefined : { lower, weights: solveUpper(lower, solveLower(lower, scores)) };
  }
}

/** Rasmussen and Williams 2006, equation 4.17; `distance` is √5 times the scaled distance. */
function matern(distance: number): number {
  return (1 + distance + (distance * distance) / 3) * Math.exp(-distance);
}

/** For each pair of points, in the order of the rows of a lower triangle, the squared distance along each axis. */
function squaredDistances(points: readonly Point[], distances: readonly Distance[]): Float64Array {
  const axes = distances.length;
  const squares = new Float64Array(((points.length * (points.length - 1)) / 2) * axes);
  let at = 0;
  for (const [i, a] of points.entries()) {
    for (const b of points.slice(0, i)) {
      for (let axis = 0; axis < axes; axis += 1, at += 1) squares[at] = difference(a, b, axis, distances) ** 2;
    }
  }
  return squares;
}

function difference(a: Point, b: Point, axis: number, distances: readonly Distance[]): number {
  const apart = (a[axis] as number) - (b[axis] as number);
  return distances[axis] === 'equality' && apart !== 0 ? 1 : apart;
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i += 1) sum += (a[i] as number) * (b[i] as number);
  return sum;
}
