/**
 * tune: at the target it tells the developer and leaves the code alone; below, it suggests new values, commits them to
 * the branch and starts the next run; when the budget is used up, it brings the best values back.
 */
import { type CommitRequest, createCommit, pushCommit } from '../src/git/commit.js';
import { type Mirror, readSources, treeOf } from '../src/git/mirror.js';
import { describeChange, formatMetric, restoreMessage, trialMessage } from '../src/pipeline/commit-message.js';
import { describeEarlyStop, type Run, trialError } from '../src/pipeline/run.js';
import {
  bestTrial,
  decide,
  endStudy,
  nextTrialNumber,
  type PendingPush,
  recordTrial,
  type Study,
  type StudyTrial,
  suggestionSeed,
} from '../src/pipeline/study.js';
import { EditRefusedError } from '../src/python/edit.js';
import { rememberBotCommit } from '../src/store/runs.js';
import { newId, startRun } from '../src/store/start-run.js';
import { getStudy, updateStudy } from '../src/store/studies.js';
import type { Values } from '../src/tuning/space.js';
import { announceBudgetEnded, announcePushRefused, announceTargetReached } from './announce.js';
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
  if (known.state !== 'running') return measured(run, known.reason);

  const inputShape = known.inputShape ?? run.training?.inputShape;
  const project = readProject(await readSources(mirror, known.baseSha), inputShape);
  const study = await updateStudy(context.store.redis, known.id, (current) =>
    recordTrial(
      { ...current, space: project.space, ...(inputShape === undefined ? {} : { inputShape }) },
      trialOf(run, project),
    ),
  );
  // A push that was written down was decided on; a worker that died after that is not to decide again.
  if (study.pending !== undefined) return carryOut(context, mirror, run, study, study.pending);

  const decision = decide(study, now());
  if (decision.kind === 'target_reached') {
    await announceTargetReached(context, run, study);
    const ended = await updateStudy(context.store.redis, study.id, (current) =>
      endStudy(current, 'target_reached', now()),
    );
    return measured(run, ended.reason);
  }
  if (decision.kind === 'budget_ended') return restoreBest(context, mirror, run, study, project, decision.reason);
  return continueStudy(context, mirror, run, study, project);
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
      `${outcomeOf(run)}, below the target ${study.target}, and nothing to tune was found in ${project.main}. Write hyperparameters as literals or constants (filters, units, epochs, learning_rate …).`,
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

  const before = study.trials.at(-1)?.values ?? project.values;
  const message = trialMessage({
    study: study.id,
    trial,
    before,
    after: suggestion.values,
    sampler: suggestion.sampler,
    previous: `${outcomeOf(run)}; the target is ${study.target}.`,
    ...(run.metric === undefined ? {} : { parentMetric: run.metric.value }),
    skipChecks: context.config.bot.skip_checks,
  });
  const commit = await commitValues(context, mirror, run, project, suggestion.values, message);
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
  const before = study.trials.at(-1)?.values ?? project.values;
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
      : await commitValues(context, mirror, run, project, best.values, message);
  if (commit === undefined || best === undefined) return endBelowTarget(context, run, study, reason);
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
  await updateStudy(context.store.redis, study.id, ({ pending: _done, ...current }) => current);
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

/** Makes the commit on top of the run's own; undefined when the branch holds these values already. */
async function commitValues(
  context: WorkerContext,
  mirror: Mirror,
  run: Run,
  project: Project,
  values: Values,
  message: string,
): Promise<Pick<PendingPush, 'sha' | 'parent' | 'message' | 'values'> | undefined> {
  const { name, email } = context.config.bot;
  const request: CommitRequest = {
    parent: run.sha,
    files: editedFiles(project, values),
    message,
    author: { name, email },
  };
  const sha = await createCommit(mirror, request);
  return sha === undefined ? undefined : { sha, parent: run.sha, message, values };
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

function toHistory(trial: StudyTrial) {
  return {
    number: trial.number,
    values: trial.values,
    state: trial.state,
    ...(trial.metric === undefined ? {} : { metric: trial.metric.value }),
    ...(trial.curve === undefined ? {} : { curve: trial.curve }),
    ...(trial.seconds === undefined ? {} : { seconds: trial.seconds }),
  };
}

function measured(run: Run, what: string | undefined): StageOutcome {
  const state = run.metric === undefined && describeEarlyStop(run) === undefined ? 'failed' : 'succeeded';
  const isRead = run.metric !== undefined && describeEarlyStop(run) === undefined;
  const outcome = !isRead ? outcomeOf(run) : `${outcomeOf(run)} (${run.metric.source})`;
  return { kind: 'end', state, reason: what === undefined ? outcome : `${outcome}; ${what}` };
}

function outcomeOf(run: Run): string {
  const earlyStop = describeEarlyStop(run);
  if (earlyStop !== undefined) return `Trial ${run.trial} was ${earlyStop}`;
  if (run.metric === undefined) return `Trial ${run.trial} failed: ${trialError(run)?.split('\n')[0] ?? 'no metric'}`;
  return `Trial ${run.trial} reached ${run.metric.name} ${formatMetric(run.metric.value)}`;
}
