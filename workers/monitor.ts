/**
 * monitor: every minute it restarts containers of ours that crashed or do not answer, and puts runs back into their
 * queues that a crash left in none.
 */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import {
  agentFolder,
  type ContainerState,
  heartbeatLimitSeconds,
  listContainers,
  restartContainer,
  startIfStopped,
} from '../src/container/containers.js';
import { hasRecovered, type Incident, onCrash } from '../src/pipeline/incident.js';
import { addEvent } from '../src/pipeline/run.js';
import { beat } from '../src/store/heartbeats.js';
import { getIncident, setIncident } from '../src/store/incidents.js';
import { listUnfinishedRuns, updateRun } from '../src/store/runs.js';
import { enqueueCurrentStage, newId } from '../src/store/start-run.js';
import { announceRestart } from './announce.js';
import { now, type WorkerContext } from './context.js';

export async function monitor(context: WorkerContext): Promise<void> {
  await beat(context.store.redis, context.config.worker.name);
  await requeueLostRuns(context);
  const containers = await listContainers(context.docker, context.config.data);
  const outcomes = await Promise.allSettled(containers.map((container) => lookAfter(context, container)));
  for (const outcome of outcomes) {
    if (outcome.status === 'rejected')
      context.log.error({ error: outcome.reason }, 'a container could not be restarted');
  }
}

/** A process that died between storing a run and enqueuing its stage leaves a run that nobody works on. */
export async function requeueLostRuns(context: WorkerContext): Promise<void> {
  for (const run of await listUnfinishedRuns(context.store.redis)) {
    const requeued = await enqueueCurrentStage(context.store, run.id);
    if (requeued) context.log.warn({ run: run.id }, 'a run was in no queue and was put back');
  }
}

async function lookAfter(context: WorkerContext, container: ContainerState): Promise<void> {
  const { redis } = context.store;
  const before = await getIncident(redis, container.name);
  const cause = await findCrash(context, container);
  if (cause === undefined) {
    if (before !== undefined && hasRecovered(before, now())) await setIncident(redis, container.name, undefined);
    return;
  }
  const { incident, reaction, isNew } = onCrash(before, { id: newId(), at: now(), cause });
  await setIncident(redis, container.name, incident);
  if (reaction === 'leave') return;
  if (reaction === 'restart') await start(context, container);
  context.log.warn({ container: container.name, cause, reaction, restarts: incident.restarts }, 'a container crashed');
  await tellRuns(context, container, incident, reaction === 'restart' ? 'was restarted' : 'is not restarted any more');
  if (isNew || reaction === 'give_up') await announceRestart(context, container, incident);
}

async function findCrash(context: WorkerContext, container: ContainerState): Promise<string | undefined> {
  if (!container.running) return `exit code ${container.exitCode}${container.outOfMemory ? ', out of memory' : ''}`;
  const heartbeat = join(agentFolder(context.config.data, container.repository, container.name), 'heartbeat');
  const sign = await stat(heartbeat).then(
    ({ mtimeMs }) => mtimeMs,
    () => 0,
  );
  // A heartbeat from before its latest start says nothing; one that just started gets its time.
  const age = (Date.now() - Math.max(sign, container.startedAt)) / 1000;
  if (age < heartbeatLimitSeconds) return undefined;
  return `no sign of life for ${Math.round(age)} s`;
}

async function start(context: WorkerContext, container: ContainerState): Promise<void> {
  if (container.running) await restartContainer(context.docker, container.name);
  else await startIfStopped(context.docker, container.name);
}

async function tellRuns(
  context: WorkerContext,
  container: ContainerState,
  incident: Incident,
  what: string,
): Promise<void> {
  const { redis } = context.store;
  const affected = (await listUnfinishedRuns(redis)).filter(
    (run) => run.build?.container === container.name && run.stages.train.state === 'running',
  );
  const text = `the container crashed (${incident.cause}) and ${what}`;
  await Promise.all(affected.map((run) => updateRun(redis, run.id, (current) => addEvent(current, now(), text))));
}
