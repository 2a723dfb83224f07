/** The desired state of each container, and when it was needed last. */
import type { Redis } from 'ioredis';
import type { ContainerUse } from '../pipeline/container-use.js';
import { key } from './redis.js';

const usesKey = key('container-uses');

export async function getUse(redis: Redis, container: string): Promise<ContainerUse | undefined> {
  const text = await redis.hget(usesKey, container);
  return text === null ? undefined : JSON.parse(text);
}

/** Undefined: nothing is known of the container, or it is gone. */
export async function setUse(redis: Redis, container: string, use: ContainerUse | undefined): Promise<void> {
  if (use === undefined) await redis.hdel(usesKey, container);
  else await redis.hset(usesKey, container, JSON.stringify(use));
}
