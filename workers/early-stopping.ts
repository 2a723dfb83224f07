/** Ends a training that is not worth its remaining epochs, and says what a training's curve tells of it. */
import { finitePart, type LearningCurve, readLearningCurve } from '../src/pipeline/learning-curve.js';
import type { MetricRequest } from '../src/pipeline/metric.js';
import { decideEarlyStop, type Metric, type Run, type TrainingCurve } from '../src/pipeline/run.js';
import { reachesTarget, type Study, type StudyTrial } from '../src/pipeline/study.js';
import type { RepositoryConfig } from '../src/repository-config.js';
import { updateRun } from '../src/store/runs.js';
import { getStudy } from '../src/store/studies.js';
import { type ComparedTrial, findDivergence, reasonToPrune } from '../src/tuning/pruning.js';
import type { WorkerContext } from './context.js';

/** Whether the training is to be stopped, given what it has reported so far. */
export type Pruner = (events: string) => Promise<boolean>;

/**
 * The pruner of the run's training. Only a trial of the bot's is ever stopped: what a person wrote is trained to its end,
 * and so is a training that confirms another.
 */
export async function prunerOf(
  { store: { redis } }: Pick<WorkerContext, 'store'>,
  run: Run,
  config: Pick<RepositoryConfig, 'pruning' | 'metric'>,
): Promise<Pruner> {
  const study = await getStudy(redis, run.study);
  if (run.cause !== 'trial' || !config.pruning || study === undefined) return async () => false;
  const compared = study.trials.filter(({ number }) => number < run.trial).flatMap((trial) => toCompared(trial) ?? []);
  let isDecided = run.earlyStop !== undefined;

  return async (events) => {
    if (isDecided) return true;
    const curve = readLearningCurve(events, config.metric);
    if (curve.isEnded) return false;
    const { name, values, losses, epochs } = curve;
    const { mode, target } = study;
    const reason = reasonToPrune({ name, curve: values, losses, epochs, mode, target, compared });
    if (reason === undefined) return false;
    const epoch = Math.max(values.length, losses.length);
    const earlyStop = { epoch, ...(epochs === undefined ? {} : { epochs }), reason };
    // Written down first: a worker that comes after this one stops the same training for the same reason.
    await updateRun(redis, run.id, (current) => decideEarlyStop(current, earlyStop));
    isDecided = true;
    return true;
  };
}

/** A trial whose curve is not known tells nothing about other curves. */
function toCompared({ state, curve, epochs, metric }: StudyTrial): ComparedTrial | undefined {
  if (curve === undefined) return undefined;
  return { curve, epochs, ...(state === 'completed' ? { final: metric?.value } : {}) };
}

/** What is kept of the curve, in the run and in the study. */
export function keptCurve({ name, values, epochs }: LearningCurve): { readonly curve?: TrainingCurve } {
  const finite = finitePart(values);
  if (finite.length === 0) return {};
  return { curve: { name, values: finite, ...(epochs === undefined ? {} : { epochs }) } };
}

/** Why the loss says that the training has diverged, for one that was not stopped for it. */
export function divergence({ name, values, losses }: LearningCurve, mode: Study['mode']): string | undefined {
  const reason = findDivergence({ name, curve: values, losses, mode });
  return reason === undefined ? undefined : `the training has diverged: ${reason}`;
}

/** Whether the training was asked to stop when its last epoch had just reached the target after all. */
export async function hasReachedTarget(context: WorkerContext, run: Run, curve: LearningCurve): Promise<boolean> {
  const study = await getStudy(context.store.redis, run.study);
  const last = curve.values.at(-1);
  return study !== undefined && last !== undefined && reachesTarget(study, last);
}

/** What the last epoch of a training that was stopped reached. */
export function reachedWhenStopped(events: string, request: MetricRequest): Metric | undefined {
  const { name, values } = readLearningCurve(events, request);
  const value = values.at(-1);
  return value === undefined || !Number.isFinite(value) ? undefined : { name, value, source: 'keras history' };
}
