/**
 * tune: at the target it tells the developer and leaves the code alone; below, it suggests new values, commits them to
 * the branch and starts the next run; when the budget is used up, it brings the best values back.
 */
import { type CommitRequest, createCommit, pushCommit } from '../src/git/commit.js';
import { type Mirror, readSources, treeOf } from '../src/git/mirror.js';
import { describeChange, formatMetric, restoreMessage, trialMessage } from '../src/pipeline/commit-message.js';
import { describeBoth, describeConfirmed, recordConfirmation } from '../src/pipeline/confirmation.js';
import { describeEarlyStop, type Run, trialError } from '../src/pipeline/run.js';
import {
  arriveAt,
  bestTrial,
  decide,
  endStudy,
  isNewestRun,
  isOpen,
  nextTrialNumber,
  type PendingPush,
  recordTrial,
  type Study,
  type StudyTrial,
  started,
  suggestionSeed,
  toHistory,
} from '../src/pipeline/study.js';
import { EditRefusedError } from '../src/python/edit.js';
import { rememberBotCommit } from '../src/store/runs.js';
import { newId, startRun } from '../src/store/start-run.js';
import { getStudy, updateStudy } from '../src/store/studies.js';
import type { Values } from '../src/tuning/space.js';
import { announceBudgetEnded, announcePushRefused, announceTargetReached } from './announce.js';
import { startConfirmation } from './confirm.js';
import { mirrorOf, now, type WorkerContext } from './context.js';
import { earlierTrialsOf } from './earlier-trials.js';
import { curveOf } from './early-stopping.js';
import { type Project, readProject, trialFiles } from './project.js';
import { StageFailure, type StageOutcome } from './stage.js';
import { suggestInThread } from './suggestion.js';
import { startHeadRun, supersedeStudy } from './supersede.js';

export async function tune(context: WorkerContext, run: Run): Promise<StageOutcome> {
  const mirror = await mirrorOf(context, run.repository);
  const known = await getStudy(context.store.redis, run.study);
  if (known === undefined)
    throw new StageFailure(`the study ${run.study} is not in the store; push again to begin a new one`);
  if (known.state === 'superseded')
    return { kind: 'end', state: 'superseded', reason: known.reason ?? 'a person pushed' };
  if (!isOpen(known)) return measured(run, known.reason);

  const inputShape = known.inputShape ?? run.training?.inputShape;
  const project = readProject(await readSources(mirror, known.baseSha), inputShape);
  const study = await updateStudy(context.store.redis, known.id, (current) =>
    recordRun({ ...current, space: project.space, ...(inputShape === undefined ? {} : { inputShape }) }, run, project),
  );
  if (!isNewestRun(study, run.id)) return measured(run, 'the study has gone on since');
  if (study.state === 'paused') return { kind: 'hold' };
  // A push that was written down was decided on; a worker that died after that is not to decide again.
  if (study.pending !== undefined) return carryOut(context, mirror, run, study, study.pending);

  const decision = decide(study, now());
  if (decision.kind === 'target_reached') {
    const confirmation = study.trials.at(-1)?.confirmation;
    const reason = confirmation === undefined ? undefined : `confirmed: ${describeBoth(confirmation)}`;
    await announceTargetReached(context, run, study);
    const ended = await updateStudy(context.store.redis, study.id, (current) =>
      endStudy(current, 'target_reached', now(), reason),
    );
    return measured(run, ended.reason);
  }
  if (decision.kind === 'confirm') {
    const isStarted = await startConfirmation(context, run, study);
    return isStarted ? measured(run, 'it is trained once more with another seed') : { kind: 'hold' };
  }
  if (decision.kind === 'budget_ended') return restoreBest(context, mirror, run, study, project, decision.reason);
  return continueStudy(context, mirror, run, study, project);
}

/** A run that the study does not wait for any more, since a later one was started, leaves it as it is. */
function recordRun(study: Study, run: Run, project: Project): Study {
  const arrived = arriveAt(study, run.id);
  if (!isNewestRun(arrived, run.id)) return arrived;
  if (run.cause !== 'confirmation') return recordTrial(arrived, trialOf(run, project));
  const error = trialError(run);
  return recordConfirmation(arrived, {
    ...(run.metric === undefined ? {} : { metric: run.metric }),
    ...(error === undefined ? {} : { error }),
  });
}

async function continueStudy(
  context: WorkerContext,
  mirror: Mirror,
  run: Run,
  study: Study,
  project: Project,
): Promise<StageOutcome> {
  if (project.space.parameters.length === 0) {
    throw new StageFailure(
      `${resultOf(study, run)}, below the target ${study.target}, and nothing to tune was found in ${project.main}. Write hyperparameters as literals or constants (filters, units, epochs, learning_rate …).`,
    );
  }
  const trial = nextTrialNumber(study);
  const suggestion = await suggestInThread(
    project.space,
    study.trials.map(toHistory),
    suggestionSeed(await treeOf(mirror, study.baseSha), trial),
    {
      mode: study.mode,
      earlier: await earlierTrialsOf(context, mirror, study, project),
    },
  );
  if (suggestion === undefined)
    return restoreBest(context, mirror, run, study, project, 'every combination has been tried');

  const before = valuesOnBranch(study, project);
  const { metric } = study.trials.at(-1) ?? {};
  const message = trialMessage({
    study: study.id,
    trial,
    before,
    after: suggestion.values,
    sampler: suggestion.sampler,
    previous: `${resultOf(study, run)}; the target is ${study.target}.`,
    ...(metric === undefined ? {} : { parentMetric: metric.value }),
    skipChecks: context.config.bot.skip_checks,
  });
  const commit = await commitValues(context, mirror, headOf(study, run), project, suggestion.values, message);
  if (commit === undefined) {
    throw new StageFailure(
      `the suggested values change nothing in the files: ${describeChange(before, suggestion.values)}`,
    );
  }
  const { sampler } = suggestion;
  const pending = { ...commit, purpose: 'trial' as const, trial, sampler, run: newId() };
  return carryOut(context, mirror, run, study, await writeDown(context, study, pending));
}

/** The best values come back in a last commit, unless they are what the branch holds already. */
async function restoreBest(
  context: WorkerContext,
  mirror: Mirror,
  run: Run,
  study: Study,
  project: Project,
  reason: string,
): Promise<StageOutcome> {
  const best = bestTrial(study);
  const before = valuesOnBranch(study, project);
  const message =
    best === undefined
      ? undefined
      : restoreMessage({
          study: study.id,
          best: best.number,
          metric: best.metric.value,
          before,
          after: best.values,
          reason,
        });
  const commit =
    best === undefined || message === undefined
      ? undefined
      : await commitValues(context, mirror, headOf(study, run), project, best.values, message);
  if (commit === undefined || best === undefined) return endBelowTarget(context, run, study, reason, study.restoredSha);
  const pending = { ...commit, purpose: 'restore' as const, trial: best.number, run: '' };
  return carryOut(context, mirror, run, study, await writeDown(context, study, { ...pending, reason }));
}

/** Pushes what was written down, however far an earlier worker came with it, and does what follows. */
async function carryOut(
  context: WorkerContext,
  mirror: Mirror,
  run: Run,
  study: Study,
  pending: PendingPush,
): Promise<StageOutcome> {
  await rememberBotCommit(context.store.redis, study.repository, pending.sha);
  const outcome = await pushCommit(mirror, { ...pending, branch: study.branch });
  if (outcome.kind === 'refused') {
    await announcePushRefused(context, run, study, outcome.message);
    throw new StageFailure(
      `${outcome.message}\nLet the bot push to ${study.branch}: give its token the right to write contents, and let it past the branch's protection; or watch another branch.`,
      { announced: true },
    );
  }
  if (outcome.kind === 'moved') {
    if (outcome.head !== undefined) await startHeadRun(context, mirror, run, outcome.head);
    const reason = `${outcome.head?.slice(0, 10) ?? 'nothing'} is now the head of ${study.branch}`;
    await supersedeStudy(context, study.id, reason);
    return { kind: 'end', state: 'superseded', reason };
  }
  if (pending.purpose === 'restore') return endBelowTarget(context, run, study, pending.reason ?? '', pending.sha);
  // Whoever paused it in the meantime wants no further training; the push is done by then, and is found to be so.
  if ((await getStudy(context.store.redis, study.id))?.state === 'paused') return { kind: 'hold' };
  await startTrial(context, run, study, pending);
  return measured(run, `trial ${pending.trial} follows`);
}

async function startTrial(context: WorkerContext, run: Run, study: Study, pending: PendingPush): Promise<void> {
  await startRun(
    context.store,
    {
      id: pending.run,
      repository: study.repository,
      branch: study.branch,
      sha: pending.sha,
      cause: 'trial',
      message: pending.message.split('\n')[0] ?? '',
      study: study.id,
      trial: pending.trial,
      values: pending.values,
      createdAt: now(),
      ...(pending.sampler === undefined ? {} : { sampler: pending.sampler }),
      ...(run.author === undefined ? {} : { author: run.author }),
    },
    { onePerCommit: true },
  );
  await updateStudy(context.store.redis, study.id, (current) => started(current, pending.run));
}

async function endBelowTarget(
  context: WorkerContext,
  run: Run,
  study: Study,
  reason: string,
  restoredSha?: string,
): Promise<StageOutcome> {
  await announceBudgetEnded(context, run, study, reason, restoredSha);
  await updateStudy(context.store.redis, study.id, (current) => ({
    ...endStudy(current, 'budget_ended', now(), reason),
    ...(restoredSha === undefined ? {} : { restoredSha }),
  }));
  return measured(run, `the study ended: ${reason}`);
}

/** A study that went on after its end stands at the commit that restored the best values. */
function headOf(study: Study, run: Run): string {
  return study.restoredSha ?? run.sha;
}

function valuesOnBranch(study: Study, project: Project): Values {
  const trial = study.restoredSha === undefined ? study.trials.at(-1) : bestTrial(study);
  return trial?.values ?? project.values;
}

/** Makes the commit on top of the branch's head; undefined when the branch holds these values already. */
async function commitValues(
  context: WorkerContext,
  mirror: Mirror,
  head: string,
  project: Project,
  values: Values,
  message: string,
): Promise<Pick<PendingPush, 'sha' | 'parent' | 'message' | 'values'> | undefined> {
  const { name, email } = context.config.bot;
  const request: CommitRequest = {
    parent: head,
    files: editedFiles(project, values),
    message,
    author: { name, email },
  };
  const sha = await createCommit(mirror, request);
  return sha === undefined ? undefined : { sha, parent: head, message, values };
}

/** Values that cannot be written cannot be written the next time either: the run says why. */
function editedFiles(project: Project, values: Values): CommitRequest['files'] {
  try {
    return trialFiles(project, values);
  } catch (error) {
    if (error instanceof EditRefusedError) throw new StageFailure(error.message, { cause: error });
    throw error;
  }
}

/** Before the push: whoever comes after this worker finds this commit and no other. */
async function writeDown(context: WorkerContext, study: Study, pending: PendingPush): Promise<PendingPush> {
  const written = await updateStudy(context.store.redis, study.id, (current) =>
    current.pending === undefined ? { ...current, pending } : current,
  );
  return written.pending ?? pending;
}

function trialOf(run: Run, project: Project): StudyTrial {
  const error = trialError(run);
  return {
    number: run.trial,
    run: run.id,
    sha: run.sha,
    values: run.values ?? project.values,
    state: run.training?.isPruned === true ? 'pruned' : run.metric === undefined ? 'failed' : 'completed',
    ...curveOf(run),
    ...(run.metric === undefined ? {} : { metric: run.metric }),
    ...(run.training === undefined ? {} : { seconds: run.training.seconds }),
    ...(error === undefined ? {} : { error }),
    ...(run.metrics === undefined ? {} : { metrics: run.metrics }),
    ...(run.sampler === undefined ? {} : { sampler: run.sampler }),
    ...(run.build === undefined ? {} : { image: run.build.image }),
  };
}

function measured(run: Run, what: string | undefined): StageOutcome {
  const state = run.metric === undefined && describeEarlyStop(run) === undefined ? 'failed' : 'succeeded';
  const isRead = run.metric !== undefined && describeEarlyStop(run) === undefined;
  const outcome = !isRead ? outcomeOf(run) : `${outcomeOf(run)} (${run.metric.source})`;
  return { kind: 'end', state, reason: what === undefined ? outcome : `${outcome}; ${what}` };
}

/** The trial's outcome, with both trainings of a trial that was trained twice. */
function resultOf(study: Study, run: Run): string {
  const trial = study.trials.at(-1);
  return (trial === undefined ? undefined : describeConfirmed(trial)) ?? outcomeOf(run);
}

function outcomeOf(run: Run): string {
  const earlyStop = describeEarlyStop(run);
  if (earlyStop !== undefined) return `Trial ${run.trial} was ${earlyStop}`;
  if (run.metric === undefined) return `Trial ${run.trial} failed: ${trialError(run)?.split('\n')[0] ?? 'no metric'}`;
  return `Trial ${run.trial} reached ${run.metric.name} ${formatMetric(run.metric.value)}`;
}
