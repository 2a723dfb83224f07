/** When a run of this server wanted an image last. */
import type { Redis } from 'ioredis';
import { key } from './redis.js';

const usesKey = key('image-uses');

/** @param at ISO 8601 */
export async function setImageUse(redis: Redis, image: string, at: string): Promise<void> {
  await redis.hset(usesKey, image, at);
}

/** Milliseconds since 1970, or undefined for one that was never used. */
export async function imageUsedAt(redis: Redis, image: string): Promise<number | undefined> {
  const at = await redis.hget(usesKey, image);
  return at === null ? undefined : Date.parse(at);
}

export async function forgetImage(redis: Redis, image: string): Promise<void> {
  await redis.hdel(usesKey, image);
}
