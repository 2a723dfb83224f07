/** train: has the container run the main script, passes its log on, and waits for its end. */
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
import { readHistory } from '../src/pipeline/training-events.js';
import { type RepositoryConfig, trainingLimits } from '../src/repository-config.js';
import { getIncident } from '../src/store/incidents.js';
import { appendLog, logLength, longestLog } from '../src/store/logs.js';
import { getRun } from '../src/store/runs.js';
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
  const { timeout } = trainingLimits(context.config.training, settings.environment);
  const folders = trainingFolders(context, run, build);
  const end = await followTraining(
    folders,
    {
      run: run.id,
      main: build.script ?? build.main,
      arguments: build.command?.arguments ?? [],
      environment: { ...build.command?.variables, ...(await hookSettings(context, run, settings)) },
      timeoutSeconds: timeout,
    },
    await logLength(redis, run.id),
    {
      onLog: async (offset, bytes) => {
        if (offset >= longestLog) return offset + bytes.length;
        return appendLog(redis, run.id, offset, bytes);
      },
      shouldStop: async () => {
        await failIfGivenUp(context, build.container);
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
  return judge(context, folders, run, training, timeout);
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
  const incident = await getIncident(context.store.redis, container);
  if (incident?.givenUp === true) {
    throw new StageFailure(
      `the container ${container} crashed ${incident.restarts} times and is not restarted any more: ${incident.cause}`,
    );
  }
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
  timeout: number,
): Promise<StageOutcome> {
  const { reason, ...training } = end;
  if (reason === 'stopped') return { kind: 'end', state: 'superseded', reason: 'the training was stopped' };
  if (reason === 'exited' && end.exitCode === 0) return { kind: 'next', found: { training } };
  if (reason === 'exited' && (await hasTrainedWell(context, run))) {
    await warn(context, run, `${explainEnd(run, end, timeout)} after the training had ended; its accuracy counts`);
    return { kind: 'next', found: { training } };
  }
  const lastLines = cleanLog(await readLogFile(folders, run.id, 16 * 1024))
    .trimEnd()
    .split('\n')
    .slice(-shownLines);
  throw new StageFailure(`${explainEnd(run, end, timeout)}\n${lastLines.join('\n')}`);
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

function explainEnd(run: Run, end: TrainingEnd, timeout: number): string {
  const script = run.build?.main ?? 'the script';
  if (end.reason === 'timeout')
    return `${script} was stopped after its limit of ${timeout} s (environment.timeout in .pushtune.yml)`;
  if (end.reason === 'crashed_too_often')
    return `the container died ${end.starts} times under ${script}; it may need more memory than it has`;
  if (end.signal !== undefined)
    return `${script} was ended by signal ${end.signal}${end.signal === 9 ? ' (often: out of memory)' : ''}`;
  return `${script} ended with exit code ${end.exitCode}`;
}
