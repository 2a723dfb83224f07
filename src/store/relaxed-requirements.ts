/** What gave way of a repository's requirements, so that pip need not fail again for each trial. */
import type { Redis } from 'ioredis';
import { z } from 'zod';
import { key } from './redis.js';

const relaxedKey = (digest: string): string => key('requirements', digest);

/** Seconds; after that the package index is asked again. */
const memory = 30 * 24 * 3600;

const relaxedSchema = z.object({ lines: z.array(z.string()).readonly(), changes: z.array(z.string()).readonly() });

export interface RelaxedRequirements extends z.infer<typeof relaxedSchema> {}

/** @param digest of the requirements as they are stated, and of what they are for */
export async function getRelaxed(redis: Redis, digest: string): Promise<RelaxedRequirements | undefined> {
  const text = await redis.get(relaxedKey(digest));
  return text === null ? undefined : relaxedSchema.parse(JSON.parse(text));
}

export async function rememberRelaxed(redis: Redis, digest: string, relaxed: RelaxedRequirements): Promise<void> {
  await redis.set(relaxedKey(digest), JSON.stringify(relaxed), 'EX', memory);
}
