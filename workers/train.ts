/** train: has the container run the main script, passes its log on, and waits for its end. */
import { isEngineAway } from '../src/container/engine.js';
import { UnsafeFileError } from '../src/container/guarded-files.js';
import {
  followTraining,
  readEvents,
  readLogFile,
  type TrainingEnd,
  type TrainingFolders,
} from '../src/container/training.js';
import { readSources } from '../src/git/mirror.js';
import { type LearningCurve, readLearningCurve } from '../src/pipeline/learning-curve.js';
import { cleanLog } from '../src/pipeline/log-tokens.js';
import { findMetric, hasTrainingEnded, MetricNotFoundError } from '../src/pipeline/metric.js';
import { isFinished, type Run } from '../src/pipeline/run.js';
import { explainEnd } from '../src/pipeline/training-end.js';
import { readHistory } from '../src/pipeline/training-events.js';
import { type RepositoryConfig, type TrainingLimits, trainingLimits } from '../src/repository-config.js';
import { getUse } from '../src/store/container-uses.js';
import { getIncident } from '../src/store/incidents.js';
import { appendLog, logLength, longestLog } from '../src/store/logs.js';
import { getRun } from '../src/store/runs.js';
import { buildRun, isDefinite } from './build.js';
import { mirrorOf, type WorkerContext } from './context.js';
import { divergence, hasReachedTarget, keptCurve, prunerOf } from './early-stopping.js';
import { bestSoFar, seedOf } from './keep-best.js';
import { buildOf, readTraining, trainingFolders } from './read-training.js';
import { repositoryConfigIn } from './repository-settings.js';
import { StageFailure, type StageOutcome } from './stage.js';
import { note, warn } from './warn.js';

/** How many of the last lines an error shows. */
const shownLines = 15;

export async function train(context: WorkerContext, run: Run, signal: AbortSignal): Promise<StageOutcome> {
  const build = buildOf(run);
  const { redis } = context.store;
  const settings = repositoryConfigIn(await readSources(await mirrorOf(context, run.repository), run.sha));
  const limits = trainingLimits(context.config.training, settings.environment);
  const folders = trainingFolders(context, run, build);
  const end = await followTraining(
    folders,
    {
      run: run.id,
      main: build.script ?? build.main,
      arguments: build.command?.arguments ?? [],
      environment: { ...build.command?.variables, ...(await hookSettings(context, run, settings)) },
      timeoutSeconds: limits.timeout,
      limits: { disk: limits.disk, output: limits.output },
    },
    await logLength(redis, run.id),
    {
      onLog: async (offset, bytes) => {
        if (offset >= longestLog) return offset + bytes.length;
        return appendLog(redis, run.id, offset, bytes);
      },
      shouldStop: async () => {
        await failIfGivenUp(context, build.container);
        await keepContainer(context, run, build.container);
        const current = await getRun(redis, run.id);
        return current === undefined || isFinished(current);
      },
      shouldPrune: await prunerOf(context, run, settings),
    },
    signal,
  );
  const events = await readEvents(folders, run.id);
  const { shims, inputShape, isPruned } = readHistory(events);
  await noteShims(context, run, shims);
  const curve = readLearningCurve(events, settings.metric);
  const training = { ...end, ...(inputShape === undefined ? {} : { inputShape }), ...keptCurve(curve) };
  // A script that was quick to end after its last epoch may have done so before the agent looked.
  if (end.reason === 'pruned' || (isPruned && end.reason === 'exited')) return prune(context, run, training, curve);
  const diverged = divergence(curve, settings.metric.mode);
  if (diverged !== undefined) await warn(context, run, diverged);
  return judge(context, folders, run, training, limits);
}

/** What the hooks in the script's interpreter are told. */
async function hookSettings(
  context: WorkerContext,
  run: Run,
  config: RepositoryConfig,
): Promise<Readonly<Record<string, string>>> {
  const seed = seedOf(run, config);
  const best = await bestSoFar(context, run);
  return {
    ...(seed === undefined ? {} : { PUSHTUNE_SEED: `${seed}` }),
    ...(best === undefined ? {} : { PUSHTUNE_BEST: best }),
    ...(config.autolog ? {} : { PUSHTUNE_AUTOLOG: '0' }),
  };
}

/** A container that crashes again and again is not started any more; its training will never end. */
async function failIfGivenUp(context: WorkerContext, container: string): Promise<void> {
  const incident = await getIncident(context.store.redis, context.config.worker.name, container);
  if (incident?.givenUp === true) {
    throw new StageFailure(
      `the container ${container} crashed ${incident.restarts} times and is not restarted any more: ${incident.cause}`,
    );
  }
}

/** The container may have idled out, or been removed, since the build stage found it: then that is done again. */
async function keepContainer(context: WorkerContext, run: Run, container: string): Promise<void> {
  const use = await getUse(context.store.redis, context.config.worker.name, container);
  if (use?.desired === 'running') return;
  try {
    const { container: provided } = await buildRun(context, run);
    if (provided === container) return;
  } catch (error) {
    // The container is asked for again within a second.
    if (isEngineAway(error)) return;
    throw error instanceof Error && isDefinite(error) ? new StageFailure(error.message, { cause: error }) : error;
  }
  throw new StageFailure(
    `the container ${container} is gone, and the settings of its containers have changed since; push again`,
  );
}

/** Old scripts run through small replacements of what Keras no longer has. */
async function noteShims(context: WorkerContext, run: Run, shims: readonly string[]): Promise<void> {
  await note(
    context,
    run,
    shims.map((name) => `${name} is old: a compatibility shim was used`),
  );
}

/** The training was stopped early; one that reached the target while it was being stopped has reached it. */
async function prune(
  context: WorkerContext,
  run: Run,
  { reason: _reason, ...training }: TrainingEnd,
  curve: LearningCurve,
): Promise<StageOutcome> {
  const { earlyStop } = (await getRun(context.store.redis, run.id)) ?? {};
  if (earlyStop === undefined)
    throw new StageFailure(
      'the training was stopped, and nobody decided that: a script wrote the file "prune" into its run’s folder; push again without that',
    );
  if (await hasReachedTarget(context, run, curve)) {
    await warn(context, run, `the training reached the target while it was being stopped (${earlyStop.reason})`);
    return { kind: 'next', found: { training } };
  }
  return { kind: 'next', found: { training: { ...training, isPruned: true } } };
}

async function judge(
  context: WorkerContext,
  folders: TrainingFolders,
  run: Run,
  end: TrainingEnd,
  limits: TrainingLimits,
): Promise<StageOutcome> {
  const { reason, ...ended } = end;
  if (reason === 'stopped') return { kind: 'end', state: 'superseded', reason: 'the training was stopped' };
  if (reason === 'exited' && end.exitCode === 0) return { kind: 'next', found: { training: ended } };
  const lastLines = cleanLog(await readLogFile(folders, run.id, 16 * 1024))
    .trimEnd()
    .split('\n')
    .slice(-shownLines);
  const isTooLarge = ended.cause?.kind === 'out_of_memory' || (reason === 'exited' && sayTooLarge(lastLines));
  const training = isTooLarge ? { ...ended, isTooLarge } : ended;
  if (reason === 'exited' && (await hasTrainedWell(context, run))) {
    const how = explainEnd(scriptOf(run), end, limits);
    await warn(context, run, `${how} after the training had ended; its accuracy counts`);
    return { kind: 'next', found: { training } };
  }
  const crash = (await getIncident(context.store.redis, context.config.worker.name, buildOf(run).container))?.cause;
  throw new StageFailure(`${explainEnd(scriptOf(run), end, limits, crash)}\n${lastLines.join('\n')}`, {
    found: { training },
  });
}

/** Whether the script failed on something else when the training had ended and its accuracy was known. */
async function hasTrainedWell(context: WorkerContext, run: Run): Promise<boolean> {
  try {
    const { traces, request } = await readTraining(context, run);
    findMetric(traces, request);
    return hasTrainingEnded(traces, request);
  } catch (error) {
    if (error instanceof MetricNotFoundError || error instanceof UnsafeFileError) return false;
    throw error;
  }
}

/** What Python and the frameworks say when they are refused memory, before the kernel has to end them. */
const outOfMemoryWords = /\bMemoryError\b|ResourceExhaustedError|OOM when allocating|std::bad_alloc|out of memory/i;

function sayTooLarge(lastLines: readonly string[]): boolean {
  return lastLines.some((line) => outOfMemoryWords.test(line));
}

function scriptOf(run: Run): string {
  return run.build?.main ?? 'the script';
}
