/** Trains a trial that reached the target once more, with another seed. */
import { planConfirmation } from '../src/pipeline/confirmation.js';
import type { Run } from '../src/pipeline/run.js';
import { type Study, started } from '../src/pipeline/study.js';
import { newId, startRun } from '../src/store/start-run.js';
import { updateStudy } from '../src/store/studies.js';
import { now, type WorkerContext } from './context.js';

/**
 * Starts a second run of the trial's commit: a commit of its own would be one that changes nothing. The run's id is
 * written down before, so that a worker that comes after this one starts no further run.
 *
 * @returns false when the study was paused in the meantime: then nothing was started
 */
export async function startConfirmation(context: WorkerContext, run: Run, study: Study): Promise<boolean> {
  const { redis } = context.store;
  const planned = await updateStudy(redis, study.id, (current) => planConfirmation(current, newId()));
  const trial = planned.trials.at(-1);
  if (planned.state !== 'running' || trial?.confirmation === undefined) return false;
  const { run: id, seed } = trial.confirmation;
  await startRun(
    context.store,
    {
      id,
      repository: study.repository,
      branch: study.branch,
      sha: trial.sha,
      cause: 'confirmation',
      message: run.message,
      study: study.id,
      trial: trial.number,
      values: trial.values,
      seed,
      createdAt: now(),
      ...(run.author === undefined ? {} : { author: run.author }),
    },
    { onePerCommit: false },
  );
  await updateStudy(redis, study.id, (current) => started(current, id));
  return true;
}
