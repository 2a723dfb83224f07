/** What a run is: its stages, its states and the transitions between them. Pure: time comes in as an argument. */
import type { Values } from '../tuning/space.js';
import type { FailureCause } from './training-end.js';

/** The stages in the order in which a run passes them. */
export const stageNames = ['pull', 'build', 'train', 'evaluate', 'tune'] as const;
export type StageName = (typeof stageNames)[number];

export type StageState = 'waiting' | 'running' | 'succeeded' | 'failed' | 'skipped';
export type RunState = 'waiting' | 'running' | EndState;
/** How a run ends: `superseded` by a newer push, `cancelled` by a person. */
export type EndState = 'succeeded' | 'failed' | 'superseded' | 'cancelled';

/** What made the run start: a person's push, the bot's own commit, a trial that is trained again, or a call of the API. */
export type RunCause = 'push' | 'trial' | 'confirmation' | 'manual';

export interface Stage {
  readonly state: StageState;
  /** ISO 8601. */
  readonly startedAt?: string;
  readonly finishedAt?: string;
  readonly error?: string;
  /** How often the stage was opened again after the run had ended. */
  readonly round?: number;
}

/** Something that happened to a run and is worth telling: a restarted container, a warning of the analysis. */
export interface RunEvent {
  readonly at: string;
  readonly text: string;
  /** The run went on, and its result should be taken with care: e-mails tell of it too. */
  readonly isWarning?: boolean;
}

export interface Person {
  readonly name: string;
  readonly email: string;
}

/** A measured figure; accuracies are between 0 and 1. */
export interface Metric {
  readonly name: string;
  readonly value: number;
  /** Where it was read: `keras history`, `metrics.json`, `log`, … */
  readonly source: string;
}

/** The metric after each epoch of a script's only fit, where Keras reported it. */
export interface TrainingCurve {
  /** The metric's name. */
  readonly name: string;
  readonly values: readonly number[];
  /** How many epochs the script asked for. */
  readonly epochs?: number;
}

/** The decision that a training is not worth its remaining epochs. */
export interface EarlyStop {
  /** The last epoch that it was decided on. */
  readonly epoch: number;
  /** How many epochs the script asked for. */
  readonly epochs?: number;
  /** The end of a sentence. */
  readonly reason: string;
}

/** How the main script ended. */
export interface TrainingResult {
  readonly exitCode?: number;
  readonly signal?: number;
  /** Wall seconds that the script ran. */
  readonly seconds: number;
  /** How often the script was started: more than once when its container died under it. */
  readonly starts: number;
  /** Why it did not end well, where its exit code or signal does not tell. */
  readonly cause?: FailureCause;
  /** Lengths of the axes of one input, as Keras saw it. */
  readonly inputShape?: readonly number[];
  readonly curve?: TrainingCurve;
  /** It was stopped early, as {@link Run.earlyStop} says, and what it had reached does not count as its result. */
  readonly isPruned?: true;
  /** It ended because it needed more memory than there was. */
  readonly isTooLarge?: true;
}

/** Where and in which container the run trains, found by the build stage. */
export interface Build {
  readonly main: string;
  /** What is run for it, if that is not the file itself: a notebook becomes a script. */
  readonly script?: string;
  readonly environment: string;
  readonly image: string;
  /** Name of the container. */
  readonly container: string;
  /** What the main script is given; absent when that is nothing. */
  readonly command?: {
    readonly arguments: readonly string[];
    /** Environment variables by name. */
    readonly variables: Readonly<Record<string, string>>;
  };
  /** The whole command line as a person would type it. */
  readonly commandLine?: string;
}

export interface Run {
  /** Sortable by time of creation. */
  readonly id: string;
  /** Counts up per repository from 1. */
  readonly number: number;
  readonly repository: string;
  readonly branch: string;
  /** 40 hexadecimal digits. */
  readonly sha: string;
  readonly cause: RunCause;
  /** First line of the commit's message. */
  readonly message: string;
  /** Who pushed; the study's person also for the bot's trials. */
  readonly author?: Person;
  readonly study: string;
  /** Number of the trial within the study; 0 is what the person wrote. */
  readonly trial: number;
  readonly state: RunState;
  /** Why the run ended as it did, for a person. */
  readonly reason?: string;
  readonly stages: Readonly<Record<StageName, Stage>>;
  /** The worker host that holds the run's folder, from `pull` on. */
  readonly host?: string;
  readonly build?: Build;
  /** Written down before the training is asked to stop. One that was through before it heard of it is not pruned. */
  readonly earlyStop?: EarlyStop;
  readonly training?: TrainingResult;
  readonly metric?: Metric;
  /** Every figure that the training left behind, by name; all of them finite. */
  readonly metrics?: Readonly<Record<string, number>>;
  readonly values?: Values;
  /** What suggested the values. */
  readonly sampler?: string;
  /** Seed that the training is given; without one it draws its own. */
  readonly seed?: number;
  readonly events: readonly RunEvent[];
  readonly createdAt: string;
  readonly finishedAt?: string;
}

/** What is known of a run when it starts. */
export interface NewRun
  extends Pick<
    Run,
    | 'id'
    | 'repository'
    | 'branch'
    | 'sha'
    | 'cause'
    | 'message'
    | 'author'
    | 'study'
    | 'trial'
    | 'values'
    | 'sampler'
    | 'seed'
    | 'createdAt'
  > {}

/** A run as it is recorded before its webhook is answered: all five stages wait. */
export function newRun(run: NewRun): Omit<Run, 'number'> {
  const waiting: Stage = { state: 'waiting' };
  return {
    ...run,
    state: 'waiting',
    stages: { pull: waiting, build: waiting, train: waiting, evaluate: waiting, tune: waiting },
    events: [],
  };
}

export function isFinished(run: Run): boolean {
  return run.state !== 'waiting' && run.state !== 'running';
}

/** Whether the bot started the run for a study that exists; any other run begins a study. */
export function belongsToStudy(run: Run): boolean {
  return run.cause === 'trial' || run.cause === 'confirmation';
}

/** The first stage that waits or runs, or undefined when none does. */
export function currentStage(run: Run): StageName | undefined {
  return stageNames.find((name) => run.stages[name].state === 'waiting' || run.stages[name].state === 'running');
}

export function stageAfter(stage: StageName): StageName | undefined {
  return stageNames[stageNames.indexOf(stage) + 1];
}

/** A stage that is started again after a crash keeps the time of its first start. */
export function startStage(run: Run, stage: StageName, at: string): Run {
  if (isFinished(run)) return run;
  const startedAt = run.stages[stage].startedAt ?? at;
  const { round } = run.stages[stage];
  const stated: Stage = { state: 'running', startedAt, ...(round === undefined ? {} : { round }) };
  return { ...withStage(run, stage, stated), state: 'running' };
}

/** The stage waits for something outside of the run, such as a study that is paused. */
export function holdStage(run: Run, stage: StageName): Run {
  if (isFinished(run)) return run;
  return { ...withStage(run, stage, { ...run.stages[stage], state: 'waiting' }), state: 'waiting' };
}

/** Opens the tune stage of a run that has ended, since its study goes on. */
export function reopenTune(run: Run): Run {
  if (!isFinished(run)) return run;
  const { reason: _reason, finishedAt: _finishedAt, ...open } = run;
  const round = (run.stages.tune.round ?? 0) + 1;
  return withStage({ ...open, state: 'waiting' }, 'tune', { state: 'waiting', round });
}

/** Marks the stage as succeeded and keeps what it found out. */
export function finishStage(run: Run, stage: StageName, at: string, found: Partial<Run> = {}): Run {
  if (isFinished(run)) return run;
  const finished = { ...run, ...found };
  return withStage(finished, stage, { ...run.stages[stage], state: 'succeeded', finishedAt: at });
}

/** Ends the run at this stage; the later stages will never start. */
export function failStage(run: Run, stage: StageName, at: string, error: string, found: Partial<Run> = {}): Run {
  if (isFinished(run)) return run;
  const failed = withStage({ ...run, ...found }, stage, {
    ...run.stages[stage],
    state: 'failed',
    finishedAt: at,
    error,
  });
  return endRun(failed, 'failed', at, error);
}

/** Marks the stage of a trial as failed and skips to `tune`, where the study learns of it. The run goes on until then. */
export function failTrialStage(
  run: Run,
  stage: 'train' | 'evaluate',
  at: string,
  error: string,
  found: Partial<Run> = {},
): Run {
  if (isFinished(run)) return run;
  const failed = withStage({ ...run, ...found }, stage, {
    ...run.stages[stage],
    state: 'failed',
    finishedAt: at,
    error,
  });
  return stage === 'train' ? withStage(failed, 'evaluate', { state: 'skipped' }) : failed;
}

/** Why the trial failed, or undefined when it was measured. */
export function trialError(run: Run): string | undefined {
  return run.stages.train.error ?? run.stages.evaluate.error;
}

/** Why a pruned trial was stopped, as `stopped after epoch 2 of 8: …`; undefined for one that was not. */
export function describeEarlyStop({ training, earlyStop }: Pick<Run, 'training' | 'earlyStop'>): string | undefined {
  if (training?.isPruned !== true || earlyStop === undefined) return undefined;
  const { epoch, epochs, reason } = earlyStop;
  return `stopped after epoch ${epoch}${epochs === undefined ? '' : ` of ${epochs}`}: ${reason}`;
}

/** Keeps the first decision: whoever comes after a worker that died decides nothing anew. */
export function decideEarlyStop(run: Run, earlyStop: EarlyStop): Run {
  return isFinished(run) || run.earlyStop !== undefined ? run : { ...run, earlyStop };
}

/** Ends the run; stages that wait or run are skipped. A run ends once: a later end changes nothing. */
export function endRun(run: Run, state: EndState, at: string, reason?: string): Run {
  if (isFinished(run)) return run;
  const skipped = stageNames.reduce<Run>((current, name) => {
    const stage = current.stages[name];
    if (stage.state !== 'waiting' && stage.state !== 'running') return current;
    return withStage(current, name, { ...stage, state: 'skipped' });
  }, run);
  return { ...skipped, state, finishedAt: at, ...(reason === undefined ? {} : { reason }) };
}

export function addEvent(run: Run, at: string, text: string): Run {
  return { ...run, events: [...run.events, { at, text }] };
}

/** Adds what is not told yet: a stage that is repeated after a crash tells nothing twice. */
export function addEventsOnce(run: Run, at: string, events: readonly Omit<RunEvent, 'at'>[]): Run {
  const known = new Set(run.events.map(({ text }) => text));
  const fresh = events.filter(({ text }) => !known.has(text));
  return fresh.length === 0 ? run : { ...run, events: [...run.events, ...fresh.map((event) => ({ at, ...event }))] };
}

/** What should be known of the run's result. */
export function warningsOf(run: Run): readonly string[] {
  return run.events.filter(({ isWarning }) => isWarning === true).map(({ text }) => text);
}

function withStage(run: Run, name: StageName, stage: Stage): Run {
  return { ...run, stages: { ...run.stages, [name]: stage } };
}
