/** Which lines of a log tell of a training that goes on, and how far it came. Pure. */
import { isSign, isWord, type Token } from './log-tokens.js';

export interface LineProgress {
  /** The line tells of an epoch or a step. */
  readonly isEpoch: boolean;
  /** The line is a progress bar of Keras. */
  readonly isBar: boolean;
  /** The bar is that of a training, whose unnamed accuracy is of the training data; else it is that of an evaluation. */
  readonly isTraining: boolean;
}

export interface LogProgress {
  readonly lines: readonly LineProgress[];
  /** The last line of a training that went on: `Epoch 3/10`, or its progress bar; -1 when there is none. */
  readonly last: number;
  /** Whether more epochs were to follow the last that was announced: `Epoch 3/10`. */
  readonly isUnfinished: boolean;
}

const nothing: LineProgress = { isEpoch: false, isBar: false, isTraining: false };
const epochWords = new Set('epoch epochs ep iteration iter step'.split(' '));

/**
 * Tells the progress bars of `fit` from those of `evaluate`, which look alike: after `Epoch 3/10` they are of the
 * training, until one comes that has another number of steps or begins anew.
 */
export function followProgress(lines: readonly (readonly Token[])[]): LogProgress {
  let steps: string | undefined;
  let isComplete = false;
  let isTraining = false;
  let last = -1;
  let isUnfinished = false;
  const found = lines.map((tokens, line) => {
    const epoch = epochOf(tokens);
    if (epoch !== undefined) {
      last = line;
      isUnfinished = epoch.of !== undefined && epoch.number < epoch.of;
      isTraining = true;
      steps = undefined;
      isComplete = false;
      return { isEpoch: true, isBar: false, isTraining: false };
    }
    const bar = barOf(tokens);
    if (bar === undefined) return { ...nothing, isEpoch: saysEpoch(tokens) };
    if (bar.of !== 'Unknown') {
      steps ??= bar.of;
      if (bar.of !== steps || (isComplete && bar.done !== bar.of)) isTraining = false;
    }
    isComplete ||= bar.done === bar.of;
    if (isTraining) last = line;
    return { isEpoch: false, isBar: true, isTraining };
  });
  return { lines: found, last, isUnfinished };
}

/** `Epoch 3/10`, `Epoch [3/10]`, `Train Epoch: 3`. */
function epochOf(tokens: readonly Token[]): { readonly number: number; readonly of: number | undefined } | undefined {
  const i = tokens.slice(0, 2).findIndex(({ text }) => text.toLowerCase() === 'epoch');
  if (i < 0) return undefined;
  let j = i + 1;
  while (isSign(tokens[j], ':', '[', '(', '=', '#')) j += 1;
  const number = tokens[j]?.text ?? '';
  if (!/^\d+$/.test(number)) return undefined;
  const of = isSign(tokens[j + 1], '/') ? Number(tokens[j + 2]?.text) : Number.NaN;
  return { number: Number(number), of: Number.isNaN(of) ? undefined : of };
}

function saysEpoch(tokens: readonly Token[]): boolean {
  return tokens.some(
    (token, i) =>
      isWord(token, epochWords) && [tokens[i + 1], tokens[i + 2]].some((next) => /^\d+$/.test(next?.text ?? '')),
  );
}

/** `1875/1875 ━━━━ 5s 3ms/step - loss: 0.05`, `60000/60000 [====] - 5s 83us/sample`, `1875/1875 - 5s -`, ` - 5s - loss: 0.05`. */
function barOf(tokens: readonly Token[]): { readonly done: string; readonly of: string } | undefined {
  const [done, slash, of, ...rest] = tokens;
  if (isSign(done, '-') && isSeconds(tokens, 1)) return { done: '', of: '' };
  if (done === undefined || of === undefined || !isSign(slash, '/')) return undefined;
  if (!/^\d+$/.test(done.text) || !/^(\d+|Unknown)$/.test(of.text)) return undefined;
  const isBar = isSign(rest[0], '━') || (isSign(rest[0], '[') && isSign(rest[1], '=', '>', '.'));
  return isBar || (isSign(rest[0], '-') && isSeconds(rest, 1)) ? { done: done.text, of: of.text } : undefined;
}

function isSeconds(tokens: readonly Token[], i: number): boolean {
  return /^\d+$/.test(tokens[i]?.text ?? '') && tokens[i + 1]?.text === 's';
}
