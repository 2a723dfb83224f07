/**
 * Whether a training that still runs is worth its remaining epochs: rules on its learning curve and those of the earlier
 * trials. Pure.
 *
 * Trials may train for different numbers of epochs. They are compared after the same number of them, which is the same
 * amount of work; a trial that is to train longer than an earlier one, and may learn more slowly for that, is compared
 * at the same share of its way where that is kinder to it. The rules and their figures were chosen on a measured table:
 * `npm run bench -- pruning`.
 */

/** A trial of the same study that was trained before, with what is known of its training. */
export interface ComparedTrial {
  /** The metric after each epoch. */
  readonly curve: readonly number[];
  /** How many epochs the script asked for; the length of the curve when that is not known. */
  readonly epochs?: number | undefined;
  /** The metric of the whole training; a trial that was stopped early has none. */
  readonly final?: number | undefined;
}

export interface RunningTrial {
  /** The metric's name, for the sentence. */
  readonly name: string;
  /** The metric after each epoch so far. Empty when the metric is not one that is known by epoch. */
  readonly curve: readonly number[];
  /** The training loss after each epoch so far. */
  readonly losses?: readonly number[];
  /** How many epochs the script asks for. Nothing is compared without it. */
  readonly epochs?: number | undefined;
  readonly mode: 'max' | 'min';
  readonly target: number;
  /** In any order. */
  readonly compared: readonly ComparedTrial[];
}

/** Finished trials before close values are compared: the usual warm-up of median stopping (Optuna's `n_startup_trials`). */
const warmUpTrials = 5;
/** So many of the best trials have to be ahead for that alone to be a reason. */
const leaders = 8;
/** A loss that is so many times the first epoch's is not coming back. */
const divergedFactor = 100;

/**
 * Why the training should be stopped now, as the end of a sentence, or undefined when it should go on.
 *
 * - Its loss or its metric is not finite, or the loss has grown a hundredfold without a gain in the metric.
 * - Its best value is worse than the median of what the other trials had by then (median stopping: Golovin et al. 2017,
 *   Google Vizier, section 3.1; compared value with value as Optuna does, not with running averages).
 * - Its best value is worse than what each of the eight best trials had by then.
 * - Even the largest gain that a trial may make from here would not bring it to the best. That gain is estimated from
 *   the two largest that were seen, as their end point 2·g₁ − g₂ (Robson and Whitlock 1964, Biometrika 51): the gain of
 *   the next trial may well be larger than all that five trials had.
 *
 * These three compare values that may be close, and wait until five trials have been trained to their end. From the second
 * trial on holds a rule that asks for a clear distance:
 *
 * - It has had half of its epochs or more, and its best value is still worse than what the best trial had after half as
 *   many: it learns at less than half the speed.
 *
 * A training that has reached the target, or is as good as the best trial was by then, is only stopped when it diverges.
 */
export function reasonToPrune(trial: RunningTrial): string | undefined {
  const diverged = findDivergence(trial);
  if (diverged !== undefined) return diverged;
  const { epochs, curve, target } = trial;
  const sign = trial.mode === 'max' ? 1 : -1;
  if (epochs === undefined || curve.length === 0 || curve.length >= epochs) return undefined;
  const compared = trial.compared.map((other) => toRival(other, sign)).filter((rival) => rival !== undefined);
  const finished = compared.filter(isFinished);
  const own = Math.max(...curve.map((value) => sign * value));
  if (own >= sign * target) return undefined;
  const standings = compared.flatMap((rival) => standing(rival, curve.length, epochs) ?? []);
  if (own >= Math.max(...standings)) return undefined;
  const reached = `its best ${trial.name} of ${shown(sign * own)}`;
  if (finished.length >= warmUpTrials) {
    const middle = median(standings);
    if (own < middle) {
      return `${reached} was behind the median of ${shown(sign * middle)} that ${standings.length} earlier trials had by then`;
    }
    const last = lastOfLeaders(finished, curve.length, epochs);
    if (own < last) {
      return `${reached} was behind all of the ${leaders} best trials, of which the last had ${shown(sign * last)} by then`;
    }
    const gain = largestGain(finished, curve.length, epochs);
    const best = Math.max(...finished.map(({ final }) => final));
    if (gain !== undefined && own + gain < best) {
      return `${reached} would not reach the best of ${shown(sign * best)} even with a gain of ${shown(gain)}, the most that earlier trials let expect from there`;
    }
  }
  const half = halfTheSpeed(finished, curve.length, epochs);
  if (half === undefined || own >= half) return undefined;
  return `${reached} was clearly behind what the best trial had after half as many epochs`;
}

/** What went wrong with the numbers themselves, as the end of a sentence. */
export function findDivergence({
  name,
  curve,
  losses = [],
  mode,
}: Pick<RunningTrial, 'name' | 'curve' | 'losses' | 'mode'>): string | undefined {
  for (const [what, values] of [['loss', losses] as const, [name, curve] as const]) {
    const epoch = values.findIndex((value) => !Number.isFinite(value));
    if (epoch >= 0) return `its ${what} became ${values[epoch]} in epoch ${epoch + 1}`;
  }
  const first = losses[0] ?? 0;
  const last = losses.at(-1) ?? 0;
  const hasGained = curve.length > 1 && (mode === 'max' ? 1 : -1) * ((curve.at(-1) ?? 0) - (curve[0] ?? 0)) > 0;
  if (first <= 0 || last <= divergedFactor * first || hasGained) return undefined;
  return `its loss grew from ${shown(first)} to ${shown(last)} in epoch ${losses.length}`;
}

/** An earlier trial, higher being better. */
interface Rival {
  /** The best value up to each epoch. */
  readonly bests: readonly number[];
  readonly epochs: number;
  readonly final?: number;
}
type FinishedRival = Rival & { readonly final: number };

function toRival({ curve, epochs, final }: ComparedTrial, sign: number): Rival | undefined {
  const first = curve.find(Number.isFinite);
  if (first === undefined) return undefined;
  let best = sign * first;
  const bests = curve.map((value) => {
    if (Number.isFinite(value)) best = Math.max(best, sign * value);
    return best;
  });
  const isMeasured = final !== undefined && Number.isFinite(final);
  return {
    bests,
    epochs: Math.max(epochs ?? 0, curve.length),
    ...(isMeasured ? { final: sign * final } : {}),
  };
}

function isFinished(rival: Rival): rival is FinishedRival {
  return rival.final !== undefined;
}

/**
 * What the rival had when it was where a training of `epochs` epochs is now. One that was stopped before has nothing to
 * compare with; one that had ended by then keeps what it had.
 */
function standing({ bests, epochs, final }: Rival, done: number, ofEpochs: number): number | undefined {
  const place = Math.min(done, Math.ceil((done / ofEpochs) * epochs));
  return bests[place - 1] ?? (final === undefined ? undefined : bests.at(-1));
}

/**
 * What a training at half the speed of the best trial would have by now; unknown before half of its epochs. Half of what
 * the best trial gained in its second half is taken off: where that was little, curves are flat, and so close together
 * that being behind says nothing about the speed. Of several trials that are the best, the kindest counts.
 */
function halfTheSpeed(finished: readonly FinishedRival[], done: number, epochs: number): number | undefined {
  const place = Math.floor(done / 2);
  if (finished.length === 0 || place < 1 || done < epochs / 2) return undefined;
  const most = Math.max(...finished.map(({ final }) => final));
  const bests = finished.filter(({ final }) => final === most);
  return Math.min(
    ...bests.map((best) => {
      const middle = standing(best, Math.ceil(epochs / 2), epochs) ?? most;
      return (standing(best, place, epochs) ?? most) - Math.max(most - middle, 0) / 2;
    }),
  );
}

/** What the last of the best trials had by then. Trials with the same result are all among the best or none is. */
function lastOfLeaders(finished: readonly FinishedRival[], done: number, epochs: number): number {
  const finals = finished.map(({ final }) => final).sort((a, b) => b - a);
  const least = finals[leaders - 1] ?? Number.NEGATIVE_INFINITY;
  const best = finished.filter(({ final }) => final >= least);
  return Math.min(...best.map((rival) => standing(rival, done, epochs) ?? Number.NEGATIVE_INFINITY));
}

/** What a trial may gain from here at the most; unknown while too few trials had so many epochs to gain something in. */
function largestGain(finished: readonly FinishedRival[], done: number, epochs: number): number | undefined {
  const [first, second, ...others] = finished
    .filter((rival) => rival.epochs >= epochs)
    .map(({ final, bests }) => final - (bests[done - 1] ?? bests.at(-1) ?? final))
    .sort((a, b) => b - a);
  if (first === undefined || second === undefined || others.length + 2 < warmUpTrials) return undefined;
  return Math.max(2 * first - second, 0);
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const upper = sorted[Math.floor(sorted.length / 2)] ?? 0;
  const lower = sorted[Math.ceil(sorted.length / 2) - 1] ?? 0;
  return (upper + lower) / 2;
}

/** Four significant digits: metrics may be of any size. */
function shown(value: number): string {
  return String(Number(value.toPrecision(4)));
}
