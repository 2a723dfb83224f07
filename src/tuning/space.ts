/** Search spaces: the hyperparameters and their ranges, in Optuna's terms. Pure. */
import { type FeatureMap, survives } from './feature-map.js';

/** Arrays are Python tuples such as (3, 3). */
export type ParameterValue = number | string | boolean | readonly ParameterValue[];

interface ParameterBase {
  readonly name: string;
  /** It only means something while another parameter, a number, is at least so large: without that it has no value. */
  readonly when?: Condition;
}

export interface Condition {
  readonly parameter: string;
  readonly atLeast: number;
}

export interface FloatParameter extends ParameterBase {
  readonly type: 'float';
  readonly low: number;
  readonly high: number;
  readonly log?: boolean;
  readonly step?: number;
}

export interface IntParameter extends ParameterBase {
  readonly type: 'int';
  readonly low: number;
  readonly high: number;
  readonly log?: boolean;
  readonly step?: number;
}

export interface CategoricalParameter extends ParameterBase {
  readonly type: 'categorical';
  readonly choices: readonly ParameterValue[];
}

export type Parameter = FloatParameter | IntParameter | CategoricalParameter;

export interface SearchSpace {
  readonly parameters: readonly Parameter[];
  /** What must be left of the feature map in every network that is proposed. */
  readonly featureMaps?: readonly FeatureMap[];
}

export type Values = Readonly<Record<string, ParameterValue>>;

/** The values without those of parameters that mean nothing beside the others. Called some thousand times a suggestion. */
export function activeValues(space: SearchSpace, values: Values): Values {
  const active: Record<string, ParameterValue> = {};
  for (const { name, when } of space.parameters) {
    const value = values[name];
    const condition = when === undefined ? undefined : values[when.parameter];
    const isActive = when === undefined || typeof condition !== 'number' || condition >= when.atLeast;
    if (isActive && value !== undefined) active[name] = value;
  }
  return active;
}

/** Whether a network with these values can be built, as far as the constraints of the space tell. */
export function isFeasible(space: SearchSpace, values: Values): boolean {
  return (space.featureMaps ?? []).every((map) => survives(map, values));
}

/**
 * Significant digits of a suggested float, so that it can be read in a commit: three are within half a per cent, which is
 * enough for a learning rate; on a linear scale they could be a hundredth of the range.
 */
const logDigits = 3;
const linearDigits = 4;

/** Two values are the same when they are written the same. */
export function valueKey(value: ParameterValue | undefined): string {
  return JSON.stringify(value) ?? '';
}

/** As {@link valueKey} tells, and faster. */
function isSame(a: ParameterValue, b: ParameterValue): boolean {
  return typeof a === 'object' || typeof b === 'object' ? valueKey(a) === valueKey(b) : a === b;
}

/** How many different values the parameter can take; infinite for a float without steps. */
export function countValues(parameter: Parameter): number {
  if (parameter.type === 'categorical') return parameter.choices.length;
  if (parameter.low >= parameter.high) return 1;
  if (parameter.type === 'float' && parameter.step === undefined) return Number.POSITIVE_INFINITY;
  return Math.floor((parameter.high - parameter.low) / (parameter.step ?? 1) + 1e-9) + 1;
}

/**
 * The value at a position of the unit interval: 0 is the low end, 1 the high end. Always legal: on a step, an integer
 * where one is due, and within the limits. Each value of a parameter with steps has an equal share of the interval
 * (on a logarithmic scale, where the parameter has one).
 */
export function decode(parameter: Parameter, position: number): ParameterValue {
  const unit = Math.min(Math.max(position, 0), 1);
  if (parameter.type === 'categorical') {
    const choices = inOrder(parameter.choices);
    return choices[Math.min(Math.floor(unit * choices.length), choices.length - 1)] ?? '';
  }
  const { low, high } = parameter;
  const { start, end, logStart, logRatio } = scaleOf(parameter);
  const value = parameter.log === true ? Math.exp(logStart + unit * logRatio) : start + unit * (end - start);
  if (parameter.type === 'float' && parameter.step === undefined) {
    return Math.min(Math.max(Number(value.toPrecision(parameter.log === true ? logDigits : linearDigits)), low), high);
  }
  const step = parameter.step ?? 1;
  const steps = Math.min(Math.max(Math.round((value - low) / step), 0), Math.floor((high - low) / step + 1e-9));
  if (Number.isInteger(low) && Number.isInteger(step)) return Math.min(Math.max(low + steps * step, low), high);
  // 0.1 + 2 * 0.1 is not 0.3 in binary; twelve digits hide that. Limits with more digits than that still hold.
  return Math.min(Math.max(Number((low + steps * step).toPrecision(12)), low), high);
}

/** The position of a value in the unit interval; a value outside of the range is moved to its nearest end. */
export function encode(parameter: Parameter, value: ParameterValue): number {
  if (parameter.type === 'categorical') {
    const index = inOrder(parameter.choices).findIndex((choice) => isSame(choice, value));
    return (Math.max(index, 0) + 0.5) / parameter.choices.length;
  }
  const { low, high } = parameter;
  if (typeof value !== 'number' || low >= high) return 0.5;
  const inside = Math.min(Math.max(value, low), high);
  const { start, end, logRatio } = scaleOf(parameter);
  return parameter.log === true ? Math.log(inside / start) / logRatio : (inside - start) / (end - start);
}

/** Whether the values lie on a scale, as numbers and sizes do: then neighbours on it are alike. */
export function isScale(parameter: Parameter): boolean {
  if (parameter.type !== 'categorical') return true;
  return parameter.choices.length > 2 && parameter.choices.every((choice) => magnitude(choice) !== undefined);
}

/** What the ends of the unit interval stand for. */
interface Scale {
  readonly start: number;
  readonly end: number;
  /** Only of use where the scale is logarithmic. */
  readonly logStart: number;
  readonly logRatio: number;
}

const scales = new WeakMap<Parameter, Scale>();

/** Worked out once for a parameter: values are put on its scale some ten thousand times a suggestion. */
function scaleOf(parameter: FloatParameter | IntParameter): Scale {
  const known = scales.get(parameter);
  if (known !== undefined) return known;
  const [start, end] = interval(parameter);
  const scale = { start, end, logStart: Math.log(start), logRatio: Math.log(end / start) };
  scales.set(parameter, scale);
  return scale;
}

/** The ends of the unit interval: half a step beyond the limits where there are steps. */
function interval({ type, low, high, log, step }: FloatParameter | IntParameter): readonly [number, number] {
  if (type === 'float' && step === undefined) return [low, high];
  const half = (step ?? 1) / 2;
  // A logarithmic scale must not reach zero.
  return [log === true ? Math.max(low - half, low / 2) : low - half, high + half];
}

/** Choices on a scale from the smallest on, others as they are. They are sorted once. */
function inOrder(choices: readonly ParameterValue[]): readonly ParameterValue[] {
  const known = ordered.get(choices);
  if (known !== undefined) return known;
  const isOrdered = choices.every((choice) => magnitude(choice) !== undefined);
  const sorted = isOrdered ? choices.toSorted((a, b) => (magnitude(a) ?? 0) - (magnitude(b) ?? 0)) : choices;
  ordered.set(choices, sorted);
  return sorted;
}

const ordered = new WeakMap<readonly ParameterValue[], readonly ParameterValue[]>();

/** A number, or the sum of the numbers in a tuple. */
function magnitude(value: ParameterValue): number | undefined {
  if (typeof value === 'number') return value;
  if (typeof value !== 'object') return undefined;
  return value.reduce<number | undefined>((sum, item) => {
    const more = magnitude(item);
    return sum === undefined || more === undefined ? undefined : sum + more;
  }, 0);
}
