/** poll: looks for pushes that no webhook has reported, as behind a router that lets none in. */
import type { RepositorySettings } from '../src/config.js';
import { describeCommit, ensureMirror, fetchBranch, type Mirror, remoteHeads } from '../src/git/mirror.js';
import { decideHead } from '../src/pipeline/poll.js';
import { asksToSkip, isWatched } from '../src/pipeline/push.js';
import { forgetHead, getHead, knownBranches, moveHead, rememberPolled, wasPolled } from '../src/store/heads.js';
import { isBotCommit } from '../src/store/runs.js';
import { newId, startSeenRun } from '../src/store/start-run.js';
import { mirrorOf, now, type WorkerContext } from './context.js';
import { passOverSeen } from './pass-over-seen.js';

/**
 * Compares the heads of all watched branches with the last known ones.
 *
 * @param failures what kept a repository from being looked at the last time, by its name: told when it changes
 */
export async function poll(context: WorkerContext, failures: Map<string, string>): Promise<void> {
  await Promise.all(
    context.config.repositories.map(async (settings) => {
      const { name } = settings;
      try {
        await pollRepository(context, settings);
        if (failures.delete(name)) context.log.info({ repository: name }, 'the repository can be looked at again');
      } catch (error) {
        const failure = error instanceof Error ? error.message : String(error);
        if (failures.get(name) !== failure)
          context.log.warn({ error, repository: name }, 'the repository can’t be looked at for pushes');
        failures.set(name, failure);
      }
    }),
  );
}

async function pollRepository(context: WorkerContext, { name, branches }: RepositorySettings): Promise<void> {
  const { redis } = context.store;
  const mirror = await mirrorOf(context, name);
  const hadBeenPolled = await wasPolled(redis, name);
  // Before the look: what becomes known during it is newer than what is seen.
  const before = await knownBranches(redis, name);
  const known = new Map(
    await Promise.all(before.map(async (branch) => [branch, await getHead(redis, name, branch)] as const)),
  );
  const seen = await remoteHeads(mirror);
  for (const [branch, sha] of seen) {
    if (!isWatched(branch, branches)) continue;
    const head = { sha, known: known.get(branch), wasPolled: hadBeenPolled, now: Date.now() };
    const decision = decideHead({ ...head, isOwn: await isBotCommit(redis, name, sha) });
    if (decision === 'record') await moveHead(redis, { repository: name, branch, sha, from: head.known?.sha });
    if (decision === 'push') await startPushed(context, mirror, { name, branch, from: head.known?.sha });
  }
  for (const branch of before) if (!seen.has(branch)) await forgetHead(redis, name, branch);
  await rememberPolled(redis, name);
}

interface SeenPush {
  readonly name: string;
  readonly branch: string;
  /** What was known of the branch before it was looked at. */
  readonly from: string | undefined;
}

async function startPushed(context: WorkerContext, mirror: Mirror, { name, branch, from }: SeenPush): Promise<void> {
  const { redis } = context.store;
  await ensureMirror(mirror);
  const sha = await fetchBranch(mirror, branch);
  // It is gone, or the bot has pushed meanwhile.
  if (sha === undefined || (await isBotCommit(redis, name, sha))) return;
  const { message, body, name: author, email } = await describeCommit(mirror, sha);
  if (asksToSkip(body)) return moveHead(redis, { repository: name, branch, sha, from });
  const passedOver = await passOverSeen(context, mirror, { repository: name, branch, before: from, sha });
  if (passedOver !== undefined) {
    context.log.info({ repository: name, branch, sha, reason: passedOver }, 'a push started nothing');
    return moveHead(redis, { repository: name, branch, sha, from });
  }
  const recorded = await startSeenRun(
    context.store,
    {
      id: newId(),
      study: newId(),
      trial: 0,
      cause: 'push',
      repository: name,
      branch,
      sha,
      message,
      author: { name: author, email },
      createdAt: now(),
    },
    from ?? '',
  );
  if (recorded?.created === true) context.log.info({ run: recorded.id, branch }, 'a push was found by looking');
}
