/** The second training, with another seed, of a trial that reached the target. Pure. */
import { formatMetric } from './commit-message.js';
import type { Metric } from './run.js';
import type { Confirmation, Study, StudyTrial } from './study.js';

/** Writes down that the latest trial is trained once more in this run; what is written down already stays. */
export function planConfirmation(study: Study, run: string): Study {
  const trial = study.trials.at(-1);
  if (trial?.metric === undefined || trial.confirmation !== undefined) return study;
  // Any seed will do, as long as it is the same one after a crash.
  return withTrial(study, { ...trial, confirmation: { run, seed: trial.number + 1, first: trial.metric.value } });
}

/**
 * What the second training brought. The trial's metric is the mean of both from then on, whether the study ends or goes
 * on: the first figure alone was chosen for being high, and one figure for each trial decides everything that follows.
 * So a second training a little below the target confirms a first one above it. A trial that fails when it is
 * trained again counts as failed.
 */
export function recordConfirmation(study: Study, second: { readonly metric?: Metric; readonly error?: string }): Study {
  const trial = study.trials.at(-1);
  if (trial?.confirmation === undefined) return study;
  const { metric, confirmation, ...others } = trial;
  const { second: _second, ...first } = confirmation;
  if (second.metric === undefined) {
    const error = `trained again with another seed it failed: ${second.error?.split('\n')[0] ?? 'no metric'}`;
    return withTrial(study, { ...others, confirmation: first, state: 'failed', error });
  }
  const value = mean(first.first, second.metric.value);
  return withTrial(study, {
    ...others,
    state: 'completed',
    metric: { ...second.metric, ...metric, value },
    confirmation: { ...first, second: second.metric.value },
  });
}

/** `0.972 and 0.968` */
export function describeBoth({ first, second }: Confirmation): string {
  return second === undefined ? formatMetric(first) : `${formatMetric(first)} and ${formatMetric(second)}`;
}

/** What both trainings of a trial came to, as the beginning of a sentence; undefined for a trial that had one. */
export function describeConfirmed(trial: StudyTrial): string | undefined {
  const { confirmation, metric } = trial;
  if (confirmation === undefined) return undefined;
  const first = `Trial ${trial.number} reached ${formatMetric(confirmation.first)}`;
  if (confirmation.second === undefined || metric === undefined)
    return trial.state === 'failed' ? `${first}, but ${trial.error ?? 'its second training failed'}` : undefined;
  return `${first}, and ${formatMetric(confirmation.second)} with another seed: ${formatMetric(metric.value)} in the mean`;
}

/** Twelve digits: 0.972 and 0.968 are 0.97 in the mean, which they are not quite in binary. */
function mean(a: number, b: number): number {
  return Number(((a + b) / 2).toPrecision(12));
}

function withTrial(study: Study, trial: StudyTrial): Study {
  return { ...study, trials: study.trials.map((known) => (known.number === trial.number ? trial : known)) };
}
