/** What earlier trials tell: each becomes a score that a model can be fitted to. Pure. */
import type { Values } from './space.js';

export interface Trial {
  readonly number: number;
  readonly values: Values;
  readonly state: 'completed' | 'failed' | 'pruned' | 'running';
  /** Of a failed trial, whether it needed more memory than there was. */
  readonly isTooLarge?: boolean;
  /** Of a pruned trial, what its last epoch reached. */
  readonly metric?: number;
  /** The metric after each epoch; a pruned trial has fewer of them than it would have had. */
  readonly curve?: readonly number[];
  /** Wall seconds of the training. */
  readonly seconds?: number;
  /** How much the trial tells beside one of this study, in (0, 1]: less than 1 for one of an earlier study. 1 by default. */
  readonly weight?: number;
}

export type Mode = 'max' | 'min';

export interface ScoredTrial {
  readonly trial: Trial;
  /** Mean 0 and deviation 1 over all scored trials, higher is better. */
  readonly score: number;
  /** Whether the score was measured at the end of a training, and not guessed. */
  readonly isMeasured: boolean;
  /** Variance of the score beyond that of a measured one. */
  readonly uncertainty: number;
}

/** A trial of an earlier study that weighs half as much as one of this study has this much more variance. */
const varianceOfHalfWeight = 0.1;
/** What a pruned trial would have reached is only guessed. */
const varianceOfPruned = 0.05;

/**
 * Scores of the trials, in the order of their numbers. None when fewer than two were measured.
 *
 * - A failed trial counts as the worst that was measured, so that the search leaves its neighbourhood.
 * - A pruned trial counts as its last epoch and the median gain of the finished trials from that epoch on.
 * - A trial that still runs counts as the average one (the constant liar of Ginsbourger, Le Riche and Carraro 2010), so
 *   that the next is not suggested beside it.
 *
 * Scores below the median are compressed logarithmically: how bad a bad trial is tells little of where the best is, and
 * would take up the model's scale (the half of Vizier's warping that matters here: Song et al. 2024, "The Vizier
 * Gaussian Process Bandit Algorithm", section 3.1).
 */
export function scoreTrials(history: readonly Trial[], mode: Mode): readonly ScoredTrial[] {
  const sign = mode === 'max' ? 1 : -1;
  const trials = history.toSorted((a, b) => a.number - b.number);
  const finished = trials.filter(({ state, metric }) => state === 'completed' && isFigure(metric));
  const known = trials.map((trial) => {
    if (trial.state === 'running' || trial.state === 'failed' || !isFigure(trial.metric)) return undefined;
    return sign * (trial.state === 'pruned' ? projected(trial, trial.metric, finished) : trial.metric);
  });
  const measured = known.filter((figure) => figure !== undefined);
  if (measured.length < 2) return [];

  const worst = Math.min(...measured);
  const warped = standardised(compressed(trials.map((_, i) => known[i] ?? worst)));
  return trials.map((trial, i) => {
    const weight = Math.min(Math.max(trial.weight ?? 1, 0.01), 1);
    return {
      trial,
      score: trial.state === 'running' ? 0 : (warped[i] ?? 0),
      isMeasured: trial.state === 'completed' && known[i] !== undefined,
      uncertainty: varianceOfHalfWeight * (1 / weight - 1) + (trial.state === 'pruned' ? varianceOfPruned : 0),
    };
  });
}

function isFigure(metric: number | undefined): metric is number {
  return metric !== undefined && Number.isFinite(metric);
}

/** What a pruned trial would have reached. */
function projected({ curve }: Trial, last: number, finished: readonly Trial[]): number {
  const epochs = curve?.length ?? 0;
  const gains = finished.flatMap(({ metric, curve: whole }) => {
    const then = epochs === 0 ? undefined : whole?.[epochs - 1];
    return isFigure(metric) && isFigure(then) ? [metric - then] : [];
  });
  return gains.length === 0 ? last : last + median(gains);
}

function compressed(figures: readonly number[]): readonly number[] {
  const middle = median(figures);
  const upper = figures.filter((figure) => figure >= middle);
  const spread = deviationFrom(middle, upper) || deviationFrom(middle, figures);
  // Figures that no training gives, such as 1e300: their order is all that is used.
  if (!Number.isFinite(spread)) return figures.map((figure) => figures.filter((other) => other < figure).length);
  if (spread === 0) return figures.map(() => 0);
  return figures.map((figure) => {
    const away = (figure - middle) / spread;
    return away >= 0 ? away : -Math.log1p(-away);
  });
}

function standardised(figures: readonly number[]): readonly number[] {
  const mean = figures.reduce((sum, figure) => sum + figure, 0) / figures.length;
  const deviation = deviationFrom(mean, figures) || 1;
  return figures.map((figure) => (figure - mean) / deviation);
}

/** Root of the mean squared distance. */
function deviationFrom(centre: number, figures: readonly number[]): number {
  return Math.sqrt(figures.reduce((sum, figure) => sum + (figure - centre) ** 2, 0) / figures.length);
}

function median(figures: readonly number[]): number {
  const sorted = figures.toSorted((a, b) => a - b);
  const [low = 0, high = low] = [
    sorted[Math.floor((sorted.length - 1) / 2)],
    sorted[Math.ceil((sorted.length - 1) / 2)],
  ];
  return low / 2 + high / 2;
}
