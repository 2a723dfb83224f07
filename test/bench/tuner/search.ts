/** A search with Pushtune's own samplers. */
import { type Sampler, suggest, type Trial } from '../../../src/tuning/suggest.js';
import type { Problem } from './problems.js';

export interface SearchOptions {
  readonly sampler: Sampler;
  readonly trials: number;
  readonly seed: string;
  /** The search ends when a metric is so good. */
  readonly target?: number;
}

/** @returns the metrics in the order of the trials; fewer when the target is reached or the space is exhausted */
export function search(problem: Problem, { sampler, trials, seed, target }: SearchOptions): readonly number[] {
  const { space, mode, start } = problem;
  const history: Trial[] = [];
  while (history.length < trials) {
    const number = history.length;
    const first = number === 0 ? start : undefined;
    const values = first ?? suggest(space, history, `${seed}/${number}`, { mode, sampler })?.values;
    if (values === undefined) break;
    const metric = problem.evaluate(values);
    history.push({
      number,
      values,
      ...(Number.isFinite(metric) ? { state: 'completed', metric } : { state: 'failed' }),
    });
    if (target !== undefined && (mode === 'max' ? metric >= target : metric <= target)) break;
  }
  return history.map(({ metric }) => metric ?? Number.NaN);
}
