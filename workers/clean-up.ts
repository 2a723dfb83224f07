/**
 * clean-up: every hour, and when a worker starts, what nothing needs any more is removed from this host: what killed
 * processes left behind, files of runs that have ended, containers and images that were not used for long.
 */

import {
  type BulkyFolder,
  emptyCache,
  listAgentFolders,
  listCaches,
  listKeptFolders,
  listOwnImages,
  listRepositories,
  listRunFolders,
  type OwnImage,
  type RunFolder,
  removeAbandonedBuilds,
  removeAbandonedScratch,
  removeImage,
  removeKeptFolder,
  removeOldWheels,
  removeRunFolder,
} from '../src/container/clean-up.js';
import { agentFolder, type ContainerState, listContainers } from '../src/container/containers.js';
import { isEngineAway } from '../src/container/engine.js';
import { needsContainer } from '../src/pipeline/container-use.js';
import { type Stored, toBeRemoved } from '../src/pipeline/retention.js';
import { isFinished } from '../src/pipeline/run.js';
import { isOpen } from '../src/pipeline/study.js';
import { getUse } from '../src/store/container-uses.js';
import { forgetImage, imageUsedAt } from '../src/store/image-uses.js';
import { inLock } from '../src/store/locks.js';
import { getRun, listUnfinishedRuns } from '../src/store/runs.js';
import { getStudy } from '../src/store/studies.js';
import type { WorkerContext } from './context.js';
import { forgetContainer, settleLeftovers } from './leftovers.js';

/** One process at a time on a host; a part that fails is logged, and the others are done all the same. */
export async function cleanUp(context: WorkerContext): Promise<void> {
  const parts = [
    removeRunFiles,
    removeScratch,
    settleLeftovers,
    removeBuilds,
    removeContainers,
    removeCaches,
    removeKeptFiles,
    removeImages,
  ];
  await inLock(context.store.redis, `clean-up:${context.config.worker.name}`, async () => {
    for (const part of parts) {
      await part(context).catch((error: unknown) => {
        // The watch has said so; the next hour will do.
        if (!isEngineAway(error)) context.log.error({ error, part: part.name }, 'a part of the clean-up failed');
      });
    }
  });
}

interface Removable extends Stored {
  readonly folder: RunFolder;
  readonly name: BulkyFolder;
}

/** Checkpoints go with the end of their run, workspaces after a while. */
async function removeRunFiles(context: WorkerContext): Promise<void> {
  const { config } = context;
  const workspaces: Removable[] = [];
  const checkpoints: Removable[] = [];
  for (const folder of await listRunFolders(config.data)) {
    const { workspace, checkpoint } = folder.sizes;
    if (workspace === undefined && checkpoint === undefined) continue;
    const usedAt = await endOf(context, folder);
    if (workspace !== undefined) workspaces.push({ folder, name: 'workspace', size: workspace, usedAt });
    if (checkpoint !== undefined) checkpoints.push({ folder, name: 'checkpoint', size: checkpoint, usedAt });
  }
  const { workspaces_age: age, workspaces_size: size } = config.clean_up;
  const gone = [
    ...checkpoints.filter(({ usedAt }) => usedAt !== undefined),
    ...toBeRemoved(workspaces, { age, size }, Date.now()),
  ];
  for (const { folder, name } of gone) await removeRunFolder(config.data, folder, name);
  if (gone.length === 0) return;
  const removed = gone.map(({ folder, name }) => `${folder.repository} ${folder.run}/${name}`);
  context.log.info({ removed, bytes: sum(gone) }, 'files of runs that have ended were removed');
}

/** When the run of a folder ended (ms since 1970), or undefined while it goes on. */
async function endOf(context: WorkerContext, { run: id, modifiedAt }: RunFolder): Promise<number | undefined> {
  const run = await getRun(context.store.redis, id);
  // A run that Redis does not know was forgotten together with it.
  if (run === undefined) return modifiedAt;
  return isFinished(run) ? Date.parse(run.finishedAt ?? run.createdAt) : undefined;
}

async function removeScratch(context: WorkerContext): Promise<void> {
  const removed = await removeAbandonedScratch(context.config.data);
  if (removed.length > 0) context.log.info({ removed }, 'temporary files of a process that was killed were removed');
  const wheels = await removeOldWheels(context.config.data, context.config.clean_up.images_age);
  if (wheels.length > 0) context.log.info({ wheels }, 'downloaded packages that no build needs were removed');
}

async function removeBuilds(context: WorkerContext): Promise<void> {
  const removed = await removeAbandonedBuilds(context.docker);
  if (removed.length > 0) context.log.warn({ removed }, 'containers of a build that was killed were removed');
}

/** When each of this server's containers was needed last (ms since 1970); undefined for one that is needed. */
async function usesOf(
  context: WorkerContext,
  containers: readonly ContainerState[],
): Promise<ReadonlyMap<string, number | undefined>> {
  const { redis } = context.store;
  const unfinished = await listUnfinishedRuns(redis);
  const uses = await Promise.all(
    containers.map(async ({ name, running, startedAt, finishedAt }) => {
      const isNeeded = running || unfinished.some((run) => needsContainer(run, name));
      const use = await getUse(redis, context.config.worker.name, name);
      const isWanted = use?.desired === 'running';
      const usedAt = use === undefined ? Math.max(startedAt, finishedAt, 0) : Date.parse(use.usedAt);
      return [name, isNeeded || isWanted ? undefined : usedAt] as const;
    }),
  );
  return new Map(uses);
}

/** Containers that idled for so long that they are not worth being kept, and folders of those that are gone. */
async function removeContainers(context: WorkerContext): Promise<void> {
  const { config, docker } = context;
  const containers = await listContainers(docker, config.data);
  const uses = await usesOf(context, containers);
  const old = containers.filter(({ name }) => isBefore(uses.get(name), config.clean_up.images_age));
  for (const container of old) {
    if (!(await forgetContainer(context, container))) continue;
    context.log.info({ container: container.name }, 'a container that nothing needs was removed');
  }

  const unfinished = await listUnfinishedRuns(context.store.redis);
  const present = new Set(containers.map(({ name }) => name));
  for (const repository of await listRepositories(config.data)) {
    for (const name of await listAgentFolders(config.data, repository)) {
      if (present.has(name) || unfinished.some(({ build }) => build?.container === name)) continue;
      await forgetContainer(context, { name, repository });
      context.log.info(
        { folder: agentFolder(config.data, repository, name) },
        'a folder without container was removed',
      );
    }
  }
}

/** Downloads of repositories that do not train any more; a training that wants them again downloads them again. */
async function removeCaches(context: WorkerContext): Promise<void> {
  const { config, docker } = context;
  const caches = await listCaches(config.data);
  if (caches.length === 0) return;
  const running = (await listContainers(docker, config.data)).filter((container) => container.running);
  const stored = caches.map((cache) => {
    const isUsed = running.some(({ repository }) => repository === cache.repository);
    return isUsed ? { ...cache, usedAt: undefined } : cache;
  });
  const { caches_age: age, caches_size: size } = config.clean_up;
  for (const cache of toBeRemoved(stored, { age, size }, Date.now())) {
    await emptyCache(config.data, cache.repository);
    context.log.info({ repository: cache.repository, bytes: cache.size }, 'downloads of trainings were removed');
  }
}

/** What was kept of runs and studies; what a study that goes on has kept stays. */
async function removeKeptFiles(context: WorkerContext): Promise<void> {
  const { config } = context;
  const { redis } = context.store;
  const stored = await Promise.all(
    (await listKeptFolders(config.data)).map(async (folder) => {
      const run = folder.kind === 'artifacts' ? await getRun(redis, folder.id) : undefined;
      const study = await getStudy(redis, run?.study ?? folder.id);
      const isNeeded = study !== undefined && isOpen(study);
      return { folder, size: folder.size, usedAt: isNeeded ? undefined : folder.modifiedAt };
    }),
  );
  const { artifacts_age: age, artifacts_size: size } = config.clean_up;
  const gone = toBeRemoved(stored, { age, size }, Date.now());
  for (const { folder } of gone) await removeKeptFolder(config.data, folder);
  if (gone.length === 0) return;
  const removed = gone.map(({ folder }) => `${folder.repository} ${folder.kind}/${folder.id}`);
  context.log.info({ removed, bytes: sum(gone) }, 'kept files of runs and studies were removed');
}

function isBefore(usedAt: number | undefined, age: number): boolean {
  return usedAt !== undefined && Date.now() - usedAt >= age * 1000;
}

/** Images of ours, with the stopped containers of ours that are all that uses them. */
async function removeImages(context: WorkerContext): Promise<void> {
  const { config, docker, store } = context;
  const containers = await listContainers(docker, config.data);
  const uses = await usesOf(context, containers);
  const images = await Promise.all(
    (await listOwnImages(docker)).map(async (image) => ({ ...image, usedAt: await lastUse(context, image, uses) })),
  );
  const { images_age: age, images_size: size } = config.clean_up;
  for (const image of toBeRemoved(images, { age, size }, Date.now())) {
    for (const container of containers.filter(({ name }) => image.containers.includes(name))) {
      await forgetContainer(context, container);
    }
    await removeImage(docker, image);
    for (const tag of image.tags) await forgetImage(store.redis, context.config.worker.name, tag);
    context.log.info(
      { image: image.tags[0] ?? image.id, bytes: image.size },
      'an image that nothing needs was removed',
    );
  }
}

/** @returns undefined while a container needs it, one that is not this server's is made of it, or an image is */
async function lastUse(
  context: WorkerContext,
  image: OwnImage,
  uses: ReadonlyMap<string, number | undefined>,
): Promise<number | undefined> {
  if (image.isBase) return undefined;
  const byContainers = image.containers.map((name) => uses.get(name));
  if (byContainers.includes(undefined)) return undefined;
  const byRuns = await Promise.all(
    image.tags.map((tag) => imageUsedAt(context.store.redis, context.config.worker.name, tag)),
  );
  return Math.max(image.taggedAt, ...[...byContainers, ...byRuns].map((time) => time ?? 0));
}

function sum(things: readonly Stored[]): number {
  return things.reduce((total, { size }) => total + size, 0);
}
