/**
 * The bot's push, which a worker may die anywhere in: the commit is made and written down, then pushed. Whoever comes
 * after that worker finds what was written down, and in the remote's head how far it came.
 */
import { createCommit, pushCommit } from '../src/git/commit.js';
import { fetchBranch, type Mirror } from '../src/git/mirror.js';
import type { Run } from '../src/pipeline/run.js';
import { lastCommit, type PendingPush, pushed, recommitted, type Study } from '../src/pipeline/study.js';
import { EditRefusedError } from '../src/python/edit.js';
import { getHead, moveHead } from '../src/store/heads.js';
import { inLock } from '../src/store/locks.js';
import { rememberBotCommit, updateRun } from '../src/store/runs.js';
import { getStudy, updateStudy } from '../src/store/studies.js';
import type { Values } from '../src/tuning/space.js';
import { announcePushRefused } from './announce.js';
import type { WorkerContext } from './context.js';
import { passOverSeen } from './pass-over-seen.js';
import { type Project, trialFiles } from './project.js';
import { StageFailure, type StageOutcome } from './stage.js';
import { startHeadRun, supersedeStudy } from './supersede.js';

/** What the tune stage of a run works on. */
export interface TuneStage {
  readonly context: WorkerContext;
  readonly mirror: Mirror;
  readonly run: Run;
  readonly study: Study;
  readonly project: Project;
  /** Done when the files of the run are kept, which the mails at a study's end link to. */
  readonly kept: Promise<unknown>;
}

/**
 * Makes the commit on top of the branch's head, and writes it down: no later worker makes another.
 *
 * @returns undefined when the branch holds these values already
 * @throws {StageFailure} when the values can't be written into the files
 */
export async function preparePush(
  { context, mirror, study, project }: TuneStage,
  push: Omit<PendingPush, 'sha' | 'parent'>,
): Promise<PendingPush | undefined> {
  const { name, email } = context.config.bot;
  const parent = lastCommit(study);
  const files = editedFiles(project, push.values);
  const sha = await createCommit(mirror, { parent, files, message: push.message, author: { name, email } });
  if (sha === undefined) return undefined;
  const pending = { ...push, sha, parent };
  const written = await updateStudy(context.store.redis, study.id, (current) =>
    current.pending === undefined ? { ...current, pending } : current,
  );
  return written.pending ?? pending;
}

/**
 * Pushes what was written down, unless an earlier worker has. The tune stages of two runs may both come to it, that of
 * the commit's own run and that of the run before.
 *
 * @returns undefined when the branch stands at the commit; the end of the run when a person pushed in the meantime
 * @throws {StageFailure} when the host refuses the push for good
 */
export async function pushPending(stage: TuneStage, pending: PendingPush): Promise<StageOutcome | undefined> {
  const { redis } = stage.context.store;
  // Two pushes at once would get into each other's way at the host, which looks as if it refused one of them.
  return inLock(redis, `push:${stage.study.id}`, async () => {
    const current = await getStudy(redis, stage.study.id);
    if (current !== undefined && isTaken(current)) return takenAway(current);
    // It may have been made anew, on top of a person's commit.
    if (current?.pending === undefined || !isSamePush(current.pending, pending)) return undefined;
    const { ended, sha } = await pushNow(stage, current.pending, mostRebases);
    // The end of a study keeps it until all that belongs to the end is done.
    if (ended === undefined && pending.purpose === 'trial')
      await updateStudy(redis, current.id, (study) => pushed(study, sha));
    return ended;
  });
}

function isSamePush(a: PendingPush, b: PendingPush): boolean {
  return a.purpose === b.purpose && a.trial === b.trial && a.run === b.run;
}

interface PushEnd {
  /** The commit that was pushed at last. */
  readonly sha: string;
  readonly ended?: StageOutcome;
}

/** Whoever pushes faster than that ends the study after all. */
const mostRebases = 5;

async function pushNow(stage: TuneStage, pending: PendingPush, rebases: number): Promise<PushEnd> {
  const { context, mirror, run, study } = stage;
  const { redis } = context.store;
  const { repository, branch } = study;
  const { sha } = pending;
  await rememberBotCommit(redis, repository, sha);
  const from = (await getHead(redis, repository, branch))?.sha;
  const outcome = await pushCommit(mirror, { ...pending, branch });
  if (outcome.kind === 'refused') {
    await announcePushRefused(context, run, study, outcome.message);
    throw new StageFailure(
      `${outcome.message}\nLet the bot push to ${study.branch}: give its token the right to write contents, and let it past the branch's protection; or watch another branch.`,
      { announced: true },
    );
  }
  if (outcome.kind === 'pushed') await moveHead(redis, { repository, branch, sha, from });
  if (outcome.kind !== 'moved') return { sha };
  const head = await fetchBranch(mirror, branch);
  const again = rebases > 0 && head !== undefined ? await commitOnTop(stage, pending, head) : undefined;
  if (again !== undefined) return pushNow(stage, again, rebases - 1);
  if (head !== undefined) await startHeadRun(context, mirror, run, head);
  const reason = `${head?.slice(0, 10) ?? 'nothing'} is now the head of ${branch}`;
  await supersedeStudy(context, study.id, reason);
  return { sha, ended: supersededBy(reason) };
}

/**
 * Makes the commit anew on a person's that changes nothing of what is trained.
 *
 * @returns undefined when the person's matters
 */
async function commitOnTop(stage: TuneStage, pending: PendingPush, head: string): Promise<PendingPush | undefined> {
  const { context, mirror, study, project } = stage;
  const { redis } = context.store;
  const { repository, branch } = study;
  const seen = { repository, branch, before: pending.parent, sha: head };
  if ((await passOverSeen(context, mirror, seen)) === undefined) return undefined;
  const { name, email } = context.config.bot;
  const files = editedFiles(project, pending.values);
  const sha = await createCommit(mirror, { parent: head, files, message: pending.message, author: { name, email } });
  if (sha === undefined) return undefined;
  const again = { ...pending, sha, parent: head };
  await updateStudy(redis, study.id, (current) => recommitted(current, pending.sha, again));
  if (pending.purpose === 'trial') await updateRun(redis, pending.run, (current) => ({ ...current, sha }));
  return again;
}

/** Whether a person has ended the study, by a push or by hand. */
export function isTaken({ state }: Study): boolean {
  return state === 'superseded' || state === 'stopped';
}

/** How a run ends whose study a person has ended. */
export function takenAway({ state, reason }: Study): StageOutcome {
  if (state === 'stopped') return { kind: 'end', state: 'cancelled', reason: reason ?? 'its study was stopped' };
  return supersededBy(reason);
}

function supersededBy(reason = 'a person pushed'): StageOutcome {
  return { kind: 'end', state: 'superseded', reason };
}

/** Values that cannot be written cannot be written the next time either: the run says why. */
function editedFiles(project: Project, values: Values): ReturnType<typeof trialFiles> {
  try {
    return trialFiles(project, values);
  } catch (error) {
    if (error instanceof EditRefusedError) throw new StageFailure(error.message, { cause: error });
    throw error;
  }
}
