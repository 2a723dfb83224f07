/** What a tuner is measured on. */
import type { SearchSpace, Values } from '../../../src/tuning/space.js';
import { readGrid } from '../digits-grid.js';

export interface Problem {
  readonly name: string;
  readonly space: SearchSpace;
  readonly mode: 'max' | 'min';
  /** The values of trial 0; the sampler's own choice without them. */
  readonly start?: Values;
  /** The metric; not finite stands for a training that failed. */
  evaluate(values: Values): number;
}

/** 3 024 configurations of a CNN on handwritten digits, with the mean accuracy of two trainings each. */
export function digitsProblem(): Problem {
  const { space, accuracyOf } = readGrid();
  return { name: 'digits CNN', space, mode: 'max', evaluate: accuracyOf };
}

/** Hartmann's function of six parameters: coefficients of https://www.sfu.ca/~ssurjano/hart6.html, as those of the others. */
const hartmannWeights = [1, 1.2, 3, 3.2];
const hartmannScales = [
  [10, 3, 17, 3.5, 1.7, 8],
  [0.05, 10, 17, 0.1, 8, 14],
  [3, 3.5, 1.7, 10, 17, 8],
  [17, 8, 0.05, 10, 0.1, 14],
];
const hartmannCentres = [
  [0.1312, 0.1696, 0.5569, 0.0124, 0.8283, 0.5886],
  [0.2329, 0.4135, 0.8307, 0.3736, 0.1004, 0.9991],
  [0.2348, 0.1451, 0.3522, 0.2883, 0.3047, 0.665],
  [0.4047, 0.8828, 0.8732, 0.5743, 0.1091, 0.0381],
];

/** A problem whose best value is known: the regret of a search is what it is away from that. */
export interface KnownProblem extends Problem {
  readonly best: number;
}

export const functions: readonly KnownProblem[] = [
  {
    name: 'Branin',
    mode: 'min',
    best: 0.397887,
    space: cube(2, ([i]) => (i === 0 ? [-5, 10] : [0, 15])),
    evaluate(values) {
      const [x = 0, y = 0] = numbers(values);
      const inner = y - (5.1 / (4 * Math.PI ** 2)) * x ** 2 + (5 / Math.PI) * x - 6;
      return inner ** 2 + 10 * (1 - 1 / (8 * Math.PI)) * Math.cos(x) + 10;
    },
  },
  {
    name: 'Hartmann-6',
    mode: 'min',
    best: -3.32237,
    space: cube(6, () => [0, 1]),
    evaluate(values) {
      const x = numbers(values);
      return -hartmannWeights.reduce((sum, weight, i) => {
        const exponent = x.reduce(
          (total, position, j) =>
            total + (hartmannScales[i]?.[j] ?? 0) * (position - (hartmannCentres[i]?.[j] ?? 0)) ** 2,
          0,
        );
        return sum + weight * Math.exp(-exponent);
      }, 0);
    },
  },
  {
    // With bounds that are no mirror images: its best point must not be the middle, which a search may try first.
    name: 'Ackley-5',
    mode: 'min',
    best: 0,
    space: cube(5, () => [-15, 30]),
    evaluate(values) {
      const x = numbers(values);
      const mean = (of: (position: number) => number): number => x.reduce((sum, a) => sum + of(a), 0) / x.length;
      const waves = Math.exp(mean((a) => Math.cos(2 * Math.PI * a)));
      return 20 + Math.E - 20 * Math.exp(-0.2 * Math.sqrt(mean((a) => a * a))) - waves;
    },
  },
  {
    name: 'log-Rosenbrock-4',
    mode: 'min',
    best: 0,
    space: cube(4, () => [-2, 2]),
    evaluate(values) {
      const x = numbers(values);
      const sum = x
        .slice(1)
        .reduce((total, next, i) => total + 100 * (next - (x[i] ?? 0) ** 2) ** 2 + (1 - (x[i] ?? 0)) ** 2, 0);
      return Math.log10(1 + sum);
    },
  },
  {
    name: 'mixed-8',
    mode: 'max',
    best: 1,
    space: {
      parameters: [
        { name: 'learning_rate', type: 'float', low: 1e-5, high: 1e-1, log: true },
        { name: 'optimizer', type: 'categorical', choices: ['sgd', 'adam', 'rmsprop'] },
        { name: 'filters', type: 'int', low: 4, high: 64, log: true },
        { name: 'kernel_size', type: 'categorical', choices: [3, 5, 7] },
        { name: 'conv_blocks', type: 'int', low: 1, high: 4 },
        { name: 'dropout', type: 'float', low: 0, high: 0.6 },
        { name: 'batch_size', type: 'categorical', choices: [16, 32, 64, 128] },
        { name: 'activation', type: 'categorical', choices: ['relu', 'tanh', 'sigmoid', 'elu'] },
      ],
    },
    /** Like a CNN: the learning rate matters most, and its best value depends on optimizer and batch size. */
    evaluate(values) {
      const optimizer = String(values.optimizer);
      const bestRate = { sgd: -1.7, adam: -3, rmsprop: -3.3 }[optimizer] ?? 0;
      const rate =
        Math.log10(Number(values.learning_rate)) - bestRate - 0.3 * Math.log2(Number(values.batch_size) / 32);
      const width = Math.log2(Number(values.filters) / 48);
      return (
        Math.exp(-0.5 * rate ** 2) *
        (optimizer === 'sgd' ? 0.97 : optimizer === 'adam' ? 1 : 0.98) *
        (1 - 0.02 * width ** 2) *
        (1 - 0.03 * (Number(values.conv_blocks) - 3) ** 2) *
        (1 - 0.4 * (Number(values.dropout) - 0.25) ** 2) *
        (1 - 0.01 * Math.abs(Math.log2(Number(values.batch_size) / 32))) *
        (1 - 0.01 * Math.abs(Number(values.kernel_size) - 3)) *
        (1 - 0.05 * ['relu', 'elu', 'tanh', 'sigmoid'].indexOf(String(values.activation)))
      );
    },
  },
];

function cube(axes: number, limits: (axis: readonly [number]) => readonly [number, number]): SearchSpace {
  return {
    parameters: Array.from({ length: axes }, (_, i) => {
      const [low, high] = limits([i]);
      return { name: `x${i + 1}`, type: 'float' as const, low, high };
    }),
  };
}

function numbers(values: Values): readonly number[] {
  return Object.values(values).map(Number);
}
