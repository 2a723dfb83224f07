/** Which trials of earlier studies a new study of the same repository learns from. Pure. */
import {
  activeValues,
  type Parameter,
  type ParameterValue,
  type SearchSpace,
  type Values,
  valueKey,
} from '../tuning/space.js';
import type { Trial } from '../tuning/suggest.js';
import type { StudyHistory } from './study-history.js';
import type { TrialRecord } from './trial-note.js';

/**
 * What an earlier trial tells beside one of the study itself. The code has changed since, or the person would not have
 * pushed: good values are likely to be good still, but a figure is not the one that they would reach now.
 */
const earlierWeight = 0.3;
/** The latest studies, and of all of them the latest trials: what is older was measured on other code, and costs time to fit. */
const mostStudies = 5;
const mostTrials = 200;

/** What a new study searches. */
export interface Search {
  readonly space: SearchSpace;
  /** What the person wrote: the values of trial 0. */
  readonly values: Values;
  /** Name of the metric that trial 0 was measured by. */
  readonly metric: string;
  readonly mode: 'max' | 'min';
}

/**
 * Chooses and translates trials of earlier studies.
 *
 * A study counts when it had the same metric and direction, and no parameter of the same name and another type. A trial
 * counts when it was measured and all its values lie within the new ranges. Failed trials are left out: what broke
 * them is likely to be what the person's push mends. A parameter that the earlier study did not have stood at what the
 * person wrote, so it gets the value that is written now; one that is searched no longer is left out.
 *
 * @param histories other studies of the repository, in any order; ids sort by time
 * @returns trials with negative numbers, which those of the new study never have, the oldest first
 */
export function earlierTrials(histories: readonly StudyHistory[], search: Search): readonly Trial[] {
  const trials = [...histories]
    .sort((a, b) => (a.id < b.id ? -1 : 1))
    .filter((history) => isCompatible(history, search))
    .map((history) => history.trials.flatMap((trial) => translate(trial, search)))
    .filter((usable) => usable.length > 0)
    .slice(-mostStudies)
    .flat()
    .slice(-mostTrials);
  return trials.map((trial, i) => ({ ...trial, number: i - trials.length }));
}

function isCompatible(history: StudyHistory, { space, metric, mode }: Search): boolean {
  const names = new Set(history.trials.flatMap((trial) => trial.metric?.name ?? []));
  if (history.mode !== mode || !names.has(metric)) return false;
  const types = new Map(history.space?.parameters.map(({ name, type }) => [name, type]));
  return space.parameters.every(({ name, type }) => !types.has(name) || types.get(name) === type);
}

function translate(trial: TrialRecord, { space, values, metric }: Search): readonly Omit<Trial, 'number'>[] {
  if (trial.state !== 'completed' && trial.state !== 'pruned') return [];
  if (trial.metric?.name !== metric) return [];
  const all = space.parameters.map(({ name }) => [name, trial.values[name] ?? values[name]] as const);
  const translated = activeValues(
    space,
    Object.fromEntries(all.flatMap(([name, value]) => (value === undefined ? [] : [[name, value]]))),
  );
  const isLegal = space.parameters.every((parameter) => {
    const value = translated[parameter.name];
    return value === undefined || isWithin(parameter, value);
  });
  if (!isLegal) return [];
  return [
    {
      values: translated,
      state: trial.state,
      metric: trial.metric.value,
      ...(trial.seconds === undefined ? {} : { seconds: trial.seconds }),
      weight: earlierWeight,
    },
  ];
}

/** A value between two steps still tells of its neighbourhood. */
function isWithin(parameter: Parameter, value: ParameterValue): boolean {
  if (parameter.type === 'categorical') {
    return parameter.choices.some((choice) => valueKey(choice) === valueKey(value));
  }
  if (typeof value !== 'number' || (parameter.type === 'int' && !Number.isInteger(value))) return false;
  return value >= parameter.low && value <= parameter.high;
}
