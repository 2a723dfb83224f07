/** What a study is: its trials, its end, and what follows from a trial's metric. Pure: time comes in as an argument. */
import type { SearchSpace, Values } from '../tuning/space.js';
import type { Trial } from '../tuning/suggest.js';
import type { EarlyStop, Metric, Person } from './run.js';

/** A paused study starts no further trial until it is resumed. */
export type StudyState = 'running' | 'paused' | 'target_reached' | 'budget_ended' | 'superseded' | 'stopped' | 'failed';
/** A pruned trial was stopped early, because its learning curve could not become the best any more. */
export type TrialState = 'running' | 'completed' | 'failed' | 'pruned';

/** One set of hyperparameter values: one commit, one run. */
export interface StudyTrial {
  readonly number: number;
  readonly run: string;
  readonly sha: string;
  readonly values: Values;
  readonly state: TrialState;
  /** Of a pruned trial, what its last epoch reached. */
  readonly metric?: Metric;
  /** The metric after each epoch of a script's only fit, where Keras reported it. */
  readonly curve?: readonly number[];
  /** How many epochs the script asked for, where there is a curve. */
  readonly epochs?: number;
  /** Why a pruned trial was stopped. */
  readonly earlyStop?: EarlyStop;
  /** Wall seconds of the training. */
  readonly seconds?: number;
  readonly error?: string;
  /** Of a failed trial, whether it needed more memory than there was: others as large are not tried. */
  readonly isTooLarge?: boolean;
  /** Every figure that the training left behind, by name; all of them finite. */
  readonly metrics?: Readonly<Record<string, number>>;
  /** What suggested the values; trial 0 has none. */
  readonly sampler?: string;
  /** The image that it was trained in. */
  readonly image?: string;
  readonly confirmation?: Confirmation;
}

/** A second training of a trial's values with another seed. The trial's metric is the mean of both once both are known. */
export interface Confirmation {
  /** Id of the run that trains once more; written down before it is started. */
  readonly run: string;
  readonly seed: number;
  /** What the first training reached. */
  readonly first: number;
  /** What the second did; absent while it runs, and when it failed. */
  readonly second?: number;
}

export interface StudyBudget {
  readonly trials: number;
  readonly hours: number;
  /** Trials without an improvement after which the study ends. */
  readonly patience: number;
}

/**
 * The bot's next push, written down before it is tried, so that a worker that dies in the middle can tell from the
 * remote's head how far it came.
 */
export interface PendingPush {
  /** `trial` starts the next run; `restore` brings back the best values at the study's end. */
  readonly purpose: 'trial' | 'restore';
  readonly sha: string;
  /** The remote's head that the commit builds on. */
  readonly parent: string;
  readonly message: string;
  readonly trial: number;
  readonly values: Values;
  /** What suggested the values of a `trial`. */
  readonly sampler?: string;
  /** Id of the run that the commit of a trial starts. */
  readonly run: string;
  /** Why the study ends, for a `restore`. */
  readonly reason?: string;
}

export interface Study {
  readonly id: string;
  readonly repository: string;
  readonly branch: string;
  /** The person's commit, which every trial's edit starts from. */
  readonly baseSha: string;
  readonly author?: Person;
  readonly state: StudyState;
  readonly reason?: string;
  readonly mode: 'max' | 'min';
  readonly target: number;
  /** Whether a trial that reaches the target has to do so in a second training as well. */
  readonly confirm?: boolean;
  readonly budget: StudyBudget;
  readonly space?: SearchSpace;
  /** Lengths of the axes of one input, as the first training saw it; trials leave it alone. */
  readonly inputShape?: readonly number[];
  readonly trials: readonly StudyTrial[];
  /**
   * Trials of earlier studies that this one learns from. They are looked for once, and kept here, so that suggestions
   * follow from what is stored alone.
   */
  readonly earlier?: readonly Trial[];
  readonly pending?: PendingPush;
  /** Id of the run that was started last: what its tune stage decides counts. Absent before the first trial of the bot. */
  readonly newestRun?: string;
  /** The last commit that the bot made on the branch after the end, if it restored the best values. */
  readonly restoredSha?: string;
  readonly createdAt: string;
  readonly finishedAt?: string;
  readonly pausedAt?: string;
  /** Seconds in which it was paused, or had ended before it was extended; they use up no budget. */
  readonly idleSeconds?: number;
}

export interface StudySettings {
  readonly mode: 'max' | 'min';
  readonly target: number;
  readonly confirm?: boolean;
  readonly budget: StudyBudget;
}

export function newStudy(
  study: Pick<Study, 'id' | 'repository' | 'branch' | 'baseSha' | 'author' | 'createdAt'> & StudySettings,
): Study {
  return { ...study, state: 'running', trials: [] };
}

/** Whether the study still holds its branch. */
export function isOpen(study: Study): boolean {
  return study.state === 'running' || study.state === 'paused';
}

/** The study as the run's tune stage finds it, also when whoever started this run died before saying so. */
export function arriveAt(study: Study, run: string): Study {
  if (study.newestRun === run) return study;
  if (study.pending?.run !== run && study.trials.at(-1)?.confirmation?.run !== run) return study;
  return started(study, run);
}

/** The run was started, and the study waits for it. Its commit may still be on its way to the branch. */
export function started(study: Study, run: string): Study {
  const { restoredSha: _left, ...others } = study;
  return { ...others, newestRun: run };
}

/** The commit that the newest run trains, while the branch may not stand at it yet. */
export function outstandingPush(study: Study): PendingPush | undefined {
  return study.pending !== undefined && study.pending.run === study.newestRun ? study.pending : undefined;
}

/** The bot's commit was made anew on top of a person's, which changes nothing of what is trained. */
export function recommitted(study: Study, from: string, to: Pick<PendingPush, 'sha' | 'parent'>): Study {
  if (study.pending?.sha !== from) return study;
  return {
    ...study,
    pending: { ...study.pending, sha: to.sha, parent: to.parent },
    trials: study.trials.map((trial) => (trial.sha === from ? { ...trial, sha: to.sha } : trial)),
  };
}

/** The branch stands at the commit: what was written down is done. */
export function pushed(study: Study, sha: string): Study {
  if (study.pending?.sha !== sha) return study;
  const { pending: _pending, ...others } = study;
  return others;
}

/** Whether the study waits for this run, and not for one that was started after it. */
export function isNewestRun(study: Study, run: string): boolean {
  return study.newestRun === undefined || study.newestRun === run;
}

/**
 * Adds the trial, or replaces the one of the same number: a stage that is repeated after a crash changes nothing. Neither
 * does it undo what a second training of the trial brought.
 */
export function recordTrial(study: Study, trial: StudyTrial): Study {
  if (study.trials.some((known) => known.number === trial.number && known.confirmation !== undefined)) return study;
  const others = study.trials.filter((known) => known.number !== trial.number);
  return { ...study, trials: [...others, trial].sort((a, b) => a.number - b.number) };
}

/** The completed trial with the best metric, the earliest of equals. */
export function bestTrial(study: Study): (StudyTrial & { readonly metric: Metric }) | undefined {
  return completedTrials(study).reduce<(StudyTrial & { metric: Metric }) | undefined>(
    (best, trial) => (best === undefined || isBetter(study, trial.metric.value, best.metric.value) ? trial : best),
    undefined,
  );
}

export function reachesTarget(study: Pick<Study, 'mode' | 'target'>, metric: number): boolean {
  return study.mode === 'max' ? metric >= study.target : metric <= study.target;
}

export type Decision =
  | { readonly kind: 'target_reached' }
  /** The target is reached once, and the study wants it twice. */
  | { readonly kind: 'confirm' }
  | { readonly kind: 'budget_ended'; readonly reason: string }
  | { readonly kind: 'continue' };

/** What follows now that the latest trial has ended. The target counts before the budget. */
export function decide(study: Study, now: string): Decision {
  const latest = study.trials.at(-1);
  if (latest?.state === 'completed' && latest.metric !== undefined && reachesTarget(study, latest.metric.value)) {
    const isSure = study.confirm !== true || latest.confirmation?.second !== undefined;
    return { kind: isSure ? 'target_reached' : 'confirm' };
  }
  const { trials, hours, patience } = study.budget;
  if (study.trials.length >= trials) return { kind: 'budget_ended', reason: `all ${trials} trials are used` };
  if (spentSeconds(study, now) >= hours * 3600) return { kind: 'budget_ended', reason: `the ${hours} hours are used` };
  const since = trialsSinceImprovement(study);
  if (since >= patience) return { kind: 'budget_ended', reason: `${since} trials brought no improvement` };
  return { kind: 'continue' };
}

/** Ends the study; a study ends once. */
export function endStudy(
  study: Study,
  state: Exclude<StudyState, 'running' | 'paused'>,
  at: string,
  reason?: string,
): Study {
  if (!isOpen(study)) return study;
  const { pending: _pending, pausedAt: _pausedAt, ...ended } = study;
  return { ...ended, state, finishedAt: at, ...(reason === undefined ? {} : { reason }) };
}

/** The trial as the tuner sees it. */
export function toHistory(trial: StudyTrial): Trial {
  return {
    number: trial.number,
    values: trial.values,
    state: trial.state,
    ...(trial.metric === undefined ? {} : { metric: trial.metric.value }),
    ...(trial.curve === undefined ? {} : { curve: trial.curve }),
    ...(trial.seconds === undefined ? {} : { seconds: trial.seconds }),
    ...(trial.isTooLarge === true ? { isTooLarge: true } : {}),
  };
}

/** The commit at which the branch stands while nobody else pushes: the study's latest. */
export function lastCommit(study: Study): string {
  return study.restoredSha ?? study.trials.at(-1)?.sha ?? study.baseSha;
}

/** The trial whose values the branch holds; a study that goes on after its end stands at the best one. */
export function trialOnBranch(study: Study): StudyTrial | undefined {
  return study.restoredSha === undefined ? study.trials.at(-1) : bestTrial(study);
}

/** Trial numbers count up without a gap, so that a repeated suggestion gets the same number. */
export function nextTrialNumber(study: Study): number {
  return (study.trials.at(-1)?.number ?? -1) + 1;
}

/**
 * Seed of the next suggestion. It depends on the base commit's content and the trial's number alone, so that the same
 * push gives the same search on any host, after any restart.
 */
export function suggestionSeed(baseTree: string, trial: number): string {
  return `${baseTree}/${trial}`;
}

/** Seconds of its budget that the study has used. */
function spentSeconds(study: Study, now: string): number {
  return (Date.parse(now) - Date.parse(study.createdAt)) / 1000 - (study.idleSeconds ?? 0);
}

function trialsSinceImprovement(study: Study): number {
  const best = bestTrial(study);
  if (best === undefined) return study.trials.length;
  return study.trials.filter((trial) => trial.number > best.number).length;
}

function completedTrials(study: Study): (StudyTrial & { readonly metric: Metric })[] {
  return study.trials.flatMap((trial) =>
    trial.state === 'completed' && trial.metric !== undefined ? [{ ...trial, metric: trial.metric }] : [],
  );
}

/** Whether the metric is better than the other one, by the study's mode. */
export function isBetter(study: Study, value: number, than: number): boolean {
  return study.mode === 'max' ? value > than : value < than;
}
