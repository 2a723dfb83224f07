/** Stops containers that no run needs for a while; the next run starts them again. */
import { agentFolder, type ContainerState, listContainers, stopContainer } from '../src/container/containers.js';
import { requestedTrainings } from '../src/container/training.js';
import { isIdle, needsContainer } from '../src/pipeline/container-use.js';
import { getUse, setUse } from '../src/store/container-uses.js';
import { inLock } from '../src/store/locks.js';
import { listUnfinishedRuns } from '../src/store/runs.js';
import { now, type WorkerContext } from './context.js';
import { containerLock } from './look-after.js';

export async function stopIdleContainers(context: WorkerContext): Promise<void> {
  const containers = await listContainers(context.docker, context.config.data);
  for (const container of containers.filter(({ running }) => running)) {
    await inLock(context.store.redis, containerLock(context, container.name), () => stopIfIdle(context, container));
  }
}

async function stopIfIdle(context: WorkerContext, { name, repository, startedAt }: ContainerState): Promise<void> {
  const { redis } = context.store;
  const use = await getUse(redis, context.config.worker.name, name);
  if (await isNeeded(context, name, repository)) {
    if (use?.desired === 'running')
      await setUse(redis, context.config.worker.name, name, { desired: 'running', usedAt: now() });
    return;
  }
  const usedAt = use === undefined ? startedAt : Date.parse(use.usedAt);
  if (!isIdle(usedAt, Date.now(), context.config.training.idle)) return;
  // Before it is stopped: what sees it end leaves it alone, and a training that wants it starts it again.
  await setUse(redis, context.config.worker.name, name, { desired: 'stopped', usedAt: new Date(usedAt).toISOString() });
  await stopContainer(context.docker, name);
  context.log.info({ container: name }, 'a container that no run needs was stopped');
}

async function isNeeded(context: WorkerContext, name: string, repository: string): Promise<boolean> {
  const runs = await listUnfinishedRuns(context.store.redis);
  if (runs.some((run) => needsContainer(run, name))) return true;
  return (await requestedTrainings(agentFolder(context.config.data, repository, name))).length > 0;
}
