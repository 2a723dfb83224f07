/** The runs that a study starts by itself: that of the next trial, and the second training of a winner. */
import { planConfirmation } from '../src/pipeline/confirmation.js';
import type { NewRun, Run } from '../src/pipeline/run.js';
import { isOpen, type PendingPush, type Study, started } from '../src/pipeline/study.js';
import { newId, startRun } from '../src/store/start-run.js';
import { updateStudy } from '../src/store/studies.js';
import { now, type WorkerContext } from './context.js';
import { endRunsOf } from './supersede.js';

/** Starts the run of a trial whose commit was pushed; one that was started before is not started again. */
export async function startTrial(
  context: WorkerContext,
  run: Run,
  study: Study,
  { run: id, sha, message, trial, values, sampler }: PendingPush,
): Promise<void> {
  await startRun(context.store, {
    ...fromStudy(run, study),
    id,
    sha,
    cause: 'trial',
    message: message.split('\n')[0] ?? '',
    trial,
    values,
    ...(sampler === undefined ? {} : { sampler }),
  });
  const current = await updateStudy(context.store.redis, study.id, (before) => started(before, id));
  // It was ended at the same moment, and whoever did that has not seen this run.
  if (isOpen(current)) return;
  const state = current.state === 'stopped' ? 'cancelled' : 'superseded';
  await endRunsOf(context, study.id, { state, reason: current.reason ?? 'its study has ended', except: run.id });
}

/**
 * Trains a trial that reached the target once more, with another seed, in a second run of its commit: a commit of its
 * own would be one that changes nothing. The run's id is written down before, so that a worker that comes after this one
 * starts no further run.
 *
 * @returns false when the study was paused in the meantime: then nothing was started
 */
export async function startConfirmation(context: WorkerContext, run: Run, study: Study): Promise<boolean> {
  const { redis } = context.store;
  const planned = await updateStudy(redis, study.id, (current) => planConfirmation(current, newId()));
  const trial = planned.trials.at(-1);
  if (planned.state !== 'running' || trial?.confirmation === undefined) return false;
  const { run: id, seed } = trial.confirmation;
  await startRun(context.store, {
    ...fromStudy(run, study),
    id,
    sha: trial.sha,
    cause: 'confirmation',
    message: run.message,
    trial: trial.number,
    values: trial.values,
    seed,
  });
  await updateStudy(redis, study.id, (current) => started(current, id));
  return true;
}

function fromStudy(run: Run, study: Study): Pick<NewRun, 'repository' | 'branch' | 'study' | 'createdAt' | 'author'> {
  const { id, repository, branch } = study;
  const author = run.author === undefined ? {} : { author: run.author };
  return { repository, branch, study: id, createdAt: now(), ...author };
}
