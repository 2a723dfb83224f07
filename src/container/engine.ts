/** The Docker engine itself: whether it answers, and what it reports of the containers of this server. */
import { setTimeout as delay } from 'node:timers/promises';
import type Docker from 'dockerode';
import { z } from 'zod';
import { labels } from './containers.js';
import { instanceName } from './folders.js';

/** What Node says when nobody listens at the engine's socket, or the connection broke in the middle. */
const awayCodes = new Set(['ECONNREFUSED', 'ENOENT', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENOTFOUND']);

/** Whether an error, or what caused it, says that the engine is away rather than that it said no. */
export function isEngineAway(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { code, syscall } = error as NodeJS.ErrnoException;
  // A missing file is ENOENT as well, from other system calls.
  if (code !== undefined && awayCodes.has(code) && (code !== 'ENOENT' || syscall === 'connect')) return true;
  return isEngineAway(error.cause);
}

/** Whether somebody answers at the engine's socket now, if only with an error. */
export async function doesEngineAnswer(docker: Docker): Promise<boolean> {
  return docker.ping().then(
    () => true,
    (error: unknown) => !isEngineAway(error),
  );
}

/** Something that happened to a container: it ended, it was removed, or the kernel took memory back from it. */
export interface EngineEvent {
  readonly action: 'die' | 'destroy' | 'oom';
  /** Name of the container. */
  readonly container: string;
}

export interface EngineListener {
  /** Events come from now on; what happened before is not told. */
  onConnected(): void;
  onEvent(event: EngineEvent): void;
  /** No events come until {@link onConnected}. Called for each attempt that failed. */
  onAway(error: unknown): void;
}

const eventSchema = z.object({
  Action: z.enum(['die', 'destroy', 'oom']),
  Actor: z.object({ Attributes: z.object({ name: z.string() }) }),
});

/** A connection that lasted for so long was a good one: the next attempts begin with short pauses again. */
const goodConnection = 5000;
const shortestPause = 50;
/** An engine that is back shall be noticed within a second. */
const longestPause = 800;

/**
 * Listens to the engine's events on the containers of this server. The stream ends with the engine, so it is opened
 * again and again, until the signal ends it.
 */
export async function followEngine(
  docker: Docker,
  data: string,
  listener: EngineListener,
  signal: AbortSignal,
): Promise<void> {
  for (let failures = 0; !signal.aborted; failures += 1) {
    const started = Date.now();
    let reason: unknown = new Error('the stream of events ended');
    try {
      await readEvents(docker, data, listener, signal);
    } catch (error) {
      reason = error;
    }
    if (signal.aborted) return;
    if (Date.now() - started > goodConnection) failures = 0;
    listener.onAway(reason);
    await delay(Math.min(shortestPause * 2 ** failures, longestPause), undefined, { signal }).catch(() => undefined);
  }
}

async function readEvents(docker: Docker, data: string, listener: EngineListener, signal: AbortSignal): Promise<void> {
  const stream = await docker.getEvents({
    filters: {
      type: ['container'],
      event: eventSchema.shape.Action.options,
      label: [`${labels.instance}=${instanceName(data)}`],
    },
  });
  const end = (): void => {
    if ('destroy' in stream && typeof stream.destroy === 'function') stream.destroy();
  };
  signal.addEventListener('abort', end);
  try {
    if (signal.aborted) return;
    listener.onConnected();
    let rest = '';
    stream.setEncoding('utf8');
    for await (const chunk of stream) {
      const lines = `${rest}${chunk}`.split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) listener.onEvent(parseEvent(line));
    }
  } finally {
    signal.removeEventListener('abort', end);
    end();
  }
}

function parseEvent(line: string): EngineEvent {
  const { Action, Actor } = eventSchema.parse(JSON.parse(line));
  return { action: Action, container: Actor.Attributes.name };
}
