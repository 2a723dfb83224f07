/** The messages of the bot's commits. Pure. */
import type { ParameterValue, Values } from '../tuning/space.js';

export interface TrialMessage {
  readonly study: string;
  readonly trial: number;
  /** Values of the commit before, and of this one. */
  readonly before: Values;
  readonly after: Values;
  readonly sampler: string;
  /** A sentence on the trial before, such as `Trial 3 reached 0.612; the target is 0.8.` */
  readonly previous: string;
  readonly parentMetric?: number;
  /** Adds the trailer that keeps the repository's other CI quiet. */
  readonly skipChecks: boolean;
}

/** One line that a person understands, a sentence on the trial before, and trailers that programs read. */
export function trialMessage(message: TrialMessage): string {
  const trailers = [
    `Pushtune-Study: ${message.study}`,
    `Pushtune-Trial: ${message.trial}`,
    ...(message.parentMetric === undefined ? [] : [`Pushtune-Parent-Metric: ${message.parentMetric}`]),
    `Pushtune-Sampler: ${message.sampler}`,
    ...(message.skipChecks ? ['skip-checks: true'] : []),
  ];
  return compose(
    `tune: ${describeChange(message.before, message.after)} (trial ${message.trial})`,
    message.previous,
    trailers,
  );
}

export interface RestoreMessage {
  readonly study: string;
  readonly best: number;
  readonly metric: number;
  readonly before: Values;
  readonly after: Values;
  /** Why the study ended. */
  readonly reason: string;
}

/** The last commit of a study that ended below its target. It lets the repository's other CI run. */
export function restoreMessage(message: RestoreMessage): string {
  return compose(
    `tune: restore the best values, ${describeChange(message.before, message.after)} (trial ${message.best})`,
    `Trial ${message.best} was the best with ${formatMetric(message.metric)}. The study ended: ${message.reason}.`,
    [
      `Pushtune-Study: ${message.study}`,
      `Pushtune-Best-Trial: ${message.best}`,
      `Pushtune-Best-Metric: ${message.metric}`,
    ],
  );
}

/** `learning_rate 0.001 → 0.0032, filters 16 → 24`; names in their order in `after`. */
export function describeChange(before: Values, after: Values): string {
  const changes = Object.entries(after)
    .filter(([name, value]) => JSON.stringify(before[name]) !== JSON.stringify(value))
    .map(([name, value]) => {
      const old = before[name];
      return old === undefined
        ? `${name} ${formatValue(value)}`
        : `${name} ${formatValue(old)} → ${formatValue(value)}`;
    });
  return changes.length === 0 ? 'nothing changed' : changes.join(', ');
}

export function formatValue(value: ParameterValue): string {
  return typeof value === 'object' ? `(${value.map(formatValue).join(', ')})` : String(value);
}

/** At most four decimals, without trailing zeros. */
export function formatMetric(value: number): string {
  return String(Number(value.toFixed(4)));
}

/** GitHub wants two empty lines before `skip-checks`: https://docs.github.com/actions/managing-workflow-runs/skipping-workflow-runs */
function compose(subject: string, body: string, trailers: readonly string[]): string {
  return `${subject}\n\n${body}\n\n\n${trailers.join('\n')}\n`;
}
