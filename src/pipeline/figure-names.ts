/** What the name of a figure says: whether it is an accuracy, and of which data. Pure. */
import { editDistance } from '../tuning/edit-distance.js';

/** Figures of held-out data say how good a model is; those of the data it was trained on say little. */
export type MeasuredData = 'held-out' | 'unnamed' | 'training';

/** A number that a training left somewhere, under a name. */
export interface Figure {
  /** Lower case with underscores, such as `val_accuracy`. */
  readonly name: string;
  /** Accuracies are between 0 and 1. NaN and infinities are kept: they say that the training diverged. */
  readonly value: number;
  readonly data: MeasuredData;
  /** How far from what is looked for, 0 being the thing itself: see {@link readName} and `printed-figures.ts`. */
  readonly rank: number;
  /** Digits behind the point that were written, of the value between 0 and 1. */
  readonly digits: number;
}

/** What a name, or the words around one, say about a number. */
export interface NameReading {
  readonly isAccuracy: boolean;
  readonly data: MeasuredData;
  /** `val`, `test`, `eval` or `training`, for a name of our own. */
  readonly set: string | undefined;
  /** The best of several, or of one class only: what is looked for is the last of all classes. */
  readonly rank: number;
  /** A wish, a limit or a difference, and no measured figure. */
  readonly isNoResult: boolean;
}

/** Ranks of accuracies; the sources add their own behind them. */
export const ranks = { plain: 0, best: 1, partial: 2 } as const;

const sets: ReadonlyMap<string, string> = new Map(
  Object.entries({
    val: ['val', 'valid', 'validation', 'validate', 'vali', 'dev', 'cv', 'crossval', 'holdout', 'heldout', 'oob'],
    test: ['test', 'tests', 'testing', 'tst', 'unseen'],
    eval: ['eval', 'evaluation', 'evaluate', 'evaluated'],
    training: ['train', 'training', 'trn'],
  }).flatMap(([set, words]) => words.map((word) => [word, set] as const)),
);

const bestWords = new Set(['best', 'max', 'maximum', 'highest', 'peak']);
const partialWords = new Set(['class', 'classes', 'label', 'balanced', 'producer', 'user', 'fold', 'batch', 'running']);

/** Words of wishes, limits, comparisons and differences, next to which a number is no result. */
const noResultWords = new Set(
  (
    'target goal threshold thresh required requirement requires require minimum min desired expected baseline chance ' +
    'than greater less least below above exceed exceeds exceeded under until if should must need needed wanted want ' +
    'aim limit cutoff dummy null old previous prev prior before initial not improved improve improvement drop gain gap ' +
    'change delta diff difference increase increased decrease decreased std stdev sd variance deviation error interval ' +
    'patience tolerance tol'
  ).split(' '),
);

/** Other figures, whose number is not that of the accuracy before them. */
const otherFigures = new Set(
  (
    'loss losses lr precision recall sensitivity specificity f f1 fscore auc roc mse rmse mae r2 kappa mcc jaccard iou ' +
    'dice perplexity time seconds duration elapsed support confidence probability error errors learning params ' +
    'parameters samples size steps'
  ).split(' '),
);

/** Nearly spelt like accuracy, and something else. */
const lookalikes = new Set(['accurate', 'actuary']);

/** No word of a name is longer; what is longer is no word. */
const longestWord = 80;

/** Lower-case words of a name: `valAcc`, `val_acc`, `val-acc` and `val/acc` are all val, acc. */
export function wordsOf(name: string): readonly string[] {
  if (name.length > longestWord * 4) return [];
  return name
    .replace(/(\p{Ll})(\p{Lu})/gu, '$1_$2')
    .toLowerCase()
    .split(/[^\p{L}\p{N}@]+/u)
    .filter((word) => word !== '');
}

/** `accuracy`, `acc`, `acc1`, and what people write when they mean it. */
export function isAccuracyWord(word: string): boolean {
  const plain = word.replace(/@?\d{1,2}$/, '');
  if (plain === 'acc' || plain === 'accuracies') return true;
  if (plain.length < 6 || plain.length > 11 || !plain.startsWith('ac') || lookalikes.has(plain)) return false;
  return editDistance(plain, 'accuracy') <= 2;
}

export function isOtherFigure(word: string): boolean {
  return otherFigures.has(word);
}

export function isNoResultWord(word: string): boolean {
  return noResultWords.has(word);
}

/** Which data a word names, if it does: `val`, `test`, `eval` or `training`. */
export function setOf(word: string): string | undefined {
  return sets.get(word);
}

export function dataOf(set: string | undefined): MeasuredData {
  if (set === undefined) return 'unnamed';
  return set === 'training' ? 'training' : 'held-out';
}

/** Reads the words of a name. The last word that names data counts: `train/val_accuracy` is of held-out data. */
export function readName(words: readonly string[]): NameReading {
  const set = words.map(setOf).findLast((found) => found !== undefined);
  return {
    isAccuracy: words.some(isAccuracyWord) && !isOtherFigure(words.at(-1) ?? ''),
    data: dataOf(set),
    set,
    rank: rankOf(words),
    isNoResult: words.some(isNoResultWord),
  };
}

/** How far the figure is from the last accuracy of all classes. */
export function rankOf(words: readonly string[]): number {
  if (words.some((word) => partialWords.has(word)) || isTopK(words)) return ranks.partial;
  return words.some((word) => bestWords.has(word)) ? ranks.best : ranks.plain;
}

/** Whether a right answer among the first k counts, k being more than 1: `top_5_accuracy`, `Acc@5`, `top-k`. */
function isTopK(words: readonly string[]): boolean {
  return words.some((word, i) => {
    if (/^acc(uracy)?@\d+$/.test(word)) return !word.endsWith('@1');
    if (word === 'top')
      return words[i + 1] !== undefined && /^(k|\d+)$/.test(words[i + 1] ?? '') && words[i + 1] !== '1';
    return /^top\d+$/.test(word) && word !== 'top1';
  });
}

/** A name of our own for an accuracy of that data. */
export function accuracyName(set: string | undefined): string {
  return set === undefined ? 'accuracy' : `${set}_accuracy`;
}

/** Whether two names mean the same: `val_acc` is `val_accuracy`, and `Test Accuracy` is `test_accuracy`. */
export function isSameName(one: string, other: string): boolean {
  return canonicalName(one) === canonicalName(other);
}

function canonicalName(name: string): string {
  return canonicalWords(name).join('_');
}

/** The words of a name, each in the one spelling that stands for all with its meaning. */
export function canonicalWords(name: string): readonly string[] {
  return wordsOf(name).map((word) => (isAccuracyWord(word) ? 'accuracy' : (setOf(word) ?? word)));
}

/** Accuracies are between 0 and 1; 93.1 stands for 93.1 %. Other metrics stay as they are. */
export function normaliseMetric(name: string, value: number): number {
  return isShare(name) && value > 1 && value <= 100 ? value / 100 : value;
}

/** Whether what has this name is a share, between 0 and 1. */
export function isShare(name: string): boolean {
  return /acc|precision|recall|f1|auc|score|iou|dice/i.test(name);
}

/** Whether a number can't be an accuracy, which is a share or a number of per cents. NaN and infinities say that a training diverged. */
export function isImpossible(value: number): boolean {
  return Number.isFinite(value) && (value < 0 || value > 100);
}
