/**
 * What is known of the memory that values need: a network that ran out of it says that every network which is at least
 * as large would too. Pure.
 */
import { activeValues, type Parameter, type ParameterValue, type SearchSpace, type Values, valueKey } from './space.js';

/** More of these never needs less memory: sizes of layers and batches, and how many dense layers there are. */
const growing = /batch|filter|unit|neuron|hidden|dense|channel|width|embed|dim|head/i;
/**
 * Memory does not depend on these. All others have to be equal for two networks to be compared: another optimizer keeps
 * other numbers for each weight, and one more pooling makes the dense layers behind it smaller.
 */
const weightless = /epoch|step|rate|^lr$|dropout|momentum|decay|activation|initializer|seed|patience/i;

/**
 * Whether a training with the values needs at least as much memory as one with those that were too large, as far as
 * names and values tell.
 */
export function needsAsMuch(space: SearchSpace, values: Values, tooLarge: Values): boolean {
  const ours = activeValues(space, values);
  const theirs = activeValues(space, tooLarge);
  return space.parameters.every((parameter) => compares(parameter, ours[parameter.name], theirs[parameter.name]));
}

function compares({ name }: Parameter, ours: ParameterValue | undefined, theirs: ParameterValue | undefined): boolean {
  if (weightless.test(name)) return true;
  if (growing.test(name) && [ours, theirs].every(isSize)) return Number(ours ?? 0) >= Number(theirs ?? 0);
  return valueKey(ours) === valueKey(theirs);
}

/** What is not there, as a layer that is left out, needs nothing. */
function isSize(value: ParameterValue | undefined): boolean {
  return value === undefined || typeof value === 'number';
}
