/** Reads the accuracy from what a script prints. Pure, and linear in the length of the log. */
import { accuraciesIn, loneValue, toAccuracy, valueAt } from './accuracy-phrases.js';
import {
  accuracyName,
  type Figure,
  isAccuracyWord,
  isNoResultWord,
  isOtherFigure,
  setOf,
  wordsOf,
} from './figure-names.js';
import { followProgress } from './log-progress.js';
import { isQuoteOrBracket, isSign, type Token, tokenLines } from './log-tokens.js';

export interface PrintedFigure extends Figure {
  /** 0-based line of the cleaned log. */
  readonly line: number;
  /** Whether it is said along with an epoch or a progress bar, and so more than once. */
  readonly isProgress: boolean;
}

export interface PrintedFigures {
  /** In the order in which they were printed. */
  readonly figures: readonly PrintedFigure[];
  /** Line of the last sign that a training went on; -1 when there is none. */
  readonly lastProgress: number;
  /** Whether more epochs were to follow the last that was announced. */
  readonly isUnfinished: boolean;
}

/** Ranks of what does not say that it is an accuracy, behind those of `figure-names.ts`. */
const ranks = { list: 3, counted: 4, score: 5, bare: 6 } as const;

/** All accuracies that the log names; where it names none, what its last lines may mean. */
export function readPrintedFigures(log: string): PrintedFigures {
  const lines = tokenLines(log);
  const progress = followProgress(lines);
  const figures = lines.flatMap((tokens, line): readonly PrintedFigure[] => {
    const { isEpoch, isBar, isTraining } = progress.lines[line] ?? {};
    const found = [...accuraciesIn(tokens, () => nextLine(lines, line)), ...withoutTheWord(tokens)];
    return found.map((figure) => ({
      ...figure,
      data: figure.data === 'unnamed' && (isTraining || (isEpoch && names(tokens, 'loss'))) ? 'training' : figure.data,
      line,
      isProgress: isEpoch === true || isBar === true,
    }));
  });
  return {
    figures: figures.length > 0 ? figures : lastResort(lines),
    lastProgress: progress.last,
    isUnfinished: progress.isUnfinished,
  };
}

/** The most suitable first: of equals the last that was printed. */
export function byRank<T extends Figure>(figures: readonly T[]): readonly T[] {
  return [...figures].reverse().sort((a, b) => a.rank - b.rank);
}

/** The last number that the log gives this name, whatever it measures. */
export function findPrinted(log: string, name: string): Figure | undefined {
  const wanted = wordsOf(name).join('_');
  const named = namedNumbers(log);
  const found =
    named.findLast(({ words }) => words.join('_') === wanted) ??
    named.findLast(({ words }) => `_${words.join('_')}`.endsWith(`_${wanted}`));
  return found === undefined ? undefined : { name, value: found.value, data: 'unnamed', rank: 0, digits: found.digits };
}

/** Names before a number, as `loss: 0.3` has, in the order in which they come first. */
export function printedNames(log: string): readonly string[] {
  return [...new Set(namedNumbers(log).map(({ words }) => words.slice(-2).join('_')))];
}

interface NamedNumber {
  readonly words: readonly string[];
  readonly value: number;
  readonly digits: number;
}

/** How many words of a name count. */
const longestName = 4;

function namedNumbers(log: string): readonly NamedNumber[] {
  return tokenLines(log).flatMap((tokens) =>
    tokens.flatMap((token, i): readonly NamedNumber[] => {
      if (token.kind !== 'number') return [];
      const link = skipQuotesBack(tokens, i - 1);
      if (!isSign(tokens[link], ':', '=')) return [];
      const words: string[] = [];
      for (let j = skipQuotesBack(tokens, link - 1); words.length < longestName && tokens[j]?.kind === 'word'; j -= 1) {
        words.unshift(...wordsOf(tokens[j]?.text ?? ''));
      }
      const share = isSign(tokens[i + 1], '%') ? 100 : 1;
      return words.length === 0 ? [] : [{ words, value: token.value / share, digits: token.digits }];
    }),
  );
}

function skipQuotesBack(tokens: readonly Token[], from: number): number {
  let i = from;
  while (isQuoteOrBracket(tokens[i]) || isSign(tokens[i], '-')) i -= 1;
  return i;
}

/** Figures of lines that do not say what they are: of `evaluate`, of cross-validation, and of right answers that were counted. */
function withoutTheWord(tokens: readonly Token[]): readonly Figure[] {
  const found = lossAndAccuracy(tokens) ?? meanOfFolds(tokens) ?? countedAnswers(tokens);
  return found === undefined ? [] : [found];
}

/** `[0.1234, 0.9712]`, as `print(model.evaluate(…))` leaves it. */
function lossAndAccuracy(tokens: readonly Token[]): Figure | undefined {
  const brackets = `${tokens[0]?.text ?? ''}${tokens.at(-1)?.text ?? ''}`;
  const inside = tokens.slice(1, -1);
  if ((brackets !== '[]' && brackets !== '()') || inside.length < 3 || inside.length > 7) return undefined;
  if (!inside.every((token, i) => (i % 2 === 0 ? token.kind === 'number' : isSign(token, ',')))) return undefined;
  const [loss, , accuracy] = inside;
  if (loss === undefined || accuracy === undefined || loss.value < 0 || accuracy.value > 1) return undefined;
  if (!loss.text.includes('.') || !accuracy.text.includes('.')) return undefined;
  const { value, digits } = accuracy;
  return toAccuracy({ value, digits, isPercent: false, end: 0 }, 'accuracy', undefined, ranks.list);
}

/** `97.33% (+/- 1.20%)`: the mean over the folds, which are printed one by one before it. */
function meanOfFolds(tokens: readonly Token[]): Figure | undefined {
  const value = valueAt(tokens, 0);
  if (value?.isPercent !== true || !isSign(tokens[2], '(') || !isSign(tokens[3], '+', '±')) return undefined;
  return toAccuracy(value, 'accuracy', undefined, 0);
}

/** `9905/10000 correct`, and `9905/10000 (99%)` alone. */
function countedAnswers(tokens: readonly Token[]): Figure | undefined {
  const slash = tokens.findIndex((token) => isSign(token, '/'));
  const value = slash < 1 ? undefined : valueAt(tokens, slash - 1);
  if (value === undefined) return undefined;
  const words = tokens.filter(({ kind }) => kind === 'word').flatMap(({ text }) => wordsOf(text));
  const isCount = words.some((word) => word === 'correct' || word === 'correctly') && !words.some(isAccuracyWord);
  const isAlone = slash === 1 && isSign(tokens[3], '(') && isSign(tokens[5], '%') && value.end === tokens.length;
  if (!isCount && !isAlone) return undefined;
  const set = words.map(setOf).findLast((known) => known !== undefined);
  return toAccuracy(value, accuracyName(set), set, ranks.counted);
}

/** What the log may mean where it names no accuracy: a score, or at last a number alone at its end. */
function lastResort(lines: readonly (readonly Token[])[]): readonly PrintedFigure[] {
  // scikit-learn's score is the accuracy of a classifier; in Keras' older examples the word stands for the loss.
  const hasLoss = lines.some((tokens) => names(tokens, 'loss'));
  const scored = hasLoss ? -1 : lines.findLastIndex((tokens) => scoreIn(tokens) !== undefined);
  const score = scoreIn(lines[scored] ?? []);
  if (score !== undefined) return [{ ...score, line: scored, isProgress: false }];
  const line = lines.findLastIndex((tokens) => tokens.length > 0);
  const value = loneValue(lines[line] ?? [], false);
  const figure = value === undefined ? undefined : toAccuracy(value, 'accuracy', undefined, ranks.bare);
  return figure === undefined ? [] : [{ ...figure, line, isProgress: false }];
}

function scoreIn(tokens: readonly Token[]): Figure | undefined {
  const i = tokens.findIndex(({ text }) => text.toLowerCase() === 'score');
  const words = tokens.slice(0, Math.max(0, i)).flatMap(({ text }) => wordsOf(text));
  if (i < 0 || words.some(isOtherFigure) || words.some(isNoResultWord)) return undefined;
  const value = isSign(tokens[i + 1], ':', '=') ? valueAt(tokens, i + 2) : undefined;
  if (value === undefined || (value.value > 1 && !value.isPercent)) return undefined;
  const set = words.map(setOf).findLast((known) => known !== undefined);
  return toAccuracy(value, 'score', set, ranks.score);
}

function nextLine(lines: readonly (readonly Token[])[], line: number): readonly Token[] {
  return lines.slice(line + 1, line + 4).find((tokens) => tokens.length > 0) ?? [];
}

function names(tokens: readonly Token[], wanted: string): boolean {
  return tokens.some(({ kind, text }) => kind === 'word' && wordsOf(text).includes(wanted));
}
