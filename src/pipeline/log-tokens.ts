/** Cuts what a script printed into lines, words, numbers and signs. Pure, and linear in the length of the text. */

export interface Token {
  readonly kind: 'word' | 'number' | 'sign';
  readonly text: string;
  /** For numbers; NaN and infinities for `nan` and `inf`. */
  readonly value: number;
  /** Digits behind the point, for numbers. */
  readonly digits: number;
  /** Whether white space, or nothing, stands before it. */
  readonly spaced: boolean;
}

/** Of a longer line only the end is read. */
const longestLine = 20_000;

/**
 * The log as a terminal would have left it: escape sequences and backspaces removed, and a line for each time that
 * Keras redrew its progress bar.
 */
export function cleanLog(log: string): string {
  return (
    log
      // biome-ignore lint/suspicious/noControlCharactersInRegex: terminal escape sequences start with one
      .replace(/\u001b\[[0-9;?]*[A-Za-z]/g, '')
      .replace(/\r|[\b]+/g, '\n')
  );
}

/** The tokens of each line of a log. */
export function tokenLines(log: string): readonly (readonly Token[])[] {
  return cleanLog(log)
    .split('\n')
    .map((line) => tokensOf(line.slice(-longestLine)));
}

/** `%d` and `%.2f` (left over where a script forgot to format), words, numbers, and single signs. */
const lexeme =
  /(%\.?\d*l?[dfgs](?![\p{L}\p{N}%]))|([\p{L}_][\p{L}\p{M}\p{N}_@-]*)|((?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)|(\S)/gu;

const notFinite: ReadonlyMap<string, number> = new Map([
  ['nan', Number.NaN],
  ['inf', Number.POSITIVE_INFINITY],
  ['infinity', Number.POSITIVE_INFINITY],
]);

export function tokensOf(line: string): readonly Token[] {
  const tokens: Token[] = [];
  for (const match of line.matchAll(lexeme)) {
    const [text, format, word, number] = match;
    if (format !== undefined) continue;
    const from = match.index;
    const spaced = from === 0 || /\s/.test(line[from - 1] ?? '');
    const special = word === undefined ? undefined : notFinite.get(word.toLowerCase());
    if (special !== undefined) {
      tokens.push({ kind: 'number', text, value: special, digits: 0, spaced });
    } else if (number === undefined) {
      tokens.push({ kind: word === undefined ? 'sign' : 'word', text, value: Number.NaN, digits: 0, spaced });
    } else {
      tokens.push(numberToken(line, from, text, spaced));
    }
  }
  return unwrapped(tokens);
}

/** A number, or a word where its digits belong to a file's name, a date, a version, a unit or a grouped number. */
function numberToken(line: string, from: number, text: string, spaced: boolean): Token {
  const to = from + text.length;
  const before = line.slice(Math.max(0, from - 2), from);
  const after = line.slice(to, to + 5);
  const isPart =
    /[\p{L}\p{N}_]$|\p{N}[-:.]$|[\p{L}_][/\\]$/u.test(before) ||
    /^[\p{L}_]|^[.:-]\p{N}|^\.\p{L}/u.test(after) ||
    (/^\d{1,3}$/.test(text) && /^,\d{3}(\D|$)/.test(after));
  if (isPart) return { kind: 'word', text, value: Number.NaN, digits: 0, spaced };
  const value = before.endsWith('-') ? -Number(text) : Number(text);
  return { kind: 'number', text, value, digits: digitsBehindPoint(text), spaced };
}

/** Digits behind the point of a number as it is written: 4 for `0.9712`, 3 for `97.1e-2`. */
export function digitsBehindPoint(written: string): number {
  const [mantissa = '', exponent] = written.toLowerCase().split('e');
  const behind = mantissa.split('.')[1]?.length ?? 0;
  return Math.max(0, behind - Number(exponent ?? 0));
}

const wrappers = new Set('tensor eagertensor array float float16 float32 float64'.split(' '));
const modules = new Set('tf np numpy torch jnp'.split(' '));
/** In how many tokens a wrapper has to end. */
const longestWrapper = 40;

/** `tensor(0.98)`, `np.float64(0.98)`, `tf.Tensor(0.98, shape=(), …)` and `<tf.Tensor: …, numpy=0.98>` are 0.98. */
function unwrapped(tokens: readonly Token[]): readonly Token[] {
  const plain: Token[] = [];
  for (let i = 0; i < tokens.length; i += 1) {
    const token = tokens[i];
    if (token === undefined) break;
    const wrapped =
      modules.has(token.text) && isSign(tokens[i + 1], '.') ? wrappedAt(tokens, i + 2) : wrappedAt(tokens, i);
    plain.push(wrapped?.number ?? token);
    i = wrapped?.last ?? i;
  }
  return plain;
}

function wrappedAt(tokens: readonly Token[], i: number): { readonly number: Token; readonly last: number } | undefined {
  const text = tokens[i]?.text.toLowerCase() ?? '';
  if (text === '<') return represented(tokens, i);
  if (!wrappers.has(text) || !isSign(tokens[i + 1], '(')) return undefined;
  const isList = isSign(tokens[i + 2], '[');
  const at = isList ? i + 3 : i + 2;
  const number = tokens[at];
  const behind = isList && isSign(tokens[at + 1], ']') ? at + 2 : at + 1;
  const isAlone = isSign(tokens[behind], ')') || (isSign(tokens[behind], ',') && tokens[behind + 1]?.kind === 'word');
  const last = closing(tokens, i + 1);
  return number?.kind === 'number' && isAlone && last !== undefined ? { number, last } : undefined;
}

function represented(tokens: readonly Token[], from: number) {
  for (let i = from + 1; i < Math.min(tokens.length, from + longestWrapper); i += 1) {
    const number = tokens[i + 2];
    if (tokens[i]?.text === 'numpy' && isSign(tokens[i + 1], '=') && number?.kind === 'number') {
      return { number, last: isSign(tokens[i + 3], '>') ? i + 3 : i + 2 };
    }
  }
  return undefined;
}

/** The bracket that closes the one at `from`. */
export function closing(tokens: readonly Token[], from: number): number | undefined {
  let depth = 0;
  for (let i = from; i < Math.min(tokens.length, from + longestWrapper); i += 1) {
    if (isSign(tokens[i], '(')) depth += 1;
    if (isSign(tokens[i], ')')) depth -= 1;
    if (depth === 0) return i;
  }
  return undefined;
}

export function isSign(token: Token | undefined, ...texts: readonly string[]): boolean {
  return token?.kind === 'sign' && texts.includes(token.text);
}

export function isQuoteOrBracket(token: Token | undefined): boolean {
  return isSign(token, '"', "'", '`', '(', ')', '[', ']', '{', '}');
}

export function isWord(token: Token | undefined, words: ReadonlySet<string>): boolean {
  return token?.kind === 'word' && words.has(token.text.toLowerCase());
}
