/** What is wrong with `metric:` of `.pushtune.yml`, before anything is trained. Pure. */
import type { Finding } from '../tuning/check-space.js';
import { nearestWord } from '../tuning/edit-distance.js';
import { canonicalWords, isSameName, isShare, normaliseMetric, setOf, wordsOf } from './figure-names.js';

export interface StatedMetric {
  readonly name?: string | undefined;
  readonly mode: 'max' | 'min';
  readonly target?: number | undefined;
}

/** What the training is known to report: see `reportedMetrics`. */
export interface KnownFigures {
  readonly names: readonly string[];
  readonly validates: boolean;
  readonly evaluates: boolean;
  readonly words: readonly string[];
}

/** Last words of the names of figures that are better when they are lower. */
const lowerIsBetter = new Set(
  'loss losses error errors err mse rmse mae mape msle crossentropy perplexity logloss divergence'.split(' '),
);

/**
 * @param known undefined when it can't be told before the training, or the figure is read elsewhere
 * @param defaultTarget the server's, which counts when none is stated
 */
export function checkMetric(
  { name, mode, target }: StatedMetric,
  known: KnownFigures | undefined,
  defaultTarget: number,
): readonly Finding[] {
  const findings: Finding[] = [];
  const missing = name === undefined || known === undefined ? undefined : missingFigure(name, known);
  if (missing !== undefined) findings.push(error('name', missing));
  findings.push(...checkMode(name ?? 'accuracy', mode), ...checkTarget(name ?? 'accuracy', mode, target));
  if (name !== undefined && target === undefined && !isShare(name)) {
    const message = `metric.target is not set, and ${defaultTarget}, the server's, is meant for an accuracy; set a target for ${name}`;
    findings.push({ severity: 'warning', key: ['metric', 'name'], message });
  }
  return findings;
}

/** Why the training will have no figure of this name; undefined when it may have one. */
function missingFigure(name: string, { names, validates, evaluates, words }: KnownFigures): string | undefined {
  const validated = names.map((one) => `val_${one}`);
  const reported = [
    ...names,
    ...(validates ? validated : []),
    ...(evaluates ? names.flatMap((one) => [`test_${one}`, `eval_${one}`]) : []),
  ];
  if (reported.some((one) => isSameName(one, name) || isOfOutput(name, one)) || isMentioned(name, words)) {
    return undefined;
  }
  const advice = `it reports ${[...names, ...(validates ? validated : [])].join(', ')}`;
  if (!validates && validated.some((one) => isSameName(one, name))) {
    return `the script has no ${name}, since its fit validates nothing: give fit validation_data or validation_split; ${advice}`;
  }
  const meant = nearestWord(name, reported);
  return `the script has no ${name}${meant === undefined ? '' : `; did you mean ${meant}?`} (${advice})`;
}

/** With several outputs Keras puts the output's name before the metric's: `val_digit_accuracy`. */
function isOfOutput(name: string, reported: string): boolean {
  const [wanted, one] = [canonicalWords(name), canonicalWords(reported)];
  const isSameSet = setOf(wanted[0] ?? '') === setOf(one[0] ?? '');
  const own = one.filter((word) => setOf(word) === undefined);
  return isSameSet && wanted.length > one.length && own.every((word, i) => wanted.at(i - own.length) === word);
}

/** Whether all words of the name stand together somewhere in the code: it may be printed, or written to a file. */
function isMentioned(name: string, words: readonly string[]): boolean {
  const wanted = canonicalWords(name);
  return words.some((text) => {
    const found = canonicalWords(text);
    // A text that is too long for a name may hold anything.
    return (found.length === 0 && text.length > 300) || wanted.every((word) => found.includes(word));
  });
}

function checkMode(name: string, mode: 'max' | 'min'): readonly Finding[] {
  const words = wordsOf(name);
  const isLower = lowerIsBetter.has(words.at(-1) ?? '') && !words.some((word) => word.startsWith('neg'));
  if (isLower && mode === 'max') {
    return [error('mode', `${name} is better when it is lower, and mode is max: set mode: min`)];
  }
  if (mode === 'min' && isShare(name) && !isLower) {
    const message = `${name} is better when it is higher, and mode is min; leave mode away`;
    return [{ severity: 'warning', key: ['metric', 'mode'], message }];
  }
  return [];
}

function checkTarget(name: string, mode: 'max' | 'min', target: number | undefined): readonly Finding[] {
  if (target === undefined || !isShare(name)) return [];
  const key = ['metric', 'target'];
  const share = normaliseMetric(name, target);
  if (share < 0 || share > 1) {
    return [error('target', `${target} is out of reach: ${name} is between 0 and 1, or 0 and 100 %`)];
  }
  if (target > 1 && target < 2) {
    return [
      { severity: 'warning', key, message: `${target} means ${target} %, which is ${Number(share.toPrecision(6))}` },
    ];
  }
  const isTrivial = mode === 'max' && share === 0;
  return isTrivial ? [{ severity: 'warning', key, message: `a target of 0 is reached by any ${name}` }] : [];
}

function error(key: 'name' | 'mode' | 'target', message: string): Finding {
  return { severity: 'error', key: ['metric', key], message };
}
