/** The desired state of each container, and when it was needed last. Containers of two hosts may share a name. */
import type { Redis } from 'ioredis';
import type { ContainerUse } from '../pipeline/container-use.js';
import { key } from './redis.js';

const usesKey = (host: string): string => key('container-uses', host);

export async function getUse(redis: Redis, host: string, container: string): Promise<ContainerUse | undefined> {
  const text = await redis.hget(usesKey(host), container);
  return text === null ? undefined : JSON.parse(text);
}

/** Undefined: nothing is known of the container, or it is gone. */
export async function setUse(
  redis: Redis,
  host: string,
  container: string,
  use: ContainerUse | undefined,
): Promise<void> {
  if (use === undefined) await redis.hdel(usesKey(host), container);
  else await redis.hset(usesKey(host), container, JSON.stringify(use));
}
