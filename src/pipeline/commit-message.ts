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
  return compose('tune: ', message, ` (trial ${message.trial})`, message.previous, trailers);
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
    'tune: restore the best values, ',
    message,
    ` (trial ${message.best})`,
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
  const changes = changesOf(before, after);
  return changes.length === 0 ? 'nothing changed' : changes.join(', ');
}

/** One text for each value that differs. */
function changesOf(before: Values, after: Values): readonly string[] {
  return Object.entries(after)
    .filter(([name, value]) => JSON.stringify(before[name]) !== JSON.stringify(value))
    .map(([name, value]) => {
      const old = before[name];
      return old === undefined
        ? `${name} ${formatValue(value)}`
        : `${name} ${formatValue(old)} → ${formatValue(value)}`;
    });
}

export function formatValue(value: ParameterValue): string {
  return typeof value === 'object' ? `(${value.map(formatValue).join(', ')})` : String(value);
}

/** At most four decimals, without trailing zeros. */
export function formatMetric(value: number): string {
  return String(Number(value.toFixed(4)));
}

/** Characters of a first line that a terminal shows in one. Three changes fit, which is what many scripts have. */
const longestSubject = 100;
/** A single change is told whatever room there is; beyond this it is cut off. */
const longestChange = 60;

/**
 * The changes that fit into the first line, and how many more there are: then all of them stand in the body, one a line.
 * GitHub wants two empty lines before `skip-checks`: https://docs.github.com/actions/managing-workflow-runs/skipping-workflow-runs
 */
function compose(
  start: string,
  { before, after }: { readonly before: Values; readonly after: Values },
  end: string,
  sentence: string,
  trailers: readonly string[],
): string {
  const changes = changesOf(before, after).map(oneLine);
  const shown = changes.map((change) => shorten(change, longestChange));
  const room = longestSubject - length(start) - length(end);
  const summary = summarise(shown, room);
  const isWhole = shown.every((change, i) => change === changes[i]) && summary === shown.join(', ');
  const list = isWhole || changes.length === 0 ? '' : `\n\n${changes.join('\n')}`;
  return `${start}${summary}${end}\n\n${sentence}${list}\n\n\n${trailers.join('\n')}\n`;
}

/** `a 1 → 2, b 3 → 4 and 2 more`: as many as there is room for, and one at least. */
function summarise(changes: readonly string[], room: number): string {
  if (changes.length === 0) return 'nothing changed';
  for (let count = changes.length; count > 1; count -= 1) {
    const text = withCount(changes, count);
    if (length(text) <= room) return text;
  }
  return withCount(changes, 1);
}

function withCount(changes: readonly string[], count: number): string {
  const rest = changes.length - count;
  return `${changes.slice(0, count).join(', ')}${rest === 0 ? '' : ` and ${rest} more`}`;
}

/** A choice is any text of a repository's; a line feed in it would end the first line, or look like a trailer. */
function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\u2028\u2029]+/gu, ' ');
}

function shorten(text: string, longest: number): string {
  return length(text) <= longest ? text : `${[...text].slice(0, longest - 1).join('')}…`;
}

function length(text: string): number {
  return [...text].length;
}
