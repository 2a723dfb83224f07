/** Tells people and hosts what happened: e-mails and commit statuses, both through their queues. */
import { createHash } from 'node:crypto';
import { readArtifacts } from '../src/container/artifacts.js';
import type { ContainerState } from '../src/container/containers.js';
import { readSources } from '../src/git/mirror.js';
import type { Mail, StudyFacts } from '../src/notify/mails.js';
import * as mails from '../src/notify/mails.js';
import { recipients } from '../src/notify/recipients.js';
import { isModel } from '../src/pipeline/artifacts.js';
import { describeChange } from '../src/pipeline/commit-message.js';
import type { Incident } from '../src/pipeline/incident.js';
import { describeEarlyStop, type Person, type Run, type StageName, warningsOf } from '../src/pipeline/run.js';
import { bestTrial, type Study } from '../src/pipeline/study.js';
import type { Notification } from '../src/repository-config.js';
import { swapBuildOutcome } from '../src/store/build-outcomes.js';
import { getRun } from '../src/store/runs.js';
import { summariseInThread } from '../src/threads/summary.js';
import { mirrorOf, runUrl, studyUrl, type WorkerContext } from './context.js';
import { repositoryConfigIn } from './repository-settings.js';

/** The stage's outcome as a commit status. */
export async function announceStage(context: WorkerContext, run: Run, stage: StageName): Promise<void> {
  const { state, error } = run.stages[stage];
  if (state !== 'succeeded' && state !== 'failed') return;
  await context.store.queues.enqueueStatus({
    repository: run.repository,
    sha: run.sha,
    context: `pushtune/${stage}`,
    state: state === 'succeeded' ? 'success' : 'failure',
    description: error ?? describeSuccess(run, stage),
    url: runUrl(context, run),
  });
}

function describeSuccess(run: Run, stage: StageName): string {
  if (stage === 'tune') return run.reason ?? '';
  const earlyStop = stage === 'train' ? describeEarlyStop(run) : undefined;
  return earlyStop === undefined ? `${stage} succeeded` : `pruned: ${earlyStop}`;
}

export async function announceFailure(
  context: WorkerContext,
  run: Run,
  stage: StageName,
  error: string,
): Promise<void> {
  await queueMail(
    context,
    run,
    'failed',
    `${run.id}-failed`,
    mails.failedMail({ ...about(context, run), stage, sha: run.sha, error }),
  );
}

/** One mail when the build's outcome differs from the repository's build before. */
export async function announceBuild(context: WorkerContext, run: Run, error: string | undefined): Promise<void> {
  const outcome = error === undefined ? 'ok' : 'failed';
  const before = await swapBuildOutcome(context.store.redis, run.repository, run.id, outcome);
  if (before === outcome || (before === undefined && outcome === 'ok')) return;
  const mail = mails.buildChangedMail({
    ...about(context, run),
    sha: run.sha,
    ...(error === undefined ? {} : { error }),
  });
  await queueMail(context, run, 'build_changed', `${run.id}-build-changed`, mail);
}

export async function announceTargetReached(context: WorkerContext, run: Run, study: Study): Promise<void> {
  const winner = study.trials.at(-1);
  if (winner?.metric === undefined) return;
  const first = study.trials[0]?.values ?? {};
  const { first: once, second: again } = winner.confirmation ?? {};
  const mail = mails.targetReachedMail({
    ...(await facts(context, run, study)),
    links: await keptLinks(context, study),
    metric: winner.metric.value,
    sha: winner.sha,
    change: study.trials.length === 1 ? '' : describeChange(first, winner.values),
    ...(once === undefined || again === undefined ? {} : { confirmed: [once, again] as const }),
  });
  await queueMail(context, run, 'target_reached', `${study.id}-target-reached`, mail);
}

export async function announceBudgetEnded(
  context: WorkerContext,
  run: Run,
  study: Study,
  reason: string,
  restoredSha: string | undefined,
): Promise<void> {
  const best = bestTrial(study);
  const mail = mails.budgetEndedMail({
    ...(await facts(context, run, study)),
    links: await keptLinks(context, study),
    warnings: await trialWarnings(context, run, best?.run),
    reason,
    ...(best === undefined ? {} : { best: { trial: best.number, metric: best.metric.value, sha: best.sha } }),
    ...(restoredSha === undefined ? {} : { restoredSha }),
  });
  await queueMail(context, run, 'budget_ended', `${study.id}-budget-ended-${study.trials.length}`, mail);
}

/** The warnings of the last trial and of the best one. */
async function trialWarnings(context: WorkerContext, last: Run, best: string | undefined): Promise<readonly string[]> {
  const other = best === undefined || best === last.id ? undefined : await getRun(context.store.redis, best);
  return [last, ...(other === undefined ? [] : [other])].flatMap((run) =>
    warningsOf(run).map((text) => `trial ${run.trial}: ${text}`),
  );
}

export async function announcePushRefused(
  context: WorkerContext,
  run: Run,
  study: Study,
  message: string,
): Promise<void> {
  await queueMail(
    context,
    run,
    'failed',
    `${study.id}-push-refused`,
    mails.pushRefusedMail({ ...about(context, run), message }),
  );
}

/** @param study whose trial crashed the container: one that is given up again and again is told of once */
export async function announceRestart(
  context: WorkerContext,
  container: ContainerState,
  incident: Incident,
  study?: string,
): Promise<void> {
  const { repository, name } = container;
  const mail = mails.containerRestartedMail({
    repository,
    branch: '',
    url: `${context.config.server.url}/status`,
    container: name,
    cause: incident.cause,
    givenUp: incident.givenUp,
  });
  const id = incident.givenUp ? `${study ?? incident.id}-given-up` : `${incident.id}-restarted`;
  await enqueue(context, id, mail, undefined);
}

/** Where the best trial's model and its other files are. */
async function keptLinks(context: WorkerContext, study: Study): Promise<readonly mails.Link[]> {
  const best = bestTrial(study);
  if (best === undefined) return [];
  const { artifacts } = await readArtifacts(context.config.data, study.repository, best.run);
  if (artifacts.length === 0) return [];
  const files = { label: 'Files of the best trial', url: `${runUrl(context, { id: best.run })}/artifacts` };
  const hasModel = artifacts.some(({ name }) => isModel(name));
  return hasModel ? [{ label: 'Model', url: `${studyUrl(context, study)}/model` }, files] : [files];
}

function about(context: WorkerContext, run: Run): mails.Subject {
  return { repository: run.repository, branch: run.branch, url: runUrl(context, run), warnings: warningsOf(run) };
}

async function facts(context: WorkerContext, run: Run, study: Study): Promise<StudyFacts> {
  return {
    ...about(context, run),
    url: studyUrl(context, study),
    metricName: bestTrial(study)?.metric.name ?? run.metric?.name ?? 'metric',
    target: study.target,
    summary: await summariseInThread(study),
    trials: study.trials.map((trial, i) => ({
      number: trial.number,
      change: i === 0 ? 'as pushed' : describeChange(study.trials[i - 1]?.values ?? {}, trial.values),
      ...(trial.metric === undefined ? {} : { metric: trial.metric.value }),
      ...(trial.state === 'pruned' ? { isPruned: true } : {}),
      ...(trial.seconds === undefined ? {} : { seconds: trial.seconds }),
    })),
  };
}

/** A repository chooses in `.pushtune.yml` what it is told; one whose file is broken is told everything. */
async function queueMail(context: WorkerContext, run: Run, kind: Notification, id: string, mail: Mail): Promise<void> {
  if (!(await wants(context, run, kind))) return;
  await enqueue(context, id, mail, run.author);
}

async function wants(context: WorkerContext, run: Run, kind: Notification): Promise<boolean> {
  try {
    const { notify } = repositoryConfigIn(await readSources(await mirrorOf(context, run.repository), run.sha));
    return notify.on.includes(kind);
  } catch {
    return true;
  }
}

async function enqueue(context: WorkerContext, id: string, mail: Mail, author: Person | undefined): Promise<void> {
  const { to, author_domains } = context.config.mail;
  const addresses = recipients(to, author_domains, author);
  if (addresses.length === 0) {
    context.log.info({ subject: mail.subject }, 'a mail has no recipient: set mail.to or mail.author_domains');
    return;
  }
  // One job for each: a server that takes the mail for one of them only must not be asked again for that one.
  for (const address of addresses) {
    const suffix = createHash('sha256').update(address).digest('hex').slice(0, 8);
    await context.store.queues.enqueueMail({ id: `${id}-${suffix}`, to: [address], ...mail });
  }
}
