/** The one way in which a run starts, for webhook, API and the bot's own commits. */
import type { Redis } from 'ioredis';
import { monotonicFactory } from 'ulid';
import { currentStage, isFinished, type NewRun, newRun } from '../pipeline/run.js';
import type { Queues } from './queues.js';
import { createRun, createSeenRun, getRun, type RecordedRun, type RecordOptions } from './runs.js';

/** What processes share through Redis. */
export interface Store {
  readonly redis: Redis;
  readonly queues: Queues;
}

/** Ids of the same millisecond count up, so that they sort in the order in which this process gave them. */
const nextId = monotonicFactory();

/** A new id: sortable by time, and never only digits or with a colon, which BullMQ refuses. */
export function newId(): string {
  return nextId();
}

/**
 * Records the run and enqueues its first stage. A report that is repeated finds the run that is there, and puts it back
 * into its queue in case the process that recorded it died before it could.
 */
export async function startRun(store: Store, run: NewRun, options: RecordOptions = {}): Promise<RecordedRun> {
  const recorded = await createRun(store.redis, newRun(run), options);
  await enqueueCurrentStage(store, recorded.id);
  return recorded;
}

/** As {@link startRun}, for a head that was found by looking: see {@link createSeenRun}. */
export async function startSeenRun(store: Store, run: NewRun, knownHead: string): Promise<RecordedRun | undefined> {
  const recorded = await createSeenRun(store.redis, newRun(run), knownHead);
  if (recorded !== undefined) await enqueueCurrentStage(store, recorded.id);
  return recorded;
}

/** Puts an unfinished run into the queue of its current stage, unless it is there. Returns whether it was missing. */
export async function enqueueCurrentStage(store: Store, id: string): Promise<boolean> {
  const run = await getRun(store.redis, id);
  if (run === undefined || isFinished(run)) return false;
  const stage = currentStage(run);
  if (stage === undefined) return false;
  const host = run.host ?? '';
  const { round } = run.stages[stage];
  if (await store.queues.hasStage(id, stage, host, round)) return false;
  await store.queues.enqueueStage(id, stage, host, round);
  return true;
}
