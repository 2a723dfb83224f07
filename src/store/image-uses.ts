/** When a run wanted an image of a host's engine last. */
import type { Redis } from 'ioredis';
import { key } from './redis.js';

const usesKey = (host: string): string => key('image-uses', host);

/** @param at ISO 8601 */
export async function setImageUse(redis: Redis, host: string, image: string, at: string): Promise<void> {
  await redis.hset(usesKey(host), image, at);
}

/** Milliseconds since 1970, or undefined for one that was never used. */
export async function imageUsedAt(redis: Redis, host: string, image: string): Promise<number | undefined> {
  const at = await redis.hget(usesKey(host), image);
  return at === null ? undefined : Date.parse(at);
}

export async function forgetImage(redis: Redis, host: string, image: string): Promise<void> {
  await redis.hdel(usesKey(host), image);
}
