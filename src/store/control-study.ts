/** Changes of a study or a run that people ask for, and the stage that goes on after them. */
import { currentStage, endRun, isFinished, type Run, reopenTune } from '../pipeline/run.js';
import { isOpen, type Study } from '../pipeline/study.js';
import { stopStudy } from '../pipeline/study-control.js';
import { getRun, listUnfinishedRuns, reopenRun, updateRun } from './runs.js';
import { enqueueCurrentStage, type Store } from './start-run.js';
import { getStudy, updateStudy } from './studies.js';

/**
 * Applies a transition from `pipeline/study-control.ts` and has the study go on where it can. Called again, also after a
 * process that died in the middle, it leads to the same.
 *
 * @throws what the transition throws; then nothing was changed
 */
export async function controlStudy(store: Store, study: Study, change: (study: Study) => Study): Promise<Study> {
  // The run comes first: one that is open while its study has ended is ended again, while a study that runs without a
  // run would stand still.
  if (change(study).state === 'running') await openNewestRun(store, study);
  const changed = await updateStudy(store.redis, study.id, change);
  await store.queues.enqueueNotes(study.id);
  if (changed.state === 'running') await wakeNewestRun(store, changed);
  return changed;
}

/**
 * Ends the study and what it has running: whoever follows a training of its stops it.
 *
 * @throws {StudyControlError} when the study has ended otherwise
 */
export async function stopStudyNow(store: Store, study: string, reason?: string): Promise<Study> {
  const stopped = await updateStudy(store.redis, study, (current) => stopStudy(current, now(), reason));
  await store.queues.enqueueNotes(study);
  for (const run of await listUnfinishedRuns(store.redis)) if (run.study === study) await cancel(store, run.id, reason);
  return stopped;
}

/**
 * Ends the run, and with it the study that it belongs to, which would wait for it.
 *
 * @returns undefined when there is no such run
 */
export async function cancelRun(store: Store, id: string): Promise<Run | undefined> {
  const run = await getRun(store.redis, id);
  if (run === undefined || isFinished(run)) return run;
  const cancelled = await cancel(store, id);
  const study = await getStudy(store.redis, run.study);
  if (study !== undefined && isOpen(study)) await stopStudyNow(store, study.id, `run ${run.number} was cancelled`);
  return cancelled;
}

async function cancel(store: Store, id: string, reason = 'cancelled by hand'): Promise<Run> {
  return updateRun(store.redis, id, (run) => endRun(run, 'cancelled', now(), reason));
}

function now(): string {
  return new Date().toISOString();
}

async function wakeNewestRun(store: Store, study: Study): Promise<void> {
  const id = newestRun(study);
  if (id === undefined) return;
  await openNewestRun(store, study);
  await enqueueCurrentStage(store, id);
  const run = await getRun(store.redis, id);
  const stage = run === undefined ? undefined : currentStage(run);
  if (run !== undefined && stage === 'tune')
    await store.queues.hurryStage(id, stage, run.host ?? '', run.stages.tune.round);
}

/** A run that has ended decides once more on what follows it. */
async function openNewestRun(store: Store, study: Study): Promise<void> {
  const id = newestRun(study);
  const run = id === undefined ? undefined : await getRun(store.redis, id);
  if (run !== undefined && isFinished(run)) await reopenRun(store.redis, run.id, reopenTune);
}

/** Undefined while the person's own values train: then nothing has to be woken. */
function newestRun(study: Study): string | undefined {
  return study.newestRun ?? study.trials.at(-1)?.run;
}
