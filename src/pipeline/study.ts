/** What a study is: its trials, its end, and what follows from a trial's metric. Pure: time comes in as an argument. */
import type { SearchSpace, Values } from '../tuning/space.js';
import type { Trial } from '../tuning/suggest.js';
import type { EarlyStop, Metric, Person } from './run.js';

export type StudyState = 'running' | 'target_reached' | 'budget_ended' | 'superseded' | 'failed';
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
  /** Every figure that the training left behind, by name; all of them finite. */
  readonly metrics?: Readonly<Record<string, number>>;
  /** What suggested the values; trial 0 has none. */
  readonly sampler?: string;
  /** The image that it was trained in. */
  readonly image?: string;
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
  /** The last commit that the bot made on the branch after the end, if it restored the best values. */
  readonly restoredSha?: string;
  readonly createdAt: string;
  readonly finishedAt?: string;
}

export interface StudySettings {
  readonly mode: 'max' | 'min';
  readonly target: number;
  readonly budget: StudyBudget;
}

export function newStudy(
  study: Pick<Study, 'id' | 'repository' | 'branch' | 'baseSha' | 'author' | 'createdAt'> & StudySettings,
): Study {
  return { ...study, state: 'running', trials: [] };
}

/** Adds the trial, or replaces the one of the same number: a stage that is repeated after a crash changes nothing. */
export function recordTrial(study: Study, trial: StudyTrial): Study {
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
  | { readonly kind: 'budget_ended'; readonly reason: string }
  | { readonly kind: 'continue' };

/** What follows now that the latest trial has ended. The target counts before the budget. */
export function decide(study: Study, now: string): Decision {
  const latest = study.trials.at(-1);
  if (latest?.state === 'completed' && latest.metric !== undefined && reachesTarget(study, latest.metric.value))
    return { kind: 'target_reached' };
  const { trials, hours, patience } = study.budget;
  if (study.trials.length >= trials) return { kind: 'budget_ended', reason: `all ${trials} trials are used` };
  const spent = (Date.parse(now) - Date.parse(study.createdAt)) / 3_600_000;
  if (spent >= hours) return { kind: 'budget_ended', reason: `the ${hours} hours are used` };
  const since = trialsSinceImprovement(study);
  if (since >= patience) return { kind: 'budget_ended', reason: `${since} trials brought no improvement` };
  return { kind: 'continue' };
}

/** Ends the study; a study ends once. */
export function endStudy(study: Study, state: Exclude<StudyState, 'running'>, at: string, reason?: string): Study {
  if (study.state !== 'running') return study;
  const { pending: _pending, ...ended } = study;
  return { ...ended, state, finishedAt: at, ...(reason === undefined ? {} : { reason }) };
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

function isBetter(study: Study, value: number, than: number): boolean {
  return study.mode === 'max' ? value > than : value < than;
}
