/** Signs of life of worker hosts. */
import type { Redis } from 'ioredis';
import { key } from './redis.js';

/** Seconds after which a host that gave no sign counts as dead; its monitor gives one every minute. */
const lifetime = 180;

export async function beat(redis: Redis, host: string): Promise<void> {
  await redis.set(key('heartbeat', host), Date.now(), 'EX', lifetime);
}

export async function hasHeartbeat(redis: Redis, host: string): Promise<boolean> {
  return (await redis.exists(key('heartbeat', host))) === 1;
}
