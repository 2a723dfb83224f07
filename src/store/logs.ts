/** What the script printed, as it comes: bytes in Redis, addressed by their offset. */
import type { Redis } from 'ioredis';
import { key } from './redis.js';

const logKey = (run: string): string => key('log', run);

/** Redis keeps at most so many bytes of a run's log; the file in the run's folder holds all of it. */
export const longestLog = 16 * 1024 * 1024;

/** A week: long after the run has ended its log is read from the file. */
const logMemory = 7 * 24 * 3600;

/** KEYS: log. ARGV: offset, bytes, seconds to keep. */
const appendAt = `
local length = redis.call('STRLEN', KEYS[1])
if length == tonumber(ARGV[1]) then length = redis.call('APPEND', KEYS[1], ARGV[2]) end
redis.call('EXPIRE', KEYS[1], ARGV[3])
return length`;

/**
 * Appends bytes that stand at `offset` in the log. Bytes that are there already are not appended again, so a worker that
 * died between writing and remembering neither doubles nor loses a line.
 *
 * @returns the length of the stored log: the offset from which to go on
 */
export async function appendLog(redis: Redis, run: string, offset: number, bytes: Buffer): Promise<number> {
  return Number(await redis.eval(appendAt, 1, logKey(run), offset, bytes, logMemory));
}

export async function logLength(redis: Redis, run: string): Promise<number> {
  return redis.strlen(logKey(run));
}

/** The bytes from `offset` on. */
export async function readLog(redis: Redis, run: string, offset = 0): Promise<Buffer> {
  return redis.getrangeBuffer(logKey(run), offset, -1);
}
