/** Looks after one container: compares what it does with what it is to do, and restarts it where that differs. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import {
  agentFolder,
  type ContainerState,
  heartbeatLimitSeconds,
  inspectContainer,
  restartContainer,
  startIfStopped,
  stopContainer,
} from '../src/container/containers.js';
import { isEngineAway } from '../src/container/engine.js';
import { desiredState } from '../src/pipeline/container-use.js';
import {
  hasRecovered,
  type Incident,
  isToBeTold,
  isToldByRun,
  nextLook,
  onCrash,
  onFailedStart,
  onRestarted,
} from '../src/pipeline/incident.js';
import { addEvent, isFinished, type Run } from '../src/pipeline/run.js';
import { getUse, setUse } from '../src/store/container-uses.js';
import { getIncident, setIncident } from '../src/store/incidents.js';
import { inLock } from '../src/store/locks.js';
import { getRun, listUnfinishedRuns, updateRun } from '../src/store/runs.js';
import { newId } from '../src/store/start-run.js';
import { announceRestart } from './announce.js';
import { now, type WorkerContext } from './context.js';

/** What stops, starts and removes a container does so under this lock. */
export function containerLock(context: WorkerContext, container: string): string {
  return `container:${context.config.worker.name}:${container}`;
}

/**
 * Any number of callers may look at the same container at once: they come one after the other, and a crash is counted
 * by the first.
 *
 * @param circumstance the end of a sentence on the cause of a crash that is found, such as `while …`
 * @returns milliseconds after which to look again; undefined when nothing is awaited
 */
export async function lookAfter(
  context: WorkerContext,
  container: string,
  circumstance = '',
): Promise<number | undefined> {
  return inLock(context.store.redis, containerLock(context, container), async () => {
    const state = await inspectContainer(context.docker, context.config.data, container);
    if (state === undefined) {
      // Whoever trains in it then makes it anew.
      await setUse(context.store.redis, context.config.worker.name, container, undefined);
      return undefined;
    }
    return look(context, state, circumstance);
  });
}

async function look(context: WorkerContext, state: ContainerState, circumstance: string): Promise<number | undefined> {
  const { redis } = context.store;
  const use = await getUse(redis, context.config.worker.name, state.name);
  if (desiredState(use, state.running) === 'stopped') return undefined;
  const before = await getIncident(redis, context.config.worker.name, state.name);
  if (isNew(state)) {
    // Whoever made it died before starting it.
    await startIfStopped(context.docker, state.name);
    return undefined;
  }
  const seen = await findCrash(context, state);
  if (seen === undefined) return before === undefined ? undefined : onHealthy(context, state, before);
  const training = await trainingRuns(context, state.name);
  const { incident, isCounted } = onCrash(before, {
    id: newId(),
    at: now(),
    cause: `${seen.cause}${circumstance}`,
    crash: seen.crash,
    runs: training.map(({ id }) => id),
  });
  if (isCounted) {
    // Before anything is done about it: whoever comes after a process that died here does not count it again.
    await setIncident(redis, context.config.worker.name, state.name, incident);
    const { cause, restarts } = incident;
    context.log.warn({ container: state.name, cause, restarts }, 'a container crashed');
    if (incident.givenUp) await giveUp(context, state, incident);
  }
  if (incident.restartAt === undefined) return undefined;
  const wait = nextLook(incident, now());
  if (wait !== undefined && wait > 0) return wait;
  return restart(context, state, incident);
}

function isNew(state: ContainerState): boolean {
  return !state.running && state.startedAt < 0;
}

interface SeenCrash {
  readonly cause: string;
  /** The same for all who see the same crash. */
  readonly crash: string;
}

async function findCrash(context: WorkerContext, container: ContainerState): Promise<SeenCrash | undefined> {
  if (!container.running) {
    const cause = `exit code ${container.exitCode}${container.outOfMemory ? ', out of memory' : ''}`;
    return { cause, crash: `ended ${container.finishedAt}` };
  }
  const heartbeat = join(agentFolder(context.config.data, container.repository, container.name), 'heartbeat');
  const sign = await stat(heartbeat).then(
    ({ mtimeMs }) => mtimeMs,
    () => 0,
  );
  // A heartbeat from before its latest start says nothing; one that just started gets its time.
  const age = (Date.now() - Math.max(sign, container.startedAt)) / 1000;
  if (age < heartbeatLimitSeconds) return undefined;
  return { cause: `no sign of life for ${Math.round(age)} s`, crash: `hung since start ${container.startedAt}` };
}

async function onHealthy(
  context: WorkerContext,
  state: ContainerState,
  incident: Incident,
): Promise<number | undefined> {
  const { redis } = context.store;
  if (hasRecovered(incident, now()) && incident.isTold) {
    await setIncident(redis, context.config.worker.name, state.name, undefined);
    return undefined;
  }
  if (!isToBeTold(incident, state.startedAt, now())) return nextLook(onRestarted(incident), now());
  if (!isToldByRun(incident, await runsOf(context, incident))) await announceRestart(context, state, incident);
  await setIncident(redis, context.config.worker.name, state.name, { ...onRestarted(incident), isTold: true });
  return undefined;
}

async function restart(context: WorkerContext, state: ContainerState, incident: Incident): Promise<number | undefined> {
  const { redis } = context.store;
  try {
    if (state.running) await restartContainer(context.docker, state.name);
    else await startIfStopped(context.docker, state.name);
  } catch (error) {
    // It is looked after again as soon as the engine answers.
    if (isEngineAway(error)) throw error;
    const cause = `${incident.cause}; it can't be started: ${error instanceof Error ? error.message : String(error)}`;
    const failed = onFailedStart(incident, now(), cause);
    await setIncident(redis, context.config.worker.name, state.name, failed);
    context.log.warn({ container: state.name, error }, 'a container can’t be started');
    if (failed.givenUp) await giveUp(context, state, failed);
    return nextLook(failed, now());
  }
  const restarted = onRestarted(incident);
  await setIncident(redis, context.config.worker.name, state.name, restarted);
  await tellRuns(context, state, incident, 'was restarted');
  return nextLook(restarted, now());
}

/** The trainings in it fail by themselves once the incident says so. */
async function giveUp(context: WorkerContext, state: ContainerState, incident: Incident): Promise<void> {
  context.log.error({ container: state.name, cause: incident.cause }, 'a container is not restarted any more');
  if (state.running) await stopContainer(context.docker, state.name);
  await tellRuns(context, state, incident, 'is not restarted any more');
  const affected = await runsOf(context, incident);
  if (isToldByRun(incident, affected)) return;
  await announceRestart(context, state, incident, affected.at(-1)?.study);
}

async function runsOf(context: WorkerContext, incident: Incident): Promise<readonly Run[]> {
  const runs = await Promise.all(incident.runs.map((id) => getRun(context.store.redis, id)));
  return runs.filter((run) => run !== undefined);
}

/** The runs that train in the container. */
export async function trainingRuns(context: WorkerContext, container: string): Promise<readonly Run[]> {
  const unfinished = await listUnfinishedRuns(context.store.redis);
  return unfinished.filter(
    (run) => !isFinished(run) && run.build?.container === container && run.stages.train.state === 'running',
  );
}

async function tellRuns(
  context: WorkerContext,
  container: ContainerState,
  incident: Incident,
  what: string,
): Promise<void> {
  const text = `the container crashed (${incident.cause}) and ${what}`;
  const affected = await trainingRuns(context, container.name);
  await Promise.all(
    affected.map((run) => updateRun(context.store.redis, run.id, (current) => addEvent(current, now(), text))),
  );
}
