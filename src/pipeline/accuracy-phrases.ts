/**
 * Finds accuracies in a line that a script printed. Pure, and linear in the length of the line.
 *
 * People write an accuracy in many forms; all of them are a phrase with the word in it and a number behind (or, in
 * `96 % accuracy`, before) it. From the word the tokens are followed over the words of the phrase and over links such as
 * `:` and `is`, up to a number that is linked or looks like an accuracy, or to something that ends the phrase.
 */
import {
  accuracyName,
  dataOf,
  type Figure,
  isAccuracyWord,
  isImpossible,
  isNoResultWord,
  isOtherFigure,
  rankOf,
  setOf,
  wordsOf,
} from './figure-names.js';
import { closing, isQuoteOrBracket, isSign, isWord, type Token } from './log-tokens.js';

/** A number, and what its writing says of it. */
export interface WrittenValue {
  readonly value: number;
  readonly digits: number;
  readonly isPercent: boolean;
  /** The token behind it. */
  readonly end: number;
}

/** What the words of a line say so far about the accuracy that comes. */
interface Context {
  readonly set: string | undefined;
  readonly rank: number;
  readonly isNoResult: boolean;
}

/** Where a phrase leads: to its number, to the end of the line without one, or nowhere. */
type PhraseEnd =
  /** `accuracy: 0.9` and `accuracy is 0.9` leave no doubt; `accuracy 0.9` leaves some. */
  | { readonly kind: 'value'; readonly value: WrittenValue; readonly isSure: boolean; readonly context: Context }
  | { readonly kind: 'open'; readonly isSure: boolean; readonly context: Context }
  | { readonly kind: 'none' };

/** How many tokens may stand between an accuracy and its number. */
const longestPhrase = 24;

const nothingSaid: Context = { set: undefined, rank: 0, isNoResult: false };

/**
 * The accuracies that a line names, each with its number.
 *
 * @param following the tokens of the next line that is not empty, where a phrase at the end of this one may go on
 */
export function accuraciesIn(
  tokens: readonly Token[],
  following: () => readonly Token[] = () => [],
): readonly Figure[] {
  const found: Figure[] = [];
  let context = nothingSaid;
  for (let i = 0; i < tokens.length; i += 1) {
    const token = tokens[i];
    if (token?.kind === 'sign') context = afterSign(tokens, i, context);
    // `min_delta=0.01 accuracy=0.9`: what was said was of another figure.
    if (token?.kind === 'number' && isSign(tokens[i - 1], ':', '=')) context = { ...nothingSaid, set: context.set };
    if (token?.kind !== 'word') continue;
    const words = wordsOf(token.text);
    context = afterWord(tokens, i, words, context);
    if (!words.some(isAccuracyWord) || isOtherFigure(words.at(-1) ?? '')) continue;
    const phrase = followPhrase(tokens, i, context, following);
    if (phrase === undefined) continue;
    const { set, rank, isNoResult } = phrase.context;
    const name = words.length > 1 ? words.join('_') : accuracyName(set);
    const figure = isNoResult ? undefined : toAccuracy(phrase.value, name, set, rank);
    if (figure !== undefined) found.push(figure);
    // The number ends the phrase; which data it is of may hold for the next: `val Loss: 0.2 Acc: 0.9`.
    context = { ...nothingSaid, set: context.set };
    i = Math.max(i, phrase.value.end - 1);
  }
  return found;
}

/** The accuracy that a number stands for, if it can be one. */
export function toAccuracy(
  written: WrittenValue,
  name: string,
  set: string | undefined,
  rank: number,
): Figure | undefined {
  const { value, isPercent, digits } = written;
  const data = dataOf(set);
  if (!Number.isFinite(value)) return { name, value, data, rank, digits };
  if (isImpossible(value)) return undefined;
  // `0.98 %` is a share that somebody put a percent sign behind: no network that learns at all is right so seldom.
  const isShare = value < 1 || (value === 1 && !isPercent);
  return { name, value: isShare ? value : value / 100, data, rank, digits: isShare ? digits : digits + 2 };
}

/** Sentences end everything that was said; commas and bars only what concerned one figure. */
function afterSign(tokens: readonly Token[], i: number, context: Context): Context {
  const isFullStop = isSign(tokens[i], '.') && tokens[i + 1]?.spaced !== false;
  if (isFullStop || isSign(tokens[i], ';', '!', '?')) return nothingSaid;
  return isSign(tokens[i], ',', '|', '│') ? { ...nothingSaid, set: context.set } : context;
}

/** Words that say that a training is over or how long it took, and do not name the data of a figure. */
const asides = new Set(
  'finished finish complete completed done ended over took time is was for with samples'.split(' '),
);

function afterWord(tokens: readonly Token[], i: number, words: readonly string[], context: Context): Context {
  const set = words.map(setOf).findLast((known) => known !== undefined);
  const isAside = set === 'training' && (isWord(tokens[i + 1], asides) || isWord(tokens[i - 1], new Set(['after'])));
  return {
    set: isAside ? context.set : (set ?? context.set),
    rank: Math.max(context.rank, rankOf([...words, tokens[i + 1]?.text ?? ''].slice(0, Math.max(2, words.length)))),
    isNoResult: context.isNoResult || words.some(isNoResultWord),
  };
}

/** The number of the accuracy at `i`: behind it, in the line that follows, or before it. */
function followPhrase(
  tokens: readonly Token[],
  i: number,
  context: Context,
  following: () => readonly Token[],
): { readonly value: WrittenValue; readonly context: Context } | undefined {
  const behind = phraseBehind(tokens, i, context);
  if (behind.kind === 'value' && behind.isSure) return behind;
  const before = valueBefore(tokens, i);
  // `Reached 90% accuracy so cancelling training` tells of a limit.
  if (before !== undefined && tokens.some(({ text }) => /^(cancel|stop|abort)/i.test(text))) return undefined;
  if (before !== undefined && (before.isPercent || behind.kind !== 'value')) return { value: before, context };
  if (behind.kind === 'value') return behind;
  if (behind.kind === 'none') return undefined;
  const value = loneValue(following(), behind.isSure);
  return value === undefined ? undefined : { value: { ...value, end: tokens.length }, context: behind.context };
}

const strongLinks = new Set('is was are equals equal reached achieved got'.split(' '));
const weakLinks = new Set('of at to about around approximately approx nearly only now a an the score value'.split(' '));

function phraseBehind(tokens: readonly Token[], from: number, context: Context): PhraseEnd {
  // The number right behind the accuracy belongs to it; behind another word it takes a link to make it so.
  let link: 'strong' | 'weak' | 'none' = 'weak';
  let said = context;
  // `accuracy 97`, unless a number follows that is linked better: `accuracy of 5 classes: 0.9`
  let doubtful: WrittenValue | undefined;
  const words: string[] = [];

  function ended(): PhraseEnd {
    return doubtful === undefined ? { kind: 'none' } : found(doubtful, false);
  }
  function found(value: WrittenValue, isSure: boolean): PhraseEnd {
    const isPart = namesPart(tokens[from + 1], words);
    return { kind: 'value', value, isSure, context: isPart ? { ...said, rank: partialRank } : said };
  }

  for (let i = from + 1; i < tokens.length; i += 1) {
    const token = tokens[i];
    if (token === undefined || i > from + longestPhrase) return ended();
    if (isSign(token, ':', '=')) link = 'strong';
    else if (isSign(token, '[') && link !== 'none') {
      const value = lastOfList(tokens, i);
      return value === undefined ? ended() : found(value, link === 'strong');
    } else if (token.kind === 'sign') {
      if (compares(tokens, i)) return { kind: 'none' };
      if (endsPhrase(tokens, i, from, link === 'strong')) return ended();
    } else if (token.kind === 'word') {
      const parts = wordsOf(token.text);
      if (parts.some(isOtherFigure) || parts.some(isAccuracyWord)) return ended();
      if (parts.some(isNoResultWord)) return { kind: 'none' };
      if (isWord(token, strongLinks)) link = 'strong';
      else if (!isWord(token, weakLinks)) {
        words.push(...parts);
        link = 'none';
      }
      said = afterWord(tokens, i, parts, said);
    } else {
      const value = valueAt(tokens, i);
      // `Accuracy for C=5: 0.97`: a number with a link behind it is a label.
      const isLabel = value === undefined || isSign(tokens[value.end], ':', '=');
      const isLikely = value?.isPercent === true || (token.text.includes('.') && token.value <= 1);
      if (!isLabel && (link === 'strong' || isLikely)) return found(value, link === 'strong');
      // `Accuracy Model 97.3`
      const endsLine = value?.end === tokens.length && value.digits > 0 && words.every((word) => wholeWords.has(word));
      if (!isLabel && (link === 'weak' || endsLine)) doubtful ??= value;
      link = 'none';
    }
  }
  return doubtful === undefined
    ? { kind: 'open', isSure: link === 'strong' || words.length === 0, context: said }
    : ended();
}

/** Words that name the whole of what is measured; another one behind `accuracy of` names a part of it: `of cats`. */
const wholeWords = new Set(
  (
    'network net model models neural nn cnn classifier classification overall data dataset set images image samples ' +
    'examples prediction predictions percentage rate algorithm regression forest tree svm knn bayes machine final mean ' +
    'average score total'
  ).split(' '),
);
const partialRank = rankOf(['class']);

const partLinks = new Set(['of', 'for']);

/** `Accuracy of plane : 72 %` is of one class. */
function namesPart(next: Token | undefined, words: readonly string[]): boolean {
  if (!isWord(next, partLinks)) return false;
  const named = words.filter((word) => !partLinks.has(word));
  return named.length > 0 && !named.some((word) => wholeWords.has(word) || setOf(word) !== undefined);
}

function endsPhrase(tokens: readonly Token[], i: number, from: number, isLinked: boolean): boolean {
  const next = tokens[i + 1];
  if (isSign(tokens[i], ';', '!', '?', '/')) return true;
  // `Acc.: 0.9` and `accuracy ..... 0.9`
  if (isSign(tokens[i], '.')) return i > from + 1 && !isSign(tokens[i - 1], '.');
  // `('Test accuracy:', 0.98)` and `accuracy,0.98`, but not `98% accuracy, 0.2 loss`
  if (isSign(tokens[i], ',')) {
    return next?.kind !== 'number' || !(isLinked || isQuoteOrBracket(tokens[i - 1]) || !next.spaced);
  }
  // `| accuracy | 0.98 |`, `accuracy - 0.98`, but not `accuracy: … - loss: 0.2`
  return isSign(tokens[i], '|', '│', '┃', '-', '–', '—') && next?.kind !== 'number' && !isSign(next, '-', '>');
}

/** `accuracy > 0.9` is a condition; `accuracy -> 0.9` is none. */
function compares(tokens: readonly Token[], i: number): boolean {
  return isSign(tokens[i], '<', '≤', '≥') || (isSign(tokens[i], '>') && !isSign(tokens[i - 1], '-', '=', '>'));
}

/** A number with what belongs to it: `96 %`, `96 percent`, `%96`, `9905/10000 (99%)`. */
export function valueAt(tokens: readonly Token[], i: number): WrittenValue | undefined {
  const token = tokens[i];
  if (token?.kind !== 'number') return undefined;
  const { value, digits } = token;
  if (isSign(tokens[i + 1], '/')) {
    const whole = tokens[i + 2];
    const isShare = whole?.kind === 'number' && whole.value > 0 && value <= whole.value;
    if (!isShare || digits > 0 || whole.digits > 0) return undefined;
    const last = isSign(tokens[i + 3], '(') ? (closing(tokens, i + 3) ?? i + 2) : i + 2;
    return { value: value / whole.value, digits: 6, isPercent: false, end: last + 1 };
  }
  const unit = percentBehind(tokens, i);
  return { value, digits, isPercent: unit > 0 || isSign(tokens[i - 1], '%'), end: i + 1 + unit };
}

const percentWords = new Set(['percent', 'pct', 'percentage']);

/** How many tokens say per cent behind the number at `i`: 0 when none do. */
function percentBehind(tokens: readonly Token[], i: number): number {
  // Python 2 prints `('Accuracy', 96.0, '%')`.
  let next = i + 1;
  while (next < i + 4 && (isSign(tokens[next], ',') || isQuoteOrBracket(tokens[next]))) next += 1;
  if (isSign(tokens[next], '%')) return next - i;
  return isWord(tokens[i + 1], percentWords) ? 1 : 0;
}

/** The last number of a list: of a history the last epoch counts. */
function lastOfList(tokens: readonly Token[], from: number): WrittenValue | undefined {
  let last: WrittenValue | undefined;
  for (let i = from + 1; i < tokens.length && !isSign(tokens[i], ']'); i += 1) last = valueAt(tokens, i) ?? last;
  return last;
}

const betweenNumberAndAccuracy = new Set(
  'overall classification test testing validation val training train mean average percent pct'.split(' '),
);

/** `96 % accuracy`, `96.1% test accuracy`, `0.96 accuracy`: a number that belongs to no other name. */
function valueBefore(tokens: readonly Token[], i: number): WrittenValue | undefined {
  let at = i - 1;
  while (isWord(tokens[at], betweenNumberAndAccuracy) || isSign(tokens[at], '%')) at -= 1;
  const value = valueAt(tokens, at);
  if (value === undefined || isSign(tokens[at - 1], ':', '=', '/')) return undefined;
  const isLikely = value.isPercent || (value.digits > 0 && value.value <= 1);
  return isLikely ? { ...value, end: i + 1 } : undefined;
}

/**
 * A number that is all of its line.
 *
 * @param isAnnounced whether something said that it comes: else 0 and 1 are too common to be an accuracy
 */
export function loneValue(tokens: readonly Token[], isAnnounced: boolean): WrittenValue | undefined {
  const value = valueAt(tokens, 0);
  if (value === undefined || value.end < tokens.length || isImpossible(value.value)) return undefined;
  const isTooPlain = /^[01]$/.test(tokens[0]?.text ?? '') && !value.isPercent && value.end === 1;
  return isTooPlain && !isAnnounced ? undefined : value;
}
