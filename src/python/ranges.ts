import type { Parameter, ParameterValue } from '../tuning/space.js';
import type { HyperparameterKind, HyperparameterOverride } from './inspection.js';
import { isFloatSpelling } from './literals.js';

/** What the rest of a script allows: see couplings. */
export interface Limits {
  readonly low?: number;
  readonly high?: number;
}

export interface RangeRequest {
  readonly name: string;
  readonly kind: HyperparameterKind;
  readonly value: ParameterValue;
  readonly written: string;
  readonly limits: Limits;
  /** Which number a hyperparameter of kind `other` is, such as `momentum`. */
  readonly argument?: string;
  /** The optimizer class that a learning rate belongs to, if it is known. */
  readonly optimizer?: string;
}

/**
 * The range in which a hyperparameter is tried, centred on what the person wrote, which is always inside it. Undefined
 * for values that have no sensible range: a 1 × 1 kernel, an optimizer object, a dropout of 1.
 */
export function rangeFor(request: RangeRequest): Parameter | undefined {
  const { kind, name, value } = request;
  switch (kind) {
    case 'filters':
    case 'units':
      return wholeNumber(request, 4, 4, true);
    case 'epochs':
      return epochsRange(request);
    case 'batch_size':
      return wholeNumber(request, 4, 4, true);
    case 'steps_per_epoch':
      return wholeNumber(request, 2, 1, false);
    case 'layers':
      return typeof value === 'number' ? clipped(request, Math.max(1, value - 2), value + 2, false) : undefined;
    case 'kernel_size':
      return sizes(name, value, kernelSizes);
    case 'pool_size':
      return sizes(name, value, poolSizes);
    case 'dropout':
      return dropoutRange(request);
    case 'learning_rate':
      return learningRateRange(request);
    case 'optimizer':
      return named(name, value, OPTIMIZERS);
    case 'activation':
      return named(name, value, ACTIVATIONS);
    case 'other':
      return otherRange(request);
  }
}

/**
 * Filters and units a factor of 4 up and down, on a logarithmic scale, since capacity matters in proportion: around 32
 * this is 8 to 128, the span of the CNNs in arXiv 2410.08920. Batch sizes likewise: around 32 it is 8 to 128
 * (Masters & Luschi 2018 found 2 to 32 best, larger ones pay in time). Steps per epoch never go up: the data may end.
 */
function wholeNumber(request: RangeRequest, down: number, up: number, log: boolean): Parameter | undefined {
  const { value } = request;
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 2) {
    return undefined;
  }
  return clipped(request, Math.max(1, Math.round(value / down)), value * up, log);
}

/** Epochs are more a budget than a choice, so half to twice what was written; a script that trains briefly may go to 10. */
function epochsRange(request: RangeRequest): Parameter | undefined {
  const { value } = request;
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 1) {
    return undefined;
  }
  return clipped(request, Math.max(1, Math.floor(value / 2)), Math.max(value * 2, 10), true);
}

function clipped(request: RangeRequest, low: number, high: number, log: boolean): Parameter | undefined {
  const { name, limits } = request;
  const value = typeof request.value === 'number' ? request.value : low;
  const from = Math.min(Math.max(low, limits.low ?? low), value);
  const to = Math.max(Math.min(high, limits.high ?? high), value);
  if (from >= to) {
    return undefined;
  }
  return { name, type: 'int', low: from, high: to, ...(log ? { log } : {}) };
}

/** Odd kernels, so that `same` padding stays symmetric: 3 and 5 (VGG, arXiv 1409.1556), one step around larger ones. */
function kernelSizes(size: number): readonly number[] {
  if (size < 2) {
    return [];
  }
  return size <= 3 ? [size, 3, 5] : [size - 2, size, size + 2];
}

/** 2 is what nearly every network uses, 3 (AlexNet) the only other one; larger windows only ever shrink. */
function poolSizes(size: number): readonly number[] {
  if (size < 2) {
    return [];
  }
  return size <= 3 ? [2, 3] : [2, Math.round(size / 2), size];
}

/** Choices for a number or for a square tuple; windows that are not square have a meaning that is not ours to guess. */
function sizes(
  name: string,
  value: ParameterValue,
  around: (size: number) => readonly number[],
): Parameter | undefined {
  const size = typeof value === 'object' ? value[0] : value;
  if (typeof size !== 'number' || !Number.isInteger(size)) {
    return undefined;
  }
  if (typeof value === 'object' && !value.every((item) => item === size)) {
    return undefined;
  }
  const options = [...new Set([...around(size)])].sort((a, b) => a - b);
  if (options.length < 2) {
    return undefined;
  }
  const choices = options.map((option) => (typeof value === 'object' ? value.map(() => option) : option));
  return { name, type: 'categorical', choices };
}

/** 0.3 around the written rate within 0 … 0.8: 0.5 is best for hidden layers, 0.2 near the input (Srivastava 2014). */
function dropoutRange(request: RangeRequest): Parameter | undefined {
  const { name, value } = request;
  if (typeof value !== 'number' || value < 0 || value >= 1) {
    return undefined;
  }
  return {
    name,
    type: 'float',
    low: rounded(Math.max(0, value - 0.3)),
    high: rounded(Math.max(Math.min(0.8, value + 0.3), value)),
  };
}

/** Optimizers that scale their own steps; above 0.03 they diverge (measured on the digits grid). */
const ADAPTIVE = ['Adam', 'AdamW', 'Nadam', 'Adamax', 'RMSprop', 'Lion', 'RAdam', 'RectifiedAdam'];

/**
 * A factor of 30 up and down on a logarithmic scale: three decades, as Keras Tuner's and Optuna's examples
 * (1e-4 … 1e-2 and 1e-5 … 1e-1) span. Never above 0.03 for adaptive optimizers or 0.5 for others.
 */
function learningRateRange(request: RangeRequest): Parameter | undefined {
  const { name, value, optimizer } = request;
  if (typeof value !== 'number' || value <= 0 || value > 10) {
    return undefined;
  }
  const ceiling = optimizer === undefined || ADAPTIVE.includes(optimizer) ? 0.03 : 0.5;
  const high = Math.max(Math.min(oneDigit(value * 30), ceiling), value);
  return { name, type: 'float', low: oneDigit(value / 30), high, log: true };
}

function oneDigit(value: number): number {
  return Number(value.toPrecision(1));
}

function rounded(value: number): number {
  return Number(value.toFixed(4));
}

/** The three that differ most in kind (Keras' own names, which it reads in any case). */
const OPTIMIZERS = ['adam', 'rmsprop', 'sgd'];
const KNOWN_OPTIMIZERS = [...OPTIMIZERS, 'adagrad', 'adadelta', 'adamax', 'nadam', 'adamw', 'ftrl', 'lion'];
/** Activations of hidden layers that every Keras since 2.0 knows. */
const ACTIVATIONS = ['relu', 'elu', 'tanh'];
const KNOWN_ACTIVATIONS = [
  ...ACTIVATIONS,
  'selu',
  'sigmoid',
  'softplus',
  'softsign',
  'swish',
  'silu',
  'gelu',
  'hard_sigmoid',
  'leaky_relu',
  'mish',
  'relu6',
];

function named(name: string, value: ParameterValue, options: readonly string[]): Parameter | undefined {
  const known = options === OPTIMIZERS ? KNOWN_OPTIMIZERS : KNOWN_ACTIVATIONS;
  if (typeof value !== 'string' || !known.includes(value.toLowerCase())) {
    return undefined;
  }
  const others = options.filter((option) => option !== value.toLowerCase());
  return { name, type: 'categorical', choices: [value, ...others] };
}

/** Momentum 0 … 0.99 (Sutskever 2013); penalties two decades around; forests and neighbours as scikit-learn's guides do. */
function otherRange(request: RangeRequest): Parameter | undefined {
  const { name, value, argument, written } = request;
  if (typeof value !== 'number') {
    return undefined;
  }
  if (argument === 'momentum') {
    return value >= 0 && value < 1 ? { name, type: 'float', low: 0, high: Math.max(0.99, value) } : undefined;
  }
  if (value <= 0) {
    return undefined;
  }
  if (argument === 'l1_ratio' || argument === 'subsample') {
    // Shares: beyond 1 scikit-learn refuses them, and a sample of nothing teaches nothing.
    return value < 1
      ? { name, type: 'float', low: argument === 'subsample' ? Math.min(0.3, value) : 0, high: 1 }
      : undefined;
  }
  if (!isFloatSpelling(written) && argument !== 'C' && argument !== 'alpha') {
    return wholeNumber(request, 4, 4, true);
  }
  return { name, type: 'float', low: oneDigit(value / 100), high: oneDigit(value * 100), log: true };
}

/**
 * A range that a person narrowed, replaced or switched off in `.pushtune.yml`. A type, or choices, that differ from
 * what was found replace it; bounds alone narrow it. A range that leaves the written value out is the person's will.
 */
export function overridden(parameter: Parameter, override: Exclude<HyperparameterOverride, 'off'>): Parameter {
  const { name } = parameter;
  if (override.choices !== undefined) {
    return { name, type: 'categorical', choices: override.choices };
  }
  const type = override.type ?? parameter.type;
  if (type === 'categorical') {
    return parameter;
  }
  const base = parameter.type === 'categorical' ? undefined : parameter;
  const low = override.low ?? base?.low;
  const high = override.high ?? base?.high;
  if (low === undefined || high === undefined) {
    return parameter;
  }
  const log = override.log ?? base?.log ?? false;
  const step = override.step ?? base?.step;
  // A logarithmic range has no steps (Optuna refuses the pair too), and none at zero.
  const scale = log && low > 0 && override.step === undefined ? { log: true } : step === undefined ? {} : { step };
  return { name, type, low, high, ...scale };
}

/**
 * A range cut down to the values that the script accepts (`choices` of argparse): of names those that both know, spelt as
 * the script does; of numbers all that the script names. Undefined when `value` is none of them or the only one.
 */
export function limitedTo(
  parameter: Parameter,
  choices: readonly ParameterValue[],
  value: ParameterValue,
): Parameter | undefined {
  const known =
    parameter.type === 'categorical' ? parameter.choices.map((choice) => String(choice).toLowerCase()) : undefined;
  const kept = choices.filter((choice) =>
    typeof value === 'number' ? typeof choice === 'number' : known?.includes(String(choice).toLowerCase()) === true,
  );
  const isPossible = kept.length > 1 && kept.includes(value);
  return isPossible ? { name: parameter.name, type: 'categorical', choices: kept } : undefined;
}

/** The value of a range that is nearest to one that was not written by a person; its first choice otherwise. */
export function withinRange(parameter: Parameter, value: ParameterValue): ParameterValue {
  if (parameter.type === 'categorical') {
    return parameter.choices.includes(value) ? value : (parameter.choices[0] ?? value);
  }
  return typeof value === 'number' ? Math.min(Math.max(value, parameter.low), parameter.high) : value;
}
