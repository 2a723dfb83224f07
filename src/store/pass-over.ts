/** Pushes that change nothing of what a branch's study trains. */
import type { Redis } from 'ioredis';
import { type ChangedFile, describePassedOver, whyItMatters } from '../pipeline/push-matters.js';
import type { Study } from '../pipeline/study.js';
import { getReach, isPassedOver, rememberPassedOver } from './reach.js';
import { branchStudy, getStudy } from './studies.js';

export interface ChangingPush {
  readonly repository: string;
  readonly branch: string;
  /** Where the branch stood. */
  readonly before: string;
  readonly sha: string;
  /** All that lies between the two. */
  readonly changes: readonly ChangedFile[];
}

/**
 * Decides on a push, and remembers it where the branch's study goes on on top of it.
 *
 * @returns what the person is told then; undefined when the push matters, or where that is not clear
 */
export async function passOver(redis: Redis, push: ChangingPush): Promise<string | undefined> {
  const id = await branchStudy(redis, push.repository, push.branch);
  const study = id === undefined ? undefined : await getStudy(redis, id);
  if (study === undefined || !mayGoOn(study)) return undefined;
  const isOnTop = commitsOf(study).includes(push.before) || (await isPassedOver(redis, study.id, push.before));
  const reach = isOnTop ? await getReach(redis, study.id) : undefined;
  if (reach === undefined || whyItMatters(push.changes, reach) !== undefined) return undefined;
  await rememberPassedOver(redis, study.id, push.sha);
  return describePassedOver(push.changes);
}

/** Who pushes after a study has failed or was stopped wants to have it trained. */
function mayGoOn({ state }: Study): boolean {
  return state === 'running' || state === 'paused' || state === 'target_reached' || state === 'budget_ended';
}

function commitsOf({ baseSha, trials, pending, restoredSha }: Study): readonly (string | undefined)[] {
  return [baseSha, ...trials.map(({ sha }) => sha), pending?.sha, pending?.parent, restoredSha];
}
