/** What a server that was killed left behind: trainings that nobody follows, containers of repositories that are gone. */
import { rm } from 'node:fs/promises';
import { findRepository } from '../src/config.js';
import { agentFolder, listContainers, removeContainer } from '../src/container/containers.js';
import { repositoryFolders } from '../src/container/folders.js';
import { requestedTrainings, withdrawTraining } from '../src/container/training.js';
import { isFinished } from '../src/pipeline/run.js';
import { getUse, setUse } from '../src/store/container-uses.js';
import { setIncident } from '../src/store/incidents.js';
import { inLock } from '../src/store/locks.js';
import { getRun, listUnfinishedRuns } from '../src/store/runs.js';
import type { WorkerContext } from './context.js';
import { containerLock } from './look-after.js';

/** A container and its repository. */
interface KnownContainer {
  readonly name: string;
  readonly repository: string;
}

/** Removes containers of repositories that are not watched any more, and ends trainings that no run waits for. */
export async function settleLeftovers(context: WorkerContext): Promise<void> {
  const unfinished = await listUnfinishedRuns(context.store.redis);
  for (const container of await listContainers(context.docker, context.config.data)) {
    const isWatched = findRepository(context.config, container.repository) !== undefined;
    if (isWatched || unfinished.some(({ build }) => build?.container === container.name)) {
      await withdrawTrainings(context, container);
      continue;
    }
    await setUse(context.store.redis, context.config.worker.name, container.name, undefined);
    await forgetContainer(context, container);
    context.log.warn({ container: container.name }, 'a container of a repository that is not watched was removed');
  }
}

/** Ends the trainings in a container whose runs have ended or are unknown; the others are followed by their stage. */
export async function withdrawTrainings(context: WorkerContext, { name, repository }: KnownContainer): Promise<void> {
  const { data } = context.config;
  const folders = { runs: repositoryFolders(data, repository).runs, agent: agentFolder(data, repository, name) };
  for (const id of await requestedTrainings(folders.agent)) {
    const run = await getRun(context.store.redis, id);
    if (run !== undefined && !isFinished(run) && run.stages.train.state !== 'failed') continue;
    await withdrawTraining(folders, id);
    context.log.warn({ run: id, container: name }, 'a training that no run waits for was ended');
  }
}

/**
 * Removes a container with its folder and all that is known of it, unless a run came to want it.
 *
 * @returns whether it was removed
 */
export async function forgetContainer(context: WorkerContext, { name, repository }: KnownContainer): Promise<boolean> {
  const { redis } = context.store;
  return inLock(redis, containerLock(context, name), async () => {
    if ((await getUse(redis, context.config.worker.name, name))?.desired === 'running') return false;
    await removeContainer(context.docker, name);
    await rm(agentFolder(context.config.data, repository, name), { recursive: true, force: true });
    await setUse(redis, context.config.worker.name, name, undefined);
    await setIncident(redis, context.config.worker.name, name, undefined);
    return true;
  });
}
