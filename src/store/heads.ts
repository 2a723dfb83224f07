/** The last known head of each watched branch: what makes one push of webhook and poll, and a new one of a return. */
import type { Redis } from 'ioredis';
import type { BranchHead } from '../pipeline/poll.js';
import { key } from './redis.js';

/** Hash: sha, run (empty: it started none), at (milliseconds since 1970). */
export const headKey = (repository: string, branch: string): string => key('repository', repository, 'head', branch);
/** List: heads that the branch had before, the latest first. */
export const passedKey = (repository: string, branch: string): string =>
  key('repository', repository, 'passed', branch);
/** Set: the branches that have a known head. */
export const branchesKey = (repository: string): string => key('repository', repository, 'branches');
const polledKey = (repository: string): string => key('repository', repository, 'polled');

/** How many earlier heads are known: deliveries that come late are not later than that. */
export const mostPassed = 50;

/**
 * Moves the head. KEYS: head, passed, branches.
 * ARGV: branch, sha, run, now in milliseconds, how many earlier heads are kept, the head that must be known.
 */
const move = `
local sha = redis.call('HGET', KEYS[1], 'sha')
if sha == ARGV[2] or (sha or '') ~= ARGV[6] then return end
if sha then
  redis.call('LPUSH', KEYS[2], sha)
  redis.call('LTRIM', KEYS[2], 0, ARGV[5] - 1)
end
redis.call('HSET', KEYS[1], 'sha', ARGV[2], 'run', ARGV[3], 'at', ARGV[4])
redis.call('SADD', KEYS[3], ARGV[1])`;

export async function getHead(redis: Redis, repository: string, branch: string): Promise<BranchHead | undefined> {
  const [fields, passed] = await Promise.all([
    redis.hgetall(headKey(repository, branch)),
    redis.lrange(passedKey(repository, branch), 0, -1),
  ]);
  if (fields.sha === undefined) return undefined;
  return { sha: fields.sha, at: Number(fields.at), passed };
}

export interface HeadMove {
  readonly repository: string;
  readonly branch: string;
  /** Where the branch stands now. */
  readonly sha: string;
  /** What was known before it was seen there; another head that became known meanwhile is newer. */
  readonly from: string | undefined;
  /** The run that the head has started, if any; a later report of the same head is taken for that run's. */
  readonly run?: string;
}

/** Notes where a branch stands now. */
export async function moveHead(redis: Redis, { repository, branch, sha, from, run }: HeadMove): Promise<void> {
  const keys = [headKey(repository, branch), passedKey(repository, branch), branchesKey(repository)];
  await redis.eval(move, keys.length, ...keys, branch, sha, run ?? '', Date.now(), mostPassed, from ?? '');
}

/** A branch that is gone; should it come back, that is a push. */
export async function forgetHead(redis: Redis, repository: string, branch: string): Promise<void> {
  await redis.del(headKey(repository, branch), passedKey(repository, branch));
  await redis.srem(branchesKey(repository), branch);
}

/** The branches whose head is known. */
export async function knownBranches(redis: Redis, repository: string): Promise<string[]> {
  return redis.smembers(branchesKey(repository));
}

/** Whether the repository's branches were all looked at once: one that is new after that was pushed. */
export async function wasPolled(redis: Redis, repository: string): Promise<boolean> {
  return (await redis.exists(polledKey(repository))) === 1;
}

export async function rememberPolled(redis: Redis, repository: string): Promise<void> {
  await redis.set(polledKey(repository), '1');
}
