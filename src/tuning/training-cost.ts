/** How many seconds a trial would take. Pure. */
import { distancesOf, toPoint } from './encoding.js';
import { fitGaussianProcess, type Point } from './gaussian-process.js';
import type { Trial } from './history.js';
import type { SearchSpace } from './space.js';

/** Hyperparameters that are bought with time: `epochs`, `steps_per_epoch`, and names that speak of them. */
const costly = /epoch/i;
const leastTrials = 2;

/**
 * Logarithm of the seconds that the training at a point is expected to take, from what the finished trials took.
 * Undefined when no hyperparameter of the space is a cost, or too few trials tell: then all points cost the same.
 */
export function logSecondsOf(space: SearchSpace, history: readonly Trial[]): ((point: Point) => number) | undefined {
  if (!space.parameters.some(({ name }) => costly.test(name))) return undefined;
  const timed = history
    .filter(({ state, seconds }) => state === 'completed' && seconds !== undefined && seconds > 0)
    .sort((a, b) => a.number - b.number);
  if (timed.length < leastTrials) return undefined;
  const logs = timed.map(({ seconds }) => Math.log(seconds ?? 1));
  const mean = logs.reduce((sum, log) => sum + log, 0) / logs.length;
  const deviation = Math.sqrt(logs.reduce((sum, log) => sum + (log - mean) ** 2, 0) / logs.length);
  if (!(deviation > 0)) return undefined;
  const process = fitGaussianProcess(
    timed.map(({ values }, i) => ({
      point: toPoint(space, values),
      score: ((logs[i] ?? mean) - mean) / deviation,
      uncertainty: 0,
    })),
    distancesOf(space),
  );
  return (point) => mean + deviation * process.mean(point);
}
