/** The outcome of each repository's latest build, so that a change can be told. */
import type { Redis } from 'ioredis';
import { key } from './redis.js';

export type BuildOutcome = 'ok' | 'failed';

/** KEYS: outcomes. ARGV: repository, run, outcome. A run that asks again gets the answer that it got the first time. */
const swap = `
local current = redis.call('HGET', KEYS[1], ARGV[1])
local known = current and cjson.decode(current) or {}
if known.run ~= ARGV[2] then
  known = { run = ARGV[2], outcome = ARGV[3], before = known.outcome }
else
  known.outcome = ARGV[3]
end
redis.call('HSET', KEYS[1], ARGV[1], cjson.encode(known))
return known.before or ''`;

/** Stores the outcome of a run's build. Returns that of the build before, or undefined for a repository's first. */
export async function swapBuildOutcome(
  redis: Redis,
  repository: string,
  run: string,
  outcome: BuildOutcome,
): Promise<BuildOutcome | undefined> {
  const before = await redis.eval(swap, 1, key('build-outcomes'), repository, run, outcome);
  return before === 'ok' || before === 'failed' ? before : undefined;
}
