/** A person's push comes before everything that the bot does on the branch. */
import { describeCommit, type Mirror } from '../src/git/mirror.js';
import { type EndState, endRun, type Run } from '../src/pipeline/run.js';
import { endStudy } from '../src/pipeline/study.js';
import { isBotCommit, listUnfinishedRuns, updateRun } from '../src/store/runs.js';
import { newId, startRun } from '../src/store/start-run.js';
import { updateStudy } from '../src/store/studies.js';
import { now, type WorkerContext } from './context.js';

/** Ends the study and its runs; the worker that follows a training of theirs stops it when it sees that. */
export async function supersedeStudy(context: WorkerContext, study: string, reason: string): Promise<void> {
  const { redis } = context.store;
  await updateStudy(redis, study, (current) => endStudy(current, 'superseded', now(), reason));
  await context.store.queues.enqueueNotes(study);
  await endRunsOf(context, study, { reason });
}

export interface RunsEnd {
  /** `superseded` by default. */
  readonly state?: EndState;
  readonly reason: string;
  /** One of the runs, which ends by itself. */
  readonly except?: string;
}

/** Ends what the study still has to train. */
export async function endRunsOf(
  context: WorkerContext,
  study: string,
  { state = 'superseded', reason, except }: RunsEnd,
): Promise<void> {
  const { redis } = context.store;
  const runs = (await listUnfinishedRuns(redis)).filter((run) => run.study === study && run.id !== except);
  await Promise.all(runs.map((run) => updateRun(redis, run.id, (current) => endRun(current, state, now(), reason))));
}

/** Starts a run for a head that a person pushed, in case its own report was lost. A bot's commit has its run already. */
export async function startHeadRun(context: WorkerContext, mirror: Mirror, run: Run, head: string): Promise<void> {
  if (await isBotCommit(context.store.redis, run.repository, head)) return;
  const { message, name, email } = await describeCommit(mirror, head);
  const { repository, branch } = run;
  await startRun(
    context.store,
    {
      id: newId(),
      study: newId(),
      trial: 0,
      cause: 'push',
      repository,
      branch,
      sha: head,
      message,
      author: { name, email },
      createdAt: now(),
    },
    { push: {} },
  );
}
