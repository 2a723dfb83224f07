/** What is wrong with `hyperparameters:` of `.pushtune.yml`, held against what was found in the script. */
import type { Finding } from '../tuning/check-space.js';
import { nearestWord } from '../tuning/edit-distance.js';
import { type Parameter, type ParameterValue, valueKey } from '../tuning/space.js';
import type {
  Hyperparameter,
  HyperparameterKind,
  HyperparameterOverride,
  HyperparameterOverrides,
} from './inspection.js';
import { overridden } from './ranges.js';

type Override = Exclude<HyperparameterOverride, 'off'>;

const count = { isWhole: true, text: 'a whole number from 1 on' };

/** What a kind's values can be at all. Those without an entry may be anything. */
const possible: Readonly<Partial<Record<HyperparameterKind, { readonly isWhole: boolean; readonly text: string }>>> = {
  filters: count,
  kernel_size: count,
  pool_size: count,
  units: count,
  epochs: count,
  batch_size: count,
  steps_per_epoch: count,
  layers: count,
  dropout: { isWhole: false, text: 'a number from 0 to below 1' },
  learning_rate: { isWhole: false, text: 'a number above 0' },
  optimizer: { isWhole: false, text: 'a name' },
  activation: { isWhole: false, text: 'a name' },
};

const kinds: readonly string[] = [...Object.keys(possible), 'other'];

/**
 * Checks each override: whether there is something of its name, whether its range is one, and whether its values can be
 * what they are for.
 *
 * @param found the hyperparameters as they are without any override
 */
export function checkOverrides(
  found: readonly Hyperparameter[],
  overrides: HyperparameterOverrides,
): readonly Finding[] {
  const findings = Object.entries(overrides).flatMap(([name, override]) => {
    const meant = found.filter((one) => one.name === name || (one.kind === name && overrides[one.name] === undefined));
    if (!found.some((one) => one.name === name || one.kind === name)) return [unknownName(name, found)];
    return override === 'off' ? [] : meant.flatMap((one) => checkOverride(name, override, one));
  });
  if (found.length > 0 && found.every(({ name, kind }) => (overrides[name] ?? overrides[kind]) === 'off')) {
    findings.push(warning(['hyperparameters'], 'every hyperparameter is off, so there is nothing to search'));
  }
  // A kind that stands for several hyperparameters is told once.
  return [
    ...new Map(findings.map((finding) => [valueKey([...(finding.key ?? []), finding.message]), finding])).values(),
  ];
}

function unknownName(name: string, found: readonly Hyperparameter[]): Finding {
  const key = ['hyperparameters', name];
  if (kinds.includes(name)) return warning(key, `nothing of this kind was found in the script, so it changes nothing`);
  const names = found.map((one) => one.name);
  const meant = nearestWord(name, [...new Set([...names, ...found.map(({ kind }) => kind as string)])]);
  if (meant !== undefined) return error(key, `no hyperparameter is called so; did you mean ${meant}?`);
  return error(
    key,
    `no hyperparameter is called so; there ${names.length === 0 ? 'are none' : `are ${names.join(', ')}`}`,
  );
}

function checkOverride(name: string, override: Override, found: Hyperparameter): readonly Finding[] {
  const at = (...rest: string[]): readonly string[] => ['hyperparameters', name, ...rest];
  const findings = override.choices === undefined ? checkRange(at, override, found) : checkChoices(at, override, found);
  const wrong = findings.some(({ severity }) => severity === 'error');
  return wrong ? findings : [...findings, ...leftOut(at(), overridden(found.parameter, override), found)];
}

type KeyOf = (...rest: string[]) => readonly string[];

function checkChoices(
  at: KeyOf,
  { choices = [], type, ...range }: Override,
  found: Hyperparameter,
): readonly Finding[] {
  const findings: Finding[] = [];
  const unused = Object.entries(range).flatMap(([key, value]) => (value === undefined ? [] : [key]));
  if (type !== undefined && type !== 'categorical') unused.unshift(`type: ${type}`);
  if (unused.length > 0) findings.push(warning(at(), `${unused.join(', ')} means nothing beside choices`));
  choices.forEach((choice, index) => {
    const problem = problemOf(choice, found);
    if (problem !== undefined) findings.push(error(at('choices', String(index)), problem));
    if (choices.findIndex((other) => valueKey(other) === valueKey(choice)) < index) {
      findings.push(warning(at('choices', String(index)), `${valueKey(choice)} stands there twice`));
    }
  });
  const isSingle = new Set(choices.map(valueKey)).size === 1;
  return isSingle ? [...findings, warning(at('choices'), oneValue(valueKey(choices[0])))] : findings;
}

function checkRange(at: KeyOf, override: Override, { kind, parameter, ...found }: Hyperparameter): readonly Finding[] {
  const type = override.type ?? parameter.type;
  const base = parameter.type === 'categorical' ? undefined : parameter;
  if (type === 'categorical') {
    return override.type === 'categorical'
      ? base === undefined
        ? []
        : [error(at(), 'type: categorical needs choices')]
      : [error(at(), `it has choices and no range; give choices, or type: int with low and high`)];
  }
  const low = override.low ?? base?.low;
  const high = override.high ?? base?.high;
  if (low === undefined || high === undefined) return [error(at(), `type: ${type} needs low and high`)];
  const { step } = override;
  const isLog = override.log ?? base?.log ?? false;
  const range = `${low} … ${high}`;
  const findings: Finding[] = [];
  if (low > high) {
    const ofFound = override.low === undefined ? 'low' : override.high === undefined ? 'high' : undefined;
    const origin = ofFound === undefined ? '' : `; ${ofFound} ${ofFound === 'low' ? low : high} was found, give both`;
    findings.push(error(at(override.low === undefined ? 'high' : 'low'), `low ${low} is above high ${high}${origin}`));
    return findings;
  }
  for (const [key, value] of [
    ['low', override.low],
    ['high', override.high],
    ['step', step],
  ] as const) {
    if (value === undefined) continue;
    const problem = key === 'step' ? undefined : problemOf(value, { kind, parameter, ...found });
    if (problem !== undefined) findings.push(error(at(key), problem));
    else if (type === 'int' && !Number.isInteger(value))
      findings.push(error(at(key), `${value} is no whole number, and type is int`));
  }
  const isCount = possible[kind]?.isWhole === true;
  if (override.type === 'float' && isCount) findings.push(error(at('type'), `${kind} is a whole number: type: int`));
  if (override.log === true && step !== undefined) {
    findings.push(error(at('step'), 'a logarithmic range has no steps; give log or step'));
  } else if (override.log === true && low <= 0) {
    findings.push(error(at('log'), `a logarithmic range begins above 0, and low is ${low}`));
  } else if (isLog && low <= 0 && findings.length === 0) {
    findings.push(
      warning(
        at('low'),
        `the range is no longer logarithmic, since low is ${low}; the smallest values are hardly tried`,
      ),
    );
  }
  if (low === high) findings.push(warning(at(), oneValue(String(low))));
  else if (step !== undefined && step > high - low) {
    findings.push(error(at('step'), `a step of ${step} is larger than the range ${range}`));
  } else if (step !== undefined && override.log !== true) findings.push(...unreached(at('step'), low, high, step));
  return findings;
}

function unreached(key: readonly string[], low: number, high: number, step: number): readonly Finding[] {
  const steps = Math.floor((high - low) / step + 1e-9);
  const last = Number((low + steps * step).toPrecision(12));
  return high - last <= step * 1e-6
    ? []
    : [warning(key, `high ${high} is not reached in steps of ${step} from ${low}: the last value is ${last}`)];
}

/** Why a value can't be one of this hyperparameter; undefined when it can. */
function problemOf(value: ParameterValue, { kind, value: own }: Hyperparameter): string | undefined {
  const { isWhole, text } = possible[kind] ?? { isWhole: false, text: typeof own === 'string' ? 'a text' : 'a number' };
  if (typeof own === 'boolean') return undefined;
  const message = `${valueKey(value)} is no ${kind === 'other' ? 'value for it' : kind}, which is ${text}`;
  if (typeof own === 'string') return typeof value === 'string' ? undefined : message;
  const items = Array.isArray(value) ? value : [value];
  return items.every((item) => isPossible(item, kind, isWhole)) ? undefined : message;
}

function isPossible(value: ParameterValue, kind: HyperparameterKind, isWhole: boolean): boolean {
  if (typeof value !== 'number') return false;
  if (isWhole) return Number.isInteger(value) && value >= 1;
  if (kind === 'dropout') return value >= 0 && value < 1;
  return kind !== 'learning_rate' || value > 0;
}

/** That is the person's will; it is only said, since trial 0 is outside of the space then. */
function leftOut(
  key: readonly string[],
  parameter: Parameter,
  { value, places, file, line }: Hyperparameter,
): readonly Finding[] {
  const isWritten = places.every(({ passed }) => passed?.added === undefined);
  if (!isWritten || contains(parameter, value)) return [];
  return [
    warning(key, `leaves out ${valueKey(value)}, which stands in ${file}:${line}; only trial 0 is trained with it`),
  ];
}

function contains(parameter: Parameter, value: ParameterValue): boolean {
  if (parameter.type === 'categorical') return parameter.choices.some((choice) => isSame(choice, value));
  return typeof value === 'number' && value >= parameter.low && value <= parameter.high;
}

/** A window of (3, 3) is one of 3. */
function isSame(one: ParameterValue, other: ParameterValue): boolean {
  return squareSide(one) === squareSide(other);
}

function squareSide(value: ParameterValue): string {
  const [side] = Array.isArray(value) ? value : [value];
  const isSquare = Array.isArray(value) && side !== undefined && value.every((item) => item === side);
  return valueKey(isSquare ? side : value);
}

function oneValue(value: string): string {
  return `${value} is its only value; write off to leave what the script says`;
}

function error(key: readonly string[], message: string): Finding {
  return { severity: 'error', key, message };
}

function warning(key: readonly string[], message: string): Finding {
  return { severity: 'warning', key, message };
}
