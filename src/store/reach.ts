/** What the training of a study reads of its repository, and which pushes it went on on top of. */
import type { Redis } from 'ioredis';
import { z } from 'zod';
import type { Reach } from '../pipeline/push-matters.js';
import { key } from './redis.js';

const reachKey = (study: string): string => key('study', study, 'reach');
const passedOverKey = (study: string): string => key('study', study, 'passed-over');

const reachSchema = z.object({ files: z.array(z.string()).readonly(), names: z.array(z.string()).readonly() });

export async function rememberReach(redis: Redis, study: string, reach: Reach): Promise<void> {
  await redis.set(reachKey(study), JSON.stringify(reach));
}

export async function getReach(redis: Redis, study: string): Promise<Reach | undefined> {
  const text = await redis.get(reachKey(study));
  return text === null ? undefined : reachSchema.parse(JSON.parse(text));
}

/** The commit is a person's that the study need not begin anew for. */
export async function rememberPassedOver(redis: Redis, study: string, sha: string): Promise<void> {
  await redis.sadd(passedOverKey(study), sha);
}

export async function isPassedOver(redis: Redis, study: string, sha: string): Promise<boolean> {
  return (await redis.sismember(passedOverKey(study), sha)) === 1;
}
