/** Runs in Redis, and the index of what started them: deliveries and commits. */
import type { Redis } from 'ioredis';
import { isFinished, type Run, type RunState } from '../pipeline/run.js';
import { branchesKey, headKey, mostPassed, passedKey } from './heads.js';
import { key, updateDocument } from './redis.js';

const runKey = (id: string): string => key('run', id);
/** All runs, newest last; ids sort by time, so the scores are all 0. */
const allRuns = key('runs');
const unfinishedRuns = key('runs', 'unfinished');
const repositoryRuns = (repository: string): string => key('repository', repository, 'runs');
const runNumbers = (repository: string): string => key('repository', repository, 'run-number');
const deliveryKey = (delivery: string): string => key('delivery', delivery);

/** GitHub lets a delivery be repeated for three days; Pushtune remembers it for longer than that. */
const deliveryMemory = 14 * 24 * 3600;

/** How many runs are read at once while a selection is looked for. */
const page = 100;

/**
 * Records a run unless it is there, or its delivery or the branch's head has one already.
 * KEYS: run, all runs, unfinished runs, repository's runs, run number, branch's head, its earlier heads, branches,
 * [delivery]. ARGV: id, document, seconds to remember the delivery, `push` or empty, branch, sha, the head before the
 * push or empty, the head that must be known or `-`, now in milliseconds, how many earlier heads are kept.
 * Returns {id of the run, 1 if it was made now}; an empty id when another head is known than the one that must be.
 *
 * A report comes late when the branch has left behind the commit that it begins or ends with: its run is recorded, and
 * the head stays where it is.
 */
const recordRun = `
if redis.call('EXISTS', KEYS[1]) == 1 then return {ARGV[1], 0} end
if KEYS[9] then
  local known = redis.call('GET', KEYS[9])
  if known then return {known, 0} end
end
local late, head = false, false
if ARGV[4] == 'push' then
  local known = redis.call('HMGET', KEYS[6], 'sha', 'run')
  head = known[1]
  if ARGV[8] ~= '-' and (head or '') ~= ARGV[8] then return {'', 0} end
  if head == ARGV[6] and known[2] and known[2] ~= '' then
    if KEYS[9] then redis.call('SET', KEYS[9], known[2], 'EX', ARGV[3]) end
    return {known[2], 0}
  end
  if head and head ~= ARGV[6] and ARGV[7] ~= '' and ARGV[7] ~= head then
    for _, passed in ipairs(redis.call('LRANGE', KEYS[7], 0, -1)) do
      if passed == ARGV[6] or passed == ARGV[7] then late = true end
    end
  end
end
local number = redis.call('INCR', KEYS[5])
redis.call('HSET', KEYS[1], 'version', 1, 'number', number, 'document', ARGV[2])
redis.call('ZADD', KEYS[2], 0, ARGV[1])
redis.call('ZADD', KEYS[3], 0, ARGV[1])
redis.call('ZADD', KEYS[4], 0, ARGV[1])
if KEYS[9] then redis.call('SET', KEYS[9], ARGV[1], 'EX', ARGV[3]) end
if ARGV[4] == 'push' and not late then
  if head and head ~= ARGV[6] then
    redis.call('LPUSH', KEYS[7], head)
    redis.call('LTRIM', KEYS[7], 0, ARGV[10] - 1)
  end
  redis.call('HSET', KEYS[6], 'sha', ARGV[6], 'run', ARGV[1], 'at', ARGV[9])
  redis.call('SADD', KEYS[8], ARGV[5])
end
return {ARGV[1], 1}`;

export interface RecordOptions {
  /** Id of the webhook delivery that reports the commit. */
  readonly delivery?: string;
  /** The push that the run is of, which has one run only. A run that a person starts by hand is always a new one. */
  readonly push?: PushReport;
}

/** That a branch moved to the run's commit. The same commit is pushed again when the branch was elsewhere meanwhile. */
export interface PushReport {
  /** Where the branch stood before, if the report says so. */
  readonly before?: string;
}

export interface RecordedRun {
  readonly id: string;
  /** False when the delivery or the push had a run already: then `id` is that run's. */
  readonly created: boolean;
}

/** Stores the run in one atomic step, so that the same push never starts two, however often it is reported. */
export async function createRun(
  redis: Redis,
  run: Omit<Run, 'number'>,
  options: RecordOptions = {},
): Promise<RecordedRun> {
  const recorded = await record(redis, run, options);
  if (recorded === undefined) throw new Error(`the run ${run.id} was not recorded`);
  return recorded;
}

/**
 * As {@link createRun}, for a head that was found by looking.
 *
 * @param knownHead what was known before the look; empty: nothing
 * @returns undefined when another head has become known meanwhile, so that the look may be outdated
 */
export async function createSeenRun(
  redis: Redis,
  run: Omit<Run, 'number'>,
  knownHead: string,
): Promise<RecordedRun | undefined> {
  return record(redis, run, { push: {} }, knownHead);
}

async function record(
  redis: Redis,
  run: Omit<Run, 'number'>,
  { delivery, push }: RecordOptions,
  knownHead = '-',
): Promise<RecordedRun | undefined> {
  const { repository, branch } = run;
  const keys = [
    ...[runKey(run.id), allRuns, unfinishedRuns, repositoryRuns(repository), runNumbers(repository)],
    ...[headKey(repository, branch), passedKey(repository, branch), branchesKey(repository)],
    ...(delivery === undefined ? [] : [deliveryKey(delivery)]),
  ];
  const answer = await redis.eval(
    recordRun,
    keys.length,
    ...keys,
    ...[run.id, JSON.stringify(run), deliveryMemory, push === undefined ? '' : 'push', branch, run.sha],
    ...[push?.before ?? '', knownHead, Date.now(), mostPassed],
  );
  const [id, created] = answer as [string, number];
  return id === '' ? undefined : { id, created: created === 1 };
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
