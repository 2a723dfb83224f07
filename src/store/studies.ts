/** Studies in Redis, and which of them holds a branch. */
import type { Redis } from 'ioredis';
import type { Study } from '../pipeline/study.js';
import { key, updateDocument } from './redis.js';

const studyKey = (id: string): string => key('study', id);
/** The repository's studies, newest last; ids sort by time, so the scores are all 0. */
const repositoryStudies = (repository: string): string => key('repository', repository, 'studies');
const branchKey = (repository: string, branch: string): string => key('branch', repository, branch);

/** Stores a new study; one that is there already stays as it is. */
export async function createStudy(redis: Redis, study: Study): Promise<void> {
  const create = `
if redis.call('EXISTS', KEYS[1]) == 0 then redis.call('HSET', KEYS[1], 'version', 1, 'document', ARGV[1]) end
redis.call('ZADD', KEYS[2], 0, ARGV[2])`;
  const keys = [studyKey(study.id), repositoryStudies(study.repository)];
  await redis.eval(create, keys.length, ...keys, JSON.stringify(study), study.id);
}

export async function getStudy(redis: Redis, id: string): Promise<Study | undefined> {
  const document = await redis.hget(studyKey(id), 'document');
  return document === null ? undefined : JSON.parse(document);
}

/** The repository's latest studies on any branch, newest first. */
export async function listStudies(redis: Redis, repository: string, limit: number): Promise<Study[]> {
  const ids = await redis.zrevrangebylex(repositoryStudies(repository), '+', '-', 'LIMIT', 0, limit);
  const studies = await Promise.all(ids.map((id) => getStudy(redis, id)));
  return studies.filter((study) => study !== undefined);
}

/** Applies a transition from `pipeline/study.ts`. Returns the study as it now stands. */
export async function updateStudy(redis: Redis, id: string, change: (study: Study) => Study): Promise<Study> {
  const study = await updateDocument<Study>(
    redis,
    studyKey(id),
    (fields) => JSON.parse(fields.document ?? '{}'),
    change,
  );
  if (study === undefined) throw new Error(`the study ${id} is not in the store`);
  return study;
}

/** Makes the study the one that holds the branch. Returns the id of the study that held it before, if another did. */
export async function claimBranch(redis: Redis, study: Study): Promise<string | undefined> {
  const before = await redis.set(branchKey(study.repository, study.branch), study.id, 'GET');
  return before === null || before === study.id ? undefined : before;
}

/** Id of the study that holds the branch. */
export async function branchStudy(redis: Redis, repository: string, branch: string): Promise<string | undefined> {
  return (await redis.get(branchKey(repository, branch))) ?? undefined;
}
