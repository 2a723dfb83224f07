/** Has a running container for a run, whatever became of it before. */
import { rm } from 'node:fs/promises';
import {
  agentFolder,
  type ContainerRequest,
  containerName,
  ensureContainer,
  removeContainer,
} from '../src/container/containers.js';
import { handToAgent } from '../src/container/training.js';
import { setUse } from '../src/store/container-uses.js';
import { setImageUse } from '../src/store/image-uses.js';
import { getIncident, setIncident } from '../src/store/incidents.js';
import { inLock } from '../src/store/locks.js';
import { now, type WorkerContext } from './context.js';
import { withdrawTrainings } from './leftovers.js';
import { containerLock, trainingRuns } from './look-after.js';

/**
 * Makes or starts the container. One that was given up is made anew, and a training that crashed it is not begun again.
 *
 * @throws {ContainerError}
 */
export async function provideContainer(context: WorkerContext, request: ContainerRequest): Promise<string> {
  const { redis } = context.store;
  const name = containerName(request);
  return inLock(redis, containerLock(context, name), async () => {
    // First of all: nobody then stops it as one that idles.
    await setUse(redis, context.config.worker.name, name, { desired: 'running', usedAt: now() });
    await setImageUse(redis, context.config.worker.name, request.image, now());
    await withdrawTrainings(context, { name, repository: request.repository });
    try {
      if ((await getIncident(redis, context.config.worker.name, name))?.givenUp === true)
        return await makeAnew(context, request);
      return await ensureContainer(context.docker, request);
    } catch (error) {
      // Nobody else shall try what failed: the run ends, or asks again.
      await setUse(redis, context.config.worker.name, name, { desired: 'stopped', usedAt: now() });
      throw error;
    }
  });
}

/** With a new folder, too: a script may have spoiled the old one, which is why the agent could not live. */
async function makeAnew(context: WorkerContext, request: ContainerRequest): Promise<string> {
  const name = containerName(request);
  const agent = agentFolder(request.data, request.repository, name);
  await removeContainer(context.docker, name);
  await rm(agent, { recursive: true, force: true });
  await ensureContainer(context.docker, request);
  await setIncident(context.store.redis, context.config.worker.name, name, undefined);
  // Another run that trained in it may not have heard yet that it was given up.
  for (const { id } of await trainingRuns(context, name)) await handToAgent(agent, id);
  return name;
}
