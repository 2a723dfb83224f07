/** Has a running container for a run, whatever became of it before. */
import { type ContainerRequest, containerName, ensureContainer, removeContainer } from '../src/container/containers.js';
import { setUse } from '../src/store/container-uses.js';
import { setImageUse } from '../src/store/image-uses.js';
import { getIncident, setIncident } from '../src/store/incidents.js';
import { inLock } from '../src/store/locks.js';
import { now, type WorkerContext } from './context.js';
import { withdrawTrainings } from './leftovers.js';
import { containerLock } from './look-after.js';

/**
 * Makes or starts the container. One that was given up is made anew, and a training that crashed it is not begun again.
 *
 * @throws {ContainerError}
 */
export async function provideContainer(context: WorkerContext, request: ContainerRequest): Promise<string> {
  const { redis } = context.store;
  const name = containerName(request);
  return inLock(redis, containerLock(name), async () => {
    // First of all: nobody then stops it as one that idles.
    await setUse(redis, name, { desired: 'running', usedAt: now() });
    await setImageUse(redis, request.image, now());
    await withdrawTrainings(context, { name, repository: request.repository });
    if ((await getIncident(redis, name))?.givenUp === true) {
      await removeContainer(context.docker, name);
      await setIncident(redis, name, undefined);
    }
    try {
      return await ensureContainer(context.docker, request);
    } catch (error) {
      // Nobody else shall try what failed: the run ends, or asks again.
      await setUse(redis, name, { desired: 'stopped', usedAt: now() });
      throw error;
    }
  });
}
