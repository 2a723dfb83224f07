/**
 * What the hook in the container reports of a training: JSON lines, to which the script could write as well. Pure.
 *
 * A line that is not as expected is skipped, and a figure that is not finite is kept as such.
 */
import { z } from 'zod';
import { type Figure, isImpossible, normaliseMetric, readName, wordsOf } from './figure-names.js';
import { digitsBehindPoint } from './log-tokens.js';

/** Longer and shorter lines are none of the hook's. */
const longestLine = 64 * 1024;
const shortestLine = '{"type":"started"}'.length;
/** Shims beyond that are not told of. */
const mostShims = 20;

const fit = z.int();
const count = z.int().positive().nullish().catch(undefined);
const metrics = z.record(z.string(), z.unknown()).transform(numbersOf);
const eventSchema = z.discriminatedUnion('type', [
  /** The agent's own: the script is started, for the second time after its container died. */
  z.object({ type: z.literal('started') }),
  z.object({ type: z.literal('fit_started'), fit, epochs: count }),
  z.object({ type: z.literal('epoch'), fit, epoch: count, metrics }),
  z.object({ type: z.literal('fit_ended'), fit, inputShape: z.array(z.int().nullable()).nullish().catch(undefined) }),
  z.object({ type: z.literal('pruned'), fit }),
  z.object({ type: z.literal('evaluated'), metrics }),
  z.object({ type: z.literal('shim'), name: z.string().min(1).max(200) }),
]);
type TrainingEvent = z.infer<typeof eventSchema>;
type Metrics = Readonly<Record<string, number>>;

export interface KerasHistory {
  /** Of each fit the last value of each metric, the last fit first. Not every epoch needs to be validated. */
  readonly lastEpochs: readonly Metrics[];
  /** Metrics of the last evaluation that the script asked for itself. */
  readonly evaluated: Metrics | undefined;
  readonly hasFits: boolean;
  readonly fits: number;
  /** What the epochs of the last fit gave, in their order, and how many of them the script asked for. */
  readonly epochs: readonly Epoch[];
  readonly plannedEpochs: number | undefined;
  /** Whether the fit that began last has ended, with all epochs that it was to have. */
  readonly isEnded: boolean;
  /** The hook has ended a fit because it was asked to. What the script trained after that tells nothing. */
  readonly isPruned: boolean;
  /** Lengths of the axes of one input of the last fit, where all of them are known. */
  readonly inputShape: readonly number[] | undefined;
  /** Old modules and arguments for which a compatibility shim was used. */
  readonly shims: readonly string[];
}

interface Fit {
  readonly last?: Metrics;
  readonly isEnded: boolean;
  /** Added to while the events are read; the first may be missing. */
  readonly epochs: Epoch[];
  readonly planned?: number;
}

export interface Epoch {
  /** From 1. */
  readonly number: number;
  readonly metrics: Metrics;
}

/** Reads the events; their beginning may be missing. */
export function readHistory(text: string): KerasHistory {
  let fits = new Map<number, Fit>();
  // A training that goes on after a restart reports its remaining epochs only, and none if it was through.
  let before: ReadonlyMap<number, Fit> = new Map();
  let evaluated: Metrics | undefined;
  let inputShape: readonly number[] | undefined;
  let isPruned = false;
  const shims = new Set<string>();
  for (const event of eventsIn(text)) {
    if (event.type === 'started') {
      // Nor does what is trained when its container has died after that.
      if (isPruned) continue;
      before = new Map([...before, ...fits]);
      fits = new Map();
    } else if (event.type === 'evaluated') evaluated = event.metrics;
    else if (event.type === 'shim') shims.add(event.name);
    else if (event.type === 'pruned') isPruned = true;
    else if (!isPruned) {
      if (event.type === 'fit_ended') inputShape = wholeShape(event.inputShape);
      const known = fits.get(event.fit) ?? before.get(event.fit);
      // The fit that was heard of last comes last.
      fits.delete(event.fit);
      const last = event.type === 'epoch' ? { ...known?.last, ...event.metrics } : known?.last;
      const planned = event.type === 'fit_started' ? (event.epochs ?? undefined) : known?.planned;
      const epochs = known?.epochs ?? [];
      if (event.type === 'epoch') addEpoch(epochs, event);
      fits.set(event.fit, {
        ...(last === undefined ? {} : { last }),
        ...(planned === undefined ? {} : { planned }),
        epochs,
        isEnded: event.type === 'fit_ended',
      });
    }
  }
  const latest = [...(fits.size > 0 ? fits : before).values()].reverse();
  return {
    lastEpochs: latest.flatMap(({ last }) => (last === undefined ? [] : [last])),
    evaluated,
    hasFits: latest.length > 0,
    fits: new Set([...before.keys(), ...fits.keys()]).size,
    epochs: latest[0]?.epochs ?? [],
    plannedEpochs: latest[0]?.planned,
    isEnded: fits.size > 0 && latest[0]?.isEnded === true,
    isPruned,
    inputShape,
    shims: [...shims].slice(0, mostShims),
  };
}

/** An epoch that comes once more, since the training began anew, leaves nothing of those that came after it. */
function addEpoch(epochs: Epoch[], { epoch, metrics }: Extract<TrainingEvent, { type: 'epoch' }>): void {
  const number = epoch ?? (epochs.at(-1)?.number ?? 0) + 1;
  while ((epochs.at(-1)?.number ?? 0) >= number) epochs.pop();
  epochs.push({ number, metrics });
}

function wholeShape(shape: readonly (number | null)[] | null | undefined): readonly number[] | undefined {
  const lengths = shape?.filter((length) => length !== null);
  return lengths === undefined || lengths.length !== shape?.length ? undefined : lengths;
}

/** The metric's figure in an epoch or an evaluation, whatever it measures. */
export function figureNamed(values: Metrics, name: string): Figure | undefined {
  const value = Object.hasOwn(values, name) ? values[name] : undefined;
  return value === undefined ? undefined : toFigure(name, value);
}

/** The accuracies of an epoch or an evaluation, the plainest first. */
export function accuraciesOf(values: Metrics): readonly Figure[] {
  return Object.entries(values)
    .flatMap(([name, value]): readonly Figure[] => {
      const { isAccuracy, data, rank, isNoResult } = readName(wordsOf(name));
      if (!isAccuracy || isNoResult || isImpossible(value)) return [];
      return [{ ...toFigure(name, value), data, rank }];
    })
    .sort((a, b) => a.rank - b.rank);
}

function toFigure(name: string, value: number): Figure {
  return {
    name,
    value: normaliseMetric(name, value),
    data: 'unnamed',
    rank: 0,
    digits: digitsBehindPoint(String(value)),
  };
}

function numbersOf(written: Readonly<Record<string, unknown>>): Metrics {
  return Object.fromEntries(
    Object.entries(written).flatMap(([name, value]) => {
      if (typeof value === 'number') return [[name, value]];
      return value === 'NaN' || value === 'Infinity' || value === '-Infinity' ? [[name, Number(value)]] : [];
    }),
  );
}

function* eventsIn(text: string): Generator<TrainingEvent> {
  for (const line of text.split('\n')) {
    if (line.length < shortestLine || line.length > longestLine) continue;
    const event = eventSchema.safeParse(parseLoose(line));
    if (event.success) yield event.data;
  }
}

/** Python's `json` writes NaN and Infinity, which are no JSON; they become strings. Undefined when it is no JSON at all. */
export function parseLoose(text: string): unknown {
  try {
    return JSON.parse(text.replace(/([:,[]\s{0,20})(NaN|-?Infinity)\b/g, '$1"$2"'));
  } catch {
    return undefined;
  }
}
