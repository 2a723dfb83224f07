/** Runs in Redis, and the index of what started them: deliveries and commits. */
import type { Redis } from 'ioredis';
import { isFinished, type Run, type RunState } from '../pipeline/run.js';
import { key, updateDocument } from './redis.js';

const runKey = (id: string): string => key('run', id);
/** All runs, newest last; ids sort by time, so the scores are all 0. */
const allRuns = key('runs');
const unfinishedRuns = key('runs', 'unfinished');
const repositoryRuns = (repository: string): string => key('repository', repository, 'runs');
const runNumbers = (repository: string): string => key('repository', repository, 'run-number');
const deliveryKey = (delivery: string): string => key('delivery', delivery);
const commitKey = (repository: string, branch: string, sha: string): string => key('commit', repository, branch, sha);

/** GitHub lets a delivery be repeated for three days; Pushtune remembers it for longer than that. */
const deliveryMemory = 14 * 24 * 3600;

/** How many runs are read at once while a selection is looked for. */
const page = 100;

/**
 * Records a run unless it is there, or its delivery or its commit has one already.
 * KEYS: run, all runs, unfinished runs, repository's runs, run number, [delivery], [commit]; the last two are the
 * index and may be missing. ARGV: id, document, seconds to remember the delivery.
 * Returns {id of the run, 1 if it was made now}.
 */
const recordRun = `
if redis.call('EXISTS', KEYS[1]) == 1 then return {ARGV[1], 0} end
for i = 6, #KEYS do
  local known = redis.call('GET', KEYS[i])
  if known then return {known, 0} end
end
local number = redis.call('INCR', KEYS[5])
redis.call('HSET', KEYS[1], 'version', 1, 'number', number, 'document', ARGV[2])
redis.call('ZADD', KEYS[2], 0, ARGV[1])
redis.call('ZADD', KEYS[3], 0, ARGV[1])
redis.call('ZADD', KEYS[4], 0, ARGV[1])
for i = 6, #KEYS do redis.call('SET', KEYS[i], ARGV[1]) end
if #KEYS > 6 then redis.call('EXPIRE', KEYS[6], ARGV[3]) end
return {ARGV[1], 1}`;

export interface RecordOptions {
  /** Id of the webhook delivery that reports the commit. */
  readonly delivery?: string;
  /** Whether the commit may have one run only. A run that a person starts by hand is always a new one. */
  readonly onePerCommit: boolean;
}

export interface RecordedRun {
  readonly id: string;
  /** False when the delivery or the commit had a run already: then `id` is that run's. */
  readonly created: boolean;
}

/** Stores the run in one atomic step, so that the same push never starts two, however often it is reported. */
export async function createRun(redis: Redis, run: Omit<Run, 'number'>, options: RecordOptions): Promise<RecordedRun> {
  const index = [
    ...(options.delivery === undefined ? [] : [deliveryKey(options.delivery)]),
    ...(options.onePerCommit ? [commitKey(run.repository, run.branch, run.sha)] : []),
  ];
  const keys = [runKey(run.id), allRuns, unfinishedRuns, repositoryRuns(run.repository), runNumbers(run.repository)];
  const answer = await redis.eval(
    recordRun,
    keys.length + index.length,
    ...keys,
    ...index,
    run.id,
    JSON.stringify(run),
    deliveryMemory,
  );
  const [id, created] = answer as [string, number];
  return { id, created: created === 1 };
}

export async function getRun(redis: Redis, id: string): Promise<Run | undefined> {
  const fields = await redis.hgetall(runKey(id));
  return fields.document === undefined ? undefined : readRun(fields);
}

/** Applies a transition from `pipeline/run.ts`. Returns the run as it now stands. */
export async function updateRun(redis: Redis, id: string, change: (run: Run) => Run): Promise<Run> {
  const run = await updateDocument(redis, runKey(id), readRun, change);
  if (run === undefined) throw new Error(`the run ${id} is not in the store`);
  if (isFinished(run)) await redis.zrem(unfinishedRuns, id);
  return run;
}

/** Opens a run that has ended, by a transition from `pipeline/run.ts`. */
export async function reopenRun(redis: Redis, id: string, change: (run: Run) => Run): Promise<Run> {
  // Before the run itself: a process that dies in between leaves a finished run among these, which is passed over.
  await redis.zadd(unfinishedRuns, 0, id);
  return updateRun(redis, id, change);
}

export interface RunSelection {
  readonly repository?: string | undefined;
  readonly branch?: string | undefined;
  readonly state?: RunState | undefined;
  /** At most so many, newest first. */
  readonly limit: number;
  /** Only runs that are older than this id. */
  readonly before?: string | undefined;
}

export async function listRuns(redis: Redis, selection: RunSelection): Promise<Run[]> {
  const index = selection.repository === undefined ? allRuns : repositoryRuns(selection.repository);
  const found: Run[] = [];
  let before = selection.before;
  while (found.length < selection.limit) {
    const from = before === undefined ? '+' : `(${before}`;
    const ids = await redis.zrevrangebylex(index, from, '-', 'LIMIT', 0, page);
    const runs = await readRuns(redis, ids);
    found.push(...runs.filter((run) => isSelected(run, selection)));
    before = ids.at(-1);
    if (ids.length < page) break;
  }
  return found.slice(0, selection.limit);
}

/** Runs that have not ended, oldest first: what a start or the monitor looks after. */
export async function listUnfinishedRuns(redis: Redis): Promise<Run[]> {
  return readRuns(redis, await redis.zrangebylex(unfinishedRuns, '-', '+'));
}

/** Writes down that the bot made this commit, before it is pushed: a webhook that reports it then starts nothing. */
export async function rememberBotCommit(redis: Redis, repository: string, sha: string): Promise<void> {
  await redis.sadd(key('repository', repository, 'bot-commits'), sha);
}

export async function isBotCommit(redis: Redis, repository: string, sha: string): Promise<boolean> {
  return (await redis.sismember(key('repository', repository, 'bot-commits'), sha)) === 1;
}

async function readRuns(redis: Redis, ids: readonly string[]): Promise<Run[]> {
  const runs = await Promise.all(ids.map((id) => getRun(redis, id)));
  return runs.filter((run) => run !== undefined);
}

/** The number is given out by Redis while the run is recorded, so it stands beside the document. */
function readRun(fields: Record<string, string>): Run {
  return { ...JSON.parse(fields.document ?? '{}'), number: Number(fields.number) };
}

function isSelected(run: Run, { branch, state }: RunSelection): boolean {
  return (branch === undefined || run.branch === branch) && (state === undefined || run.state === state);
}
