/** Has one process at a time do something, across processes and hosts. */
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { key } from './redis.js';

/** Milliseconds after which the lock of a process that died is free. */
const lifetime = 10_000;
const pollMilliseconds = 25;

/** KEYS: lock. ARGV: the holder's token. */
const release = `if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0`;
/** KEYS: lock. ARGV: the holder's token, milliseconds. */
const extend = `if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('PEXPIRE', KEYS[1], ARGV[2]) end return 0`;

/**
 * Does the work while nobody else does work under the same name; waits for whoever does. A process that stands still for
 * more than ten seconds loses the lock without noticing, so the work must be right, if not as thrifty, without it.
 */
export async function inLock<T>(redis: Redis, name: string, work: () => Promise<T>): Promise<T> {
  const lock = key('lock', name);
  const token = randomUUID();
  while ((await redis.set(lock, token, 'PX', lifetime, 'NX')) === null) await delay(pollMilliseconds);
  const renewal = setInterval(() => {
    // A renewal that fails shows in the work's own commands.
    redis.eval(extend, 1, lock, token, lifetime).catch(() => undefined);
  }, lifetime / 3);
  try {
    return await work();
  } finally {
    clearInterval(renewal);
    await redis.eval(release, 1, lock, token);
  }
}
