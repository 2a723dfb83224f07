/** pull: brings the mirror up to date, makes sure that the commit still leads the branch, and writes the run's files. */
import { join } from 'node:path';
import { giveToContainer, makeContainerFolder, removeFolder, repositoryFolders } from '../src/container/folders.js';
import {
  checkOut,
  ensureMirror,
  fetchBranch,
  hasCommit,
  isAncestor,
  type Mirror,
  readSources,
} from '../src/git/mirror.js';
import { belongsToStudy, type Run } from '../src/pipeline/run.js';
import { newStudy } from '../src/pipeline/study.js';
import { RepositoryConfigError } from '../src/repository-config.js';
import { stopStudyNow } from '../src/store/control-study.js';
import { getHead, moveHead } from '../src/store/heads.js';
import { getRun } from '../src/store/runs.js';
import { claimBranch, createStudy } from '../src/store/studies.js';
import { mirrorOf, now, settingsOf, type WorkerContext } from './context.js';
import { repositoryConfigIn, studySettings } from './repository-settings.js';
import { StageFailure, type StageOutcome } from './stage.js';
import { startHeadRun, supersedeStudy } from './supersede.js';

export async function pull(context: WorkerContext, run: Run): Promise<StageOutcome> {
  const mirror = await mirrorOf(context, run.repository);
  await ensureMirror(mirror);
  const { repository, branch, sha } = run;
  const from = (await getHead(context.store.redis, repository, branch))?.sha;
  // The bot's own commit was made here and pushed a moment ago. Whether a person has pushed since is told by the webhook,
  // and by the next push of the bot's.
  const isOwn = belongsToStudy(run) && (await hasCommit(mirror, sha));
  const head = isOwn ? sha : await fetchBranch(mirror, branch);
  if (head !== sha) return movedOn(context, mirror, run, head);
  // Whoever reports the same head later reports this run's push.
  if (run.cause === 'push') await moveHead(context.store.redis, { repository, branch, sha, from, run: run.id });
  if (!belongsToStudy(run)) await beginStudy(context, mirror, run);
  await writeFiles(context, mirror, run);
  return { kind: 'next', found: { host: context.config.worker.name } };
}

/** Deliveries come late and out of order: only the branch's head is worth a run. */
async function movedOn(
  context: WorkerContext,
  mirror: Mirror,
  run: Run,
  head: string | undefined,
): Promise<StageOutcome> {
  if (head === undefined) return superseded(`the branch ${run.branch} is gone`);
  await startHeadRun(context, mirror, run, head);
  const moved = (await isAncestor(mirror, run.sha, head)) ? 'has moved on' : 'was rewritten';
  return superseded(`the branch ${run.branch} ${moved} to ${head.slice(0, 10)}`);
}

function superseded(reason: string): StageOutcome {
  return { kind: 'end', state: 'superseded', reason };
}

/** A person's push begins a study of its own and ends the one that held the branch. */
async function beginStudy(context: WorkerContext, mirror: Mirror, run: Run): Promise<void> {
  const files = await readSources(mirror, run.sha);
  const { settings, error } = readSettings(context, files);
  const study = newStudy({
    id: run.study,
    repository: run.repository,
    branch: run.branch,
    baseSha: run.sha,
    createdAt: now(),
    ...(run.author === undefined ? {} : { author: run.author }),
    ...settings,
  });
  await createStudy(context.store.redis, study);
  const before = await claimBranch(context.store.redis, study);
  if (before !== undefined)
    await supersedeStudy(context, before, `${run.sha.slice(0, 10)} was pushed to ${run.branch}`);
  // Who cancelled the run before there was a study has not stopped that.
  if ((await getRun(context.store.redis, run.id))?.state === 'cancelled')
    await stopStudyNow(context.store, study.id, `run ${run.number} was cancelled`);
  if (error !== undefined) throw new StageFailure(error);
}

/** A broken `.pushtune.yml` fails the run, but the push supersedes the study before it all the same. */
function readSettings(context: WorkerContext, files: ReadonlyMap<string, Uint8Array>) {
  try {
    return { settings: studySettings(context.config, repositoryConfigIn(files)) };
  } catch (error) {
    if (!(error instanceof RepositoryConfigError)) throw error;
    return { settings: studySettings(context.config, repositoryConfigIn(new Map())), error: error.message };
  }
}

/** The folder is made anew: a pull that was interrupted may have left half of it. */
async function writeFiles(context: WorkerContext, mirror: Mirror, run: Run): Promise<void> {
  const { runs } = repositoryFolders(context.config.data, settingsOf(context, run.repository).name);
  const folder = join(runs, run.id);
  await makeContainerFolder(runs);
  await removeFolder(folder);
  await checkOut(mirror, run.sha, join(folder, 'workspace'));
  await giveToContainer(folder);
}
