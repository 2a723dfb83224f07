/** The learning curve of a training: the study's metric after each epoch, as Keras reports it. Pure. */
import type { Figure } from './figure-names.js';
import { figureOfEpoch, type MetricRequest } from './metric.js';
import { type Epoch, readHistory } from './training-events.js';

export interface LearningCurve {
  /** The metric's name. */
  readonly name: string;
  /**
   * The metric after each epoch, from the first on. An epoch that was not validated has the value before it, or that of
   * the first which was. Empty when the metric is read elsewhere, or not reported by epoch.
   */
  readonly values: readonly number[];
  /** The training loss after each epoch, where there is one. */
  readonly losses: readonly number[];
  /** How many epochs the script asked for. */
  readonly epochs: number | undefined;
  /** The fit has ended: what the script still does is not training. */
  readonly isEnded: boolean;
}

/** Longer curves are cut: beyond so many epochs nothing is decided by them any more. */
const longestCurve = 1000;

/**
 * Reads the curve of a script's only fit. A script with several, such as folds of a cross-validation or a fine-tuning
 * behind the first training, has no curve that says how it will end, and only its losses are given: those of the last.
 */
export function readLearningCurve(events: string, request: MetricRequest): LearningCurve {
  const { epochs, fits, plannedEpochs, isEnded } = readHistory(events);
  const figures = fits === 1 ? byEpoch(epochs, (metrics) => figureOfEpoch(metrics, request)) : [];
  return {
    name: figures[0]?.name ?? request.name ?? 'metric',
    values: figures.map(({ value }) => value),
    losses: byEpoch(epochs, ({ loss }) => loss),
    epochs: plannedEpochs,
    isEnded,
  };
}

/** The part of a curve that is kept: JSON has neither NaN nor infinities. */
export function finitePart(values: readonly number[]): readonly number[] {
  const end = values.findIndex((value) => !Number.isFinite(value));
  return end < 0 ? values : values.slice(0, end);
}

/** The figure of each epoch in its place; nothing when there is none. */
function byEpoch<T extends number | Figure>(
  epochs: readonly Epoch[],
  read: (metrics: Epoch['metrics']) => T | undefined,
): readonly T[] {
  const known = epochs.map(({ number, metrics }) => ({ number, figure: read(metrics) }));
  let latest = known.find(({ figure }) => figure !== undefined)?.figure;
  const curve: T[] = [];
  for (const { number, figure } of known) {
    if (latest === undefined || number > longestCurve) break;
    while (curve.length < number - 1) curve.push(latest);
    latest = figure ?? latest;
    curve.push(latest);
  }
  return curve;
}
