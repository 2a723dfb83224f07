/**
 * tune: at the target it tells the developer and leaves the code alone; below, it suggests new values, commits them to
 * the branch and starts the next run; when the budget is used up, it brings the best values back.
 */
import { readSources, treeOf } from '../src/git/mirror.js';
import { describeChange, restoreMessage, trialMessage } from '../src/pipeline/commit-message.js';
import { describeBoth } from '../src/pipeline/confirmation.js';
import type { Run } from '../src/pipeline/run.js';
import {
  bestTrial,
  decide,
  endStudy,
  isNewestRun,
  isOpen,
  nextTrialNumber,
  outstandingPush,
  type PendingPush,
  suggestionSeed,
  toHistory,
  trialOnBranch,
} from '../src/pipeline/study.js';
import { describeLatestTrial, describeOutcome, recordRun, trialStateOf } from '../src/pipeline/trial-outcome.js';
import { newId } from '../src/store/start-run.js';
import { getStudy, updateStudy } from '../src/store/studies.js';
import { suggestInThread } from '../src/threads/suggestion.js';
import { announceBudgetEnded, announceTargetReached } from './announce.js';
import { isTaken, preparePush, pushPending, type TuneStage, takenAway } from './bot-push.js';
import { mirrorOf, now, type WorkerContext } from './context.js';
import { earlierTrialsOf } from './earlier-trials.js';
import { keepArtifacts } from './keep-artifacts.js';
import { keepBest } from './keep-best.js';
import { readProject } from './project.js';
import { StageFailure, type StageOutcome } from './stage.js';
import { startConfirmation, startTrial } from './study-runs.js';

export async function tune(context: WorkerContext, run: Run): Promise<StageOutcome> {
  const { redis } = context.store;
  const mirror = await mirrorOf(context, run.repository);
  const known = await getStudy(redis, run.study);
  if (known === undefined)
    throw new StageFailure(`the study ${run.study} is not in the store; push again to begin a new one`);
  if (isTaken(known)) return takenAway(known);
  if (!isOpen(known)) return measured(run, known.reason);

  const inputShape = known.inputShape ?? run.training?.inputShape;
  const project = readProject(await readSources(mirror, known.baseSha), inputShape);
  const found = { space: project.space, ...(inputShape === undefined ? {} : { inputShape }) };
  const recorded = await updateStudy(redis, known.id, (current) =>
    recordRun({ ...current, ...found }, run, project.values),
  );
  // The stage that started the newest run may have died before it had pushed that run's commit.
  const outstanding = outstandingPush(recorded);
  const ended =
    outstanding &&
    (await pushPending({ context, mirror, run, study: recorded, project, kept: Promise.resolve() }, outstanding));
  if (ended !== undefined) return ended;
  const study = outstanding === undefined ? recorded : ((await getStudy(redis, known.id)) ?? recorded);
  if (!isNewestRun(study, run.id)) return measured(run, 'the study has gone on since');
  // The next trial need not wait for the files of this one.
  const kept = Promise.all([keepBest(context, run, study), keepArtifacts(context, run)]);
  const [outcome] = await Promise.all([settle({ context, mirror, run, study, project, kept }), kept]);
  return outcome;
}

/** What follows from the run's result. */
async function settle(stage: TuneStage): Promise<StageOutcome> {
  const { study } = stage;
  if (study.state === 'paused') return { kind: 'hold' };
  // A push that was written down was decided on; a worker that died after that is not to decide again.
  if (study.pending !== undefined) return carryOut(stage, study.pending);

  const decision = decide(study, now());
  switch (decision.kind) {
    case 'target_reached':
      return endAtTarget(stage);
    case 'confirm':
      return confirm(stage);
    case 'continue':
      return tryNext(stage);
    case 'budget_ended':
      return restoreBest(stage, decision.reason);
  }
}

async function endAtTarget({ context, run, study, kept }: TuneStage): Promise<StageOutcome> {
  await kept;
  const confirmation = study.trials.at(-1)?.confirmation;
  const reason = confirmation === undefined ? undefined : `confirmed: ${describeBoth(confirmation)}`;
  await announceTargetReached(context, run, study);
  await updateStudy(context.store.redis, study.id, (current) => endStudy(current, 'target_reached', now(), reason));
  return measured(run, reason);
}

async function confirm({ context, run, study }: TuneStage): Promise<StageOutcome> {
  const isStarted = await startConfirmation(context, run, study);
  return isStarted ? measured(run, 'it is trained once more with another seed') : { kind: 'hold' };
}

async function tryNext(stage: TuneStage): Promise<StageOutcome> {
  const { context, mirror, run, study, project } = stage;
  const previous = describeLatestTrial(study, run);
  if (project.space.parameters.length === 0) {
    throw new StageFailure(
      `${previous}, below the target ${study.target}, and nothing to tune was found in ${project.main}. Write hyperparameters as literals or constants (filters, units, epochs, learning_rate …).`,
    );
  }
  const trial = nextTrialNumber(study);
  const seed = suggestionSeed(await treeOf(mirror, study.baseSha), trial);
  const earlier = await earlierTrialsOf(context, mirror, study, project);
  const suggestion = await suggestInThread(project.space, study.trials.map(toHistory), seed, {
    mode: study.mode,
    earlier,
    sampler: project.sampler,
  });
  if (suggestion === undefined) return restoreBest(stage, 'every combination has been tried');

  const { values, sampler } = suggestion;
  const parent = trialOnBranch(study);
  const before = parent?.values ?? project.values;
  const message = trialMessage({
    study: study.id,
    trial,
    before,
    after: values,
    sampler,
    previous: `${previous}; the target is ${study.target}.`,
    ...(parent?.state === 'completed' && parent.metric !== undefined ? { parentMetric: parent.metric.value } : {}),
    skipChecks: context.config.bot.skip_checks,
  });
  const pending = await preparePush(stage, { purpose: 'trial', trial, values, sampler, message, run: newId() });
  if (pending === undefined) {
    throw new StageFailure(`the suggested values change nothing in the files: ${describeChange(before, values)}`);
  }
  return carryOut(stage, pending);
}

/** The best values come back in a last commit, unless they are what the branch holds already. */
async function restoreBest(stage: TuneStage, reason: string): Promise<StageOutcome> {
  const { study, project } = stage;
  const best = bestTrial(study);
  if (best === undefined) return endBelowTarget(stage, reason, study.restoredSha);
  const { number: trial, values, metric } = best;
  const message = restoreMessage({
    study: study.id,
    best: trial,
    metric: metric.value,
    before: trialOnBranch(study)?.values ?? project.values,
    after: values,
    reason,
  });
  const pending = await preparePush(stage, { purpose: 'restore', trial, values, message, run: '', reason });
  return pending === undefined ? endBelowTarget(stage, reason, study.restoredSha) : carryOut(stage, pending);
}

/** Does what was written down, however far an earlier worker came with it. */
async function carryOut(stage: TuneStage, pending: PendingPush): Promise<StageOutcome> {
  const { context, run, study } = stage;
  if (pending.purpose === 'restore') return (await pushPending(stage, pending)) ?? endRestored(stage, pending);
  // Whoever paused it in the meantime wants no further training.
  if ((await getStudy(context.store.redis, study.id))?.state === 'paused') return { kind: 'hold' };
  // The trial trains from the mirror's objects while its commit is on the way: a host far away takes a second for a push.
  await startTrial(context, run, study, pending);
  return (await pushPending(stage, pending)) ?? measured(run, `trial ${pending.trial} follows`);
}

/** The commit with the best values may have been made anew on top of a person's. */
async function endRestored(stage: TuneStage, { reason = '', sha }: PendingPush): Promise<StageOutcome> {
  const current = await getStudy(stage.context.store.redis, stage.study.id);
  return endBelowTarget(stage, reason, current?.pending?.sha ?? sha);
}

async function endBelowTarget(
  { context, run, study, kept }: TuneStage,
  reason: string,
  restoredSha: string | undefined,
): Promise<StageOutcome> {
  await kept;
  await announceBudgetEnded(context, run, study, reason, restoredSha);
  await updateStudy(context.store.redis, study.id, (current) => ({
    ...endStudy(current, 'budget_ended', now(), reason),
    ...(restoredSha === undefined ? {} : { restoredSha }),
  }));
  return measured(run, `the study ended: ${reason}`);
}

/** The run ends with what it came to, and with what follows from it. */
function measured(run: Run, what: string | undefined): StageOutcome {
  const state = trialStateOf(run);
  const source = state === 'completed' ? ` (${run.metric?.source})` : '';
  const reason = `${describeOutcome(run)}${source}${what === undefined ? '' : `; ${what}`}`;
  return { kind: 'end', state: state === 'failed' ? 'failed' : 'succeeded', reason };
}
