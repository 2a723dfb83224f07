/**
 * The watch over this host's containers: what the engine reports is answered at once, and what is awaited (a restart
 * after a back-off, whether a restarted container lives) when its time has come.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { listContainers } from '../src/container/containers.js';
import { type EngineEvent, followEngine, isEngineAway } from '../src/container/engine.js';
import { addEventsOnce } from '../src/pipeline/run.js';
import { listUnfinishedRuns, updateRun } from '../src/store/runs.js';
import { now, type WorkerContext } from './context.js';
import { lookAfter, trainingRuns } from './look-after.js';

export interface ContainerWatch {
  /** Looks after every container now. Rejects when the engine does not answer. */
  lookAfterAll(): Promise<void>;
  close(): Promise<void>;
}

export function startWatch(context: WorkerContext): ContainerWatch {
  const { docker, config, log } = context;
  const ended = new AbortController();
  const timers = new Map<string, NodeJS.Timeout>();
  const looks = new Set<Promise<void>>();
  let isAway = false;
  let wasConnected = false;

  async function lookNow(container: string, circumstance?: string): Promise<void> {
    try {
      const again = await lookAfter(context, container, circumstance);
      if (again !== undefined) lookLater(container, again);
    } catch (error) {
      // Everything is looked after once the engine is back.
      if (isEngineAway(error)) return;
      log.error({ error, container }, 'a container could not be looked after');
    }
  }

  function lookLater(container: string, milliseconds: number): void {
    if (ended.signal.aborted) return;
    clearTimeout(timers.get(container));
    timers.set(
      container,
      setTimeout(() => keep(lookNow(container)), milliseconds),
    );
  }

  /** What runs is waited for when the watch ends. */
  function keep(look: Promise<void>): void {
    looks.add(look);
    void look.finally(() => looks.delete(look));
  }

  async function lookAfterAll(circumstance?: string): Promise<void> {
    const present = new Set((await listContainers(docker, config.data)).map(({ name }) => name));
    const names = [...present, ...(await missingContainers(context, present))];
    await Promise.all(names.map((name) => lookNow(name, circumstance)));
  }

  async function lookAtEvent({ action, container }: EngineEvent): Promise<void> {
    if (action === 'oom') await noteOutOfMemory(context, container);
    else await lookNow(container);
  }

  const following = followEngine(
    docker,
    config.data,
    {
      onConnected() {
        const circumstance = wasConnected ? ' when the Docker engine stopped' : undefined;
        if (isAway) log.info('the Docker engine answers again');
        isAway = false;
        wasConnected = true;
        keep(
          lookAfterAll(circumstance).catch((error: unknown) => {
            if (!isEngineAway(error)) log.error({ error }, 'the containers could not be looked after');
          }),
        );
      },
      onEvent(event) {
        keep(
          lookAtEvent(event).catch((error: unknown) => {
            log.error({ error, ...event }, 'an event of the engine could not be answered');
          }),
        );
      },
      onAway(error) {
        if (!isAway) log.warn({ error }, 'the Docker engine does not answer; it is asked until it does');
        isAway = true;
      },
    },
    ended.signal,
  );

  return {
    lookAfterAll,
    async close() {
      ended.abort();
      for (const timer of timers.values()) clearTimeout(timer);
      await Promise.race([Promise.all([following, ...looks]), delay(closeLimit, undefined, { ref: false })]);
    },
  };
}

/** Milliseconds that a restart gets to end when the watch does. */
const closeLimit = 5000;

/** Containers that trainings of this host wait for though somebody removed them. */
async function missingContainers(context: WorkerContext, present: ReadonlySet<string>): Promise<readonly string[]> {
  const runs = await listUnfinishedRuns(context.store.redis);
  const wanted = runs.filter(({ host }) => host === context.config.worker.name).map(({ build }) => build?.container);
  return [...new Set(wanted)].filter((name) => name !== undefined).filter((name) => !present.has(name));
}

async function noteOutOfMemory(context: WorkerContext, container: string): Promise<void> {
  const { redis } = context.store;
  context.log.warn({ container }, 'a container ran out of memory');
  const text =
    'a process in the container was ended by the kernel: it needed more memory than environment.memory allows';
  for (const run of await trainingRuns(context, container)) {
    await updateRun(redis, run.id, (current) => addEventsOnce(current, now(), [{ text }]));
  }
}
