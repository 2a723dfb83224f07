/** Changes of a study that people ask for, and the stage that goes on after them. */
import { currentStage, isFinished, reopenTune } from '../pipeline/run.js';
import type { Study } from '../pipeline/study.js';
import { getRun, reopenRun } from './runs.js';
import { enqueueCurrentStage, type Store } from './start-run.js';
import { updateStudy } from './studies.js';

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
