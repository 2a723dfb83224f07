/** Connections to Redis, and the few commands that every kind of record shares. */
import { Redis } from 'ioredis';

/**
 * Every key carries this hash tag, so that scripts over several keys work on a Redis Cluster too: all of Pushtune's keys
 * share one slot. What is large (logs) expires, what stays is small.
 */
export const keyPrefix = '{pushtune}';

export function key(...parts: readonly (string | number)[]): string {
  return [keyPrefix, ...parts].join(':');
}

/** Redis is away or refuses to write; the request can be repeated later. */
export class StoreUnavailableError extends Error {
  override readonly name = 'StoreUnavailableError';
}

export interface ConnectOptions {
  /**
   * `fail` answers at once with an error while Redis is away, for HTTP; `wait` holds commands until it is back, for
   * workers (BullMQ's blocking connections demand it).
   */
  readonly whileAway: 'fail' | 'wait';
  readonly onError?: (error: Error) => void;
}

/** Milliseconds after which an unanswered command counts as failed, for HTTP: GitHub waits for 10 s. */
const commandLimit = 4000;

/** Opens a connection that reconnects for as long as the process lives. `url` is `redis://…`, `rediss://…` or a socket's path. */
export function connect(url: string, options: ConnectOptions): Redis {
  const waits = options.whileAway === 'wait';
  const redis = new Redis(url, {
    maxRetriesPerRequest: waits ? null : 0,
    enableOfflineQueue: waits,
    // A Redis that hangs is away, too; workers' blocking commands may wait.
    ...(waits ? {} : { commandTimeout: commandLimit }),
    retryStrategy: (attempt) => Math.min(100 * attempt, 2000),
  });
  // Without a listener ioredis prints every failed reconnection to the console.
  redis.on('error', (error) => options.onError?.(error));
  return redis;
}

/** Waits until the connection can take commands: a connection that fails while Redis is away starts out as away. */
export async function untilReady(redis: Redis): Promise<void> {
  if (redis.status === 'ready') return;
  await new Promise<void>((resolve, reject) => {
    redis.once('ready', resolve);
    redis.once('end', () =>
      reject(new StoreUnavailableError('the connection to Redis was closed before it was ready')),
    );
  });
}

/** Writes the document only if nobody wrote it since it was read. KEYS: document. ARGV: version read, new document. */
const compareAndSet = `
if redis.call('HGET', KEYS[1], 'version') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'version', tonumber(ARGV[1]) + 1, 'document', ARGV[2])
return 1`;

/**
 * Applies a pure transition to a document that several processes may change at once: it is read, changed and written
 * back only if nobody else wrote in between, else tried again on the newer one.
 *
 * @returns the document as it now stands, or undefined when there is none
 */
export async function updateDocument<T>(
  redis: Redis,
  documentKey: string,
  read: (fields: Record<string, string>) => T,
  change: (document: T) => T,
): Promise<T | undefined> {
  for (;;) {
    const fields = await redis.hgetall(documentKey);
    const version = fields.version;
    if (version === undefined) return undefined;
    const before = read(fields);
    const after = change(before);
    if (after === before) return before;
    if ((await redis.eval(compareAndSet, 1, documentKey, version, JSON.stringify(after))) === 1) return after;
  }
}

/** Whether an error says that Redis is away or can't take writes, rather than that the caller made a mistake. */
export function isStoreFailure(error: unknown): boolean {
  if (error instanceof StoreUnavailableError) return true;
  if (!(error instanceof Error)) return false;
  if (error.name === 'MaxRetriesPerRequestError' || error.name === 'AbortError') return true;
  return storeFailures.some((failure) => failure.test(error.message));
}

/** What ioredis says while there is no connection, and what Redis says while it can't write. */
const storeFailures = [
  /Stream isn't writeable/,
  /Connection is closed/,
  /Command timed out/,
  /^(READONLY|MISCONF|OOM|LOADING|MASTERDOWN|NOREPLICAS|CLUSTERDOWN)\b/,
];
