/** Trials as points of the unit cube, and back: what the models of the tuner work on. Pure. */
import type { Distance, Point } from './gaussian-process.js';
import {
  activeValues,
  countValues,
  decode,
  encode,
  isScale,
  type Parameter,
  type ParameterValue,
  type SearchSpace,
  type Values,
} from './space.js';

/** Where a parameter that means nothing beside the others stands: in the middle, where it tells nothing. */
const inactive = 0.5;

/** How far apart two values of each parameter are to a model. */
export function distancesOf(space: SearchSpace): readonly Distance[] {
  return space.parameters.map((parameter) => (isScale(parameter) ? 'difference' : 'equality'));
}

export function toPoint(space: SearchSpace, values: Values): Point {
  const active = activeValues(space, values);
  return Float64Array.from(space.parameters, (parameter) => {
    const value = active[parameter.name];
    return value === undefined ? inactive : encode(parameter, value);
  });
}

export function toValues(space: SearchSpace, position: ArrayLike<number>): Values {
  const values: Record<string, ParameterValue> = {};
  for (const [i, parameter] of space.parameters.entries()) {
    values[parameter.name] = decode(parameter, position[i] ?? inactive);
  }
  return activeValues(space, values);
}

/** As `toPoint(space, toValues(space, position))`, which it spares the values: the nearest legal point. */
export function toLegalPoint(space: SearchSpace, position: ArrayLike<number>): Point {
  const { parameters } = space;
  const values = parameters.map((parameter, i) => decode(parameter, position[i] ?? inactive));
  const conditions = conditionsOf(space);
  const point = new Float64Array(parameters.length);
  // A loop: this is what a suggestion takes most of its time for.
  for (let i = 0; i < parameters.length; i += 1) {
    const parameter = parameters[i] as Parameter;
    const condition = values[conditions[i] ?? -1];
    const isActive = typeof condition !== 'number' || condition >= (parameter.when?.atLeast ?? 0);
    point[i] = isActive ? encode(parameter, values[i] as ParameterValue) : inactive;
  }
  return point;
}

const knownConditions = new WeakMap<SearchSpace, readonly number[]>();

/** For each parameter the place of the one that it depends on; -1 for none. */
function conditionsOf(space: SearchSpace): readonly number[] {
  const known = knownConditions.get(space);
  if (known !== undefined) return known;
  const found = space.parameters.map(({ when }) => space.parameters.findIndex(({ name }) => name === when?.parameter));
  knownConditions.set(space, found);
  return found;
}

/** All positions of a parameter with at most so many values; undefined for one with more. */
export function positionsOf(parameter: Parameter, most: number): readonly number[] | undefined {
  const count = countValues(parameter);
  if (count > most) return undefined;
  if (parameter.type === 'categorical') return parameter.choices.map((_, i) => (i + 0.5) / count);
  const { low, step } = parameter;
  return Array.from({ length: count }, (_, i) => encode(parameter, low + i * (step ?? 1)));
}
