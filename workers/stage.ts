/** What all stages have in common: a stage is started, retried, finished and followed by the next in one place. */
import { DelayedError, type Job } from 'bullmq';
import {
  belongsToStudy,
  type EndState,
  endRun,
  failStage,
  failTrialStage,
  finishStage,
  holdStage,
  isFinished,
  type Run,
  type StageName,
  stageAfter,
  startStage,
} from '../src/pipeline/run.js';
import { endStudy } from '../src/pipeline/study.js';
import type { StageJob } from '../src/store/queues.js';
import { getRun, updateRun } from '../src/store/runs.js';
import { getStudy, updateStudy } from '../src/store/studies.js';
import { announceFailure, announceStage } from './announce.js';
import { now, type WorkerContext } from './context.js';
import { endRunsOf } from './supersede.js';

/** The stage can't succeed, however often it is tried. The message is for the person who pushed. */
export class StageFailure extends Error {
  override readonly name = 'StageFailure';
  /** Whether people were told already, by a mail that says more than the general one. */
  readonly announced: boolean;
  /** What the stage found out all the same, which is kept in the run. */
  readonly found: Partial<Run>;

  constructor(
    message: string,
    options: ErrorOptions & { readonly announced?: boolean; readonly found?: Partial<Run> } = {},
  ) {
    super(message, options);
    this.announced = options.announced ?? false;
    this.found = options.found ?? {};
  }
}

export type StageOutcome =
  /** The next stage follows; `found` is kept in the run. */
  | { readonly kind: 'next'; readonly found?: Partial<Run> }
  /** Nothing can be done now, and the stage looks again later: its study is paused. */
  | { readonly kind: 'hold' }
  /** The run ends here. */
  | { readonly kind: 'end'; readonly state: EndState; readonly reason: string };

/** Milliseconds after which a stage that holds looks again; a person who resumes its study has it look at once. */
const holdInterval = 60_000;

/** The work of one stage. It may be called again for the same run after a crash, and must then lead to the same. */
export type StageWork = (context: WorkerContext, run: Run, signal: AbortSignal) => Promise<StageOutcome>;

/** Takes a stage's job from its queue and sees it through. */
export async function runStage(
  context: WorkerContext,
  stage: StageName,
  work: StageWork,
  job: Job<StageJob>,
  token: string | undefined,
  signal: AbortSignal,
): Promise<void> {
  const known = await getRun(context.store.redis, job.data.run);
  if (known === undefined || isFinished(known)) return;
  if (known.stages[stage].state === 'succeeded') return enqueueNext(context, known, stage);

  const run = await updateRun(context.store.redis, known.id, (current) => startStage(current, stage, now()));
  const log = context.log.child({ run: run.id, repository: run.repository, stage });
  let isHeld = false;
  try {
    const outcome = await work(context, run, signal);
    if (outcome.kind === 'hold') {
      // What the trial came to is noted when the stage holds for the first time.
      if (known.state === 'running') await context.store.queues.enqueueNotes(run.study);
      await hold(context, stage, run, job, token);
      isHeld = true;
    } else await settle(context, stage, run, outcome);
    log.info({ outcome: outcome.kind }, 'stage ended');
  } catch (error) {
    if (signal.aborted) {
      // This worker shuts down: another one takes the stage over at once, and no attempt is used up.
      await job.moveToDelayed(Date.now(), token);
      throw new DelayedError();
    }
    const attempts = job.opts.attempts ?? 1;
    if (!(error instanceof StageFailure) && job.attemptsMade + 1 < attempts) {
      log.warn({ error, attempt: job.attemptsMade + 1, attempts }, 'stage failed and is tried again');
      throw error;
    }
    log.warn({ error }, 'stage failed');
    await fail(context, stage, run, error);
  }
  // BullMQ's way to be told that the job is not done.
  if (isHeld) throw new DelayedError();
}

async function hold(
  context: WorkerContext,
  stage: StageName,
  run: Run,
  job: Job<StageJob>,
  token: string | undefined,
): Promise<void> {
  await updateRun(context.store.redis, run.id, (current) => holdStage(current, stage));
  await job.moveToDelayed(Date.now() + holdInterval, token);
}

async function settle(
  context: WorkerContext,
  stage: StageName,
  run: Run,
  outcome: Exclude<StageOutcome, { readonly kind: 'hold' }>,
): Promise<void> {
  if (outcome.kind === 'next') {
    const finished = await updateRun(context.store.redis, run.id, (current) =>
      finishStage(current, stage, now(), outcome.found),
    );
    await announceStage(context, finished, stage);
    return enqueueNext(context, finished, stage);
  }
  // Before the run ends: a worker that dies here comes back to this place.
  await context.store.queues.enqueueNotes(run.study);
  const ended = await updateRun(context.store.redis, run.id, (current) => {
    const isCutShort = outcome.state === 'superseded' || outcome.state === 'cancelled';
    const finished = isCutShort ? current : finishStage(current, stage, now());
    return endRun(finished, outcome.state, now(), outcome.reason);
  });
  await announceStage(context, ended, stage);
}

async function enqueueNext(context: WorkerContext, run: Run, stage: StageName): Promise<void> {
  const next = stageAfter(stage);
  if (next === undefined || isFinished(run)) return;
  await context.store.queues.enqueueStage(run.id, next, run.host ?? context.config.worker.name);
}

/**
 * A trial of the bot's that does not train is a bad trial, which the study learns from. What the person wrote must
 * train by itself: if it does not, the study ends.
 */
async function fail(context: WorkerContext, stage: StageName, run: Run, cause: unknown): Promise<void> {
  const error = cause instanceof Error ? cause.message : String(cause);
  const found = cause instanceof StageFailure ? cause.found : {};
  const { redis, queues } = context.store;
  if (belongsToStudy(run) && (stage === 'train' || stage === 'evaluate')) {
    const failed = await updateRun(redis, run.id, (current) => failTrialStage(current, stage, now(), error, found));
    await announceStage(context, failed, stage);
    if (!isFinished(failed)) await queues.enqueueStage(run.id, 'tune', run.host ?? context.config.worker.name);
    return;
  }
  const announced = cause instanceof StageFailure && cause.announced;
  if (!announced) await announceFailure(context, run, stage, error);
  if ((await getStudy(redis, run.study)) !== undefined) {
    await updateStudy(redis, run.study, (study) => endStudy(study, 'failed', now(), error));
    // A trial trains already while its commit is pushed.
    await endRunsOf(context, run.study, { reason: 'its study has failed', except: run.id });
    await queues.enqueueNotes(run.study);
  }
  const failed = await updateRun(redis, run.id, (current) => failStage(current, stage, now(), error, found));
  await announceStage(context, failed, stage);
}
