/**
 * monitor: every minute it looks after this host's containers, should an event of the engine have been missed or an agent
 * hang, stops those that idle, and puts runs back into their queues that a crash left in none.
 */
import { isEngineAway } from '../src/container/engine.js';
import { beat } from '../src/store/heartbeats.js';
import { listUnfinishedRuns } from '../src/store/runs.js';
import { enqueueCurrentStage } from '../src/store/start-run.js';
import type { WorkerContext } from './context.js';
import { stopIdleContainers } from './idle.js';
import type { ContainerWatch } from './watch.js';

export async function monitor(context: WorkerContext, watch: ContainerWatch): Promise<void> {
  await beat(context.store.redis, context.config.worker.name);
  await requeueLostRuns(context);
  try {
    await watch.lookAfterAll();
    await stopIdleContainers(context);
  } catch (error) {
    // The watch has said so, and looks after everything when the engine is back.
    if (!isEngineAway(error)) throw error;
  }
}

/** A process that died between storing a run and enqueuing its stage leaves a run that nobody works on. */
export async function requeueLostRuns(context: WorkerContext): Promise<void> {
  for (const run of await listUnfinishedRuns(context.store.redis)) {
    const requeued = await enqueueCurrentStage(context.store, run.id);
    if (requeued) context.log.warn({ run: run.id }, 'a run was in no queue and was put back');
  }
}
