/** What a tuner is measured on. */
import type { SearchSpace, Values } from '../../../src/tuning/space.js';

export interface Problem {
  readonly name: string;
  readonly space: SearchSpace;
  readonly mode: 'max' | 'min';
  /** The values of trial 0; the sampler's own choice without them. */
  readonly start?: Values;
  /** The metric; not finite stands for a training that failed. */
  evaluate(values: Values): number;
}
