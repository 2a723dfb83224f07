/** What a run came to: what its study keeps of it, and how that is told. Pure. */
import type { Values } from '../tuning/space.js';
import { formatMetric } from './commit-message.js';
import { describeConfirmed, recordConfirmation } from './confirmation.js';
import { describeEarlyStop, type Run, trialError } from './run.js';
import { arriveAt, isNewestRun, recordTrial, type Study, type StudyTrial } from './study.js';

/**
 * Keeps in the study what the run came to, as a trial or as the second training of one. A run that the study does not
 * wait for any more, since a later one was started, leaves it as it is.
 *
 * @param pushed the values that the person wrote, which a run without values of its own was trained with
 */
export function recordRun(study: Study, run: Run, pushed: Values): Study {
  const arrived = arriveAt(study, run.id);
  if (!isNewestRun(arrived, run.id)) return arrived;
  if (run.cause !== 'confirmation') return recordTrial(arrived, trialOf(run, pushed));
  const error = trialError(run);
  return recordConfirmation(arrived, {
    ...(run.metric === undefined ? {} : { metric: run.metric }),
    ...(error === undefined ? {} : { error }),
  });
}

/** How the trial of a run that was trained and evaluated has ended. */
export function trialStateOf(run: Run): 'completed' | 'failed' | 'pruned' {
  if (run.training?.isPruned === true) return 'pruned';
  return run.metric === undefined ? 'failed' : 'completed';
}

/** `Trial 3 reached val_accuracy 0.612`, and the like for one that failed or was pruned: a sentence without its point. */
export function describeOutcome(run: Run): string {
  const earlyStop = describeEarlyStop(run);
  if (earlyStop !== undefined) return `Trial ${run.trial} was ${earlyStop}`;
  if (run.metric === undefined) return `Trial ${run.trial} failed: ${trialError(run)?.split('\n')[0] ?? 'no metric'}`;
  return `Trial ${run.trial} reached ${run.metric.name} ${formatMetric(run.metric.value)}`;
}

/** As {@link describeOutcome}, of the study's latest trial: with both trainings of one that was trained twice. */
export function describeLatestTrial(study: Study, run: Run): string {
  const trial = study.trials.at(-1);
  return (trial === undefined ? undefined : describeConfirmed(trial)) ?? describeOutcome(run);
}

function trialOf(run: Run, pushed: Values): StudyTrial {
  const error = trialError(run);
  return {
    number: run.trial,
    run: run.id,
    sha: run.sha,
    values: run.values ?? pushed,
    state: trialStateOf(run),
    ...curveOf(run),
    ...(run.metric === undefined ? {} : { metric: run.metric }),
    ...(run.training === undefined ? {} : { seconds: run.training.seconds }),
    ...(error === undefined ? {} : { error }),
    ...(error !== undefined && run.training?.isTooLarge === true ? { isTooLarge: true } : {}),
    ...(run.metrics === undefined ? {} : { metrics: run.metrics }),
    ...(run.sampler === undefined ? {} : { sampler: run.sampler }),
    ...(run.build === undefined ? {} : { image: run.build.image }),
  };
}

/** The trial's curve, for those after it to be compared with. */
function curveOf(run: Run): Pick<StudyTrial, 'curve' | 'epochs' | 'earlyStop'> {
  const isPruned = trialStateOf(run) === 'pruned';
  const stop = isPruned && run.earlyStop !== undefined ? { earlyStop: run.earlyStop } : {};
  const curve = run.training?.curve;
  // The figure that counts may have been read elsewhere in the end, and be of other data.
  const isMetric = isPruned || (run.metric?.source === 'keras history' && run.metric.name === curve?.name);
  if (curve === undefined || !isMetric) return stop;
  return { ...stop, curve: curve.values, ...(curve.epochs === undefined ? {} : { epochs: curve.epochs }) };
}
