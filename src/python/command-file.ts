/** `arguments:` and `variables:` of `.pushtune.yml`: read with their places, and written. */
import { isAlias, isMap, isScalar, isSeq, type Node, type Pair, parseDocument, type Scalar, type YAMLMap } from 'yaml';
import type { ParameterValue } from '../tuning/space.js';
import type { LiteralPlace, ProjectFiles, ScriptCommand } from './inspection.js';
import { formatYaml } from './parameter-files.js';
import { decodeText, type Replacement } from './text.js';

/** The file in which the command line of a repository's script is kept. */
export const commandFile = '.pushtune.yml';

/** Variables that the container's own machinery, the shell or the dynamic linker reads. */
const RESERVED_NAMES = ['PATH', 'HOME', 'PYTHONPATH', 'PYTHONHOME'];
const RESERVED_PREFIXES = ['PUSHTUNE_', 'LD_'];

/** Whether `.pushtune.yml` may set an environment variable of this name. */
export function isSettableVariable(name: string): boolean {
  const isName = /^[A-Za-z_][A-Za-z0-9_]*$/.test(name);
  const reserved = RESERVED_NAMES.includes(name) || RESERVED_PREFIXES.some((prefix) => name.startsWith(prefix));
  return isName && !reserved;
}

/** One word of the command line, or the value of a variable. */
export interface CommandText {
  /** What the script gets: the characters as they are written, so `1.0` stays `1.0`. */
  readonly text: string;
  /** Where it stands, without the quotes' meaning resolved; undefined when it cannot be edited there (an alias, several lines). */
  readonly place: Pick<LiteralPlace, 'from' | 'to' | 'written'> | undefined;
}

export interface CommandFile {
  readonly arguments: readonly CommandText[];
  readonly variables: ReadonlyMap<string, CommandText>;
}

/** The command line that `.pushtune.yml` names; empty where it names none or can't be read. */
export function readCommandFile(files: ProjectFiles): CommandFile {
  const { text } = decodeText(files.get(commandFile) ?? new Uint8Array());
  const document = parseDocument(text);
  const variables = new Map<string, CommandText>();
  const read = (node: unknown): CommandText | undefined => readText(text, document, node);
  const list = nodeAt(document.contents, 'arguments');
  const map = nodeAt(document.contents, 'variables');
  if (document.errors.length > 0) {
    return { arguments: [], variables };
  }
  for (const pair of isMap(map) ? map.items : []) {
    const value = read(pair.value);
    if (isScalar(pair.key) && value !== undefined) {
      variables.set(String(pair.key.value), value);
    }
  }
  return { arguments: isSeq(list) ? list.items.map(read).filter((item) => item !== undefined) : [], variables };

  function nodeAt(contents: Node | null, key: string): unknown {
    const value: unknown = isMap(contents) ? contents.get(key, true) : undefined;
    return isAlias(value) ? value.resolve(document) : value;
  }
}

function readText(text: string, document: ReturnType<typeof parseDocument>, node: unknown): CommandText | undefined {
  const scalar: unknown = isAlias(node) ? node.resolve(document) : node;
  if (!isScalar(scalar)) {
    return undefined;
  }
  const content = typeof scalar.value === 'string' ? scalar.value : (scalar.source ?? String(scalar.value));
  return { text: content, place: placeOf(text, scalar) };
}

/** What an alias stands for has an anchor, so that neither of them is edited. */
function placeOf(text: string, scalar: Scalar): CommandText['place'] {
  const { range, anchor, tag, type } = scalar;
  const isInline = type === 'PLAIN' || type === 'QUOTE_DOUBLE' || type === 'QUOTE_SINGLE';
  if (range === undefined || range === null || !isInline || anchor !== undefined || tag !== undefined) {
    return undefined;
  }
  const written = text.slice(range[0], range[1]);
  return written.includes('\n') ? undefined : { from: range[0], to: range[1], written };
}

/**
 * A value as a word of the command line, and as YAML in the style of `written`: its quotes, its exponent, its point.
 *
 * @returns undefined for a value that is no word, such as a list
 */
export function formatWord(
  value: ParameterValue,
  written: string,
): { readonly text: string; readonly yaml: string } | undefined {
  if (typeof value !== 'number' && typeof value !== 'string') {
    return undefined;
  }
  const text = typeof value === 'number' ? formatYaml(value, scalarText(written)) : value;
  if (written.startsWith("'")) {
    return { text, yaml: `'${text.replaceAll("'", "''")}'` };
  }
  return { text, yaml: written.startsWith('"') ? JSON.stringify(text) : plainOrQuoted(text) };
}

/** The text that a scalar written so stands for. */
export function scalarText(written: string): string {
  const node = parseDocument(written).contents;
  return isScalar(node) && typeof node.value === 'string' ? node.value : written;
}

/** Plain where YAML reads the same text back, in a list in brackets too. */
function plainOrQuoted(text: string): string {
  const document = parseDocument(`[${text}]`);
  const list = document.contents;
  const only: unknown = isSeq(list) && list.items.length === 1 ? list.items[0] : undefined;
  const isSame =
    document.errors.length === 0 &&
    isScalar(only) &&
    only.type === 'PLAIN' &&
    only.source === text &&
    (typeof only.value === 'string' || typeof only.value === 'number');
  return isSame ? text : JSON.stringify(text);
}

/**
 * What has to be inserted into `.pushtune.yml` so that the added arguments follow those that it names, and the added
 * variables stand beside its own. Empty text stands for a file that does not exist yet.
 *
 * @returns undefined when the file's layout leaves no place for them
 */
export function insertions(text: string, added: ScriptCommand): readonly Replacement[] | undefined {
  const { contents } = parseDocument(text);
  const root = isMap(contents) ? contents : undefined;
  if (contents !== null && root === undefined) {
    return undefined;
  }
  const words = added.arguments.map(plainOrQuoted);
  const pairs = Object.entries(added.variables).map(([name, value]) => `${name}: ${plainOrQuoted(value)}`);
  const result: Replacement[] = [];
  const newKeys: string[] = [];
  for (const { key, items, open, close } of [
    { key: 'arguments', items: words, open: '[', close: ']' },
    { key: 'variables', items: pairs, open: '{', close: '}' },
  ]) {
    if (items.length === 0) {
      continue;
    }
    const existing: unknown = root?.get(key, true);
    if (existing === undefined) {
      newKeys.push(`${key}: ${open}${items.join(', ')}${close}`);
      continue;
    }
    if (!isSeq(existing) && !isMap(existing)) {
      return undefined;
    }
    const insertion = existing.flow === true ? intoFlow(existing, items) : intoBlock(text, existing, items);
    if (insertion === undefined) {
      return undefined;
    }
    result.push(insertion);
  }
  if (newKeys.length > 0) {
    const insertion = root?.flow === true ? intoFlow(root, newKeys) : atEnd(text, root, newKeys);
    if (insertion === undefined) {
      return undefined;
    }
    result.push(insertion);
  }
  return result;
}

type Collection = Pick<YAMLMap, 'range'> & { readonly items: readonly unknown[] };

/** Behind the last item: `[a, b` + `, c` + `]`. */
function intoFlow(collection: Collection, items: readonly string[]): Replacement | undefined {
  const start = collection.range?.[0];
  if (start === undefined) {
    return undefined;
  }
  if (collection.items.length === 0) {
    return { from: start + 1, to: start + 1, text: items.join(', ') };
  }
  const end = endOf(collection.items.at(-1));
  return end === undefined ? undefined : { from: end, to: end, text: `, ${items.join(', ')}` };
}

/** Lines of their own below the last item, indented as the first. */
function intoBlock(text: string, collection: Collection, items: readonly string[]): Replacement | undefined {
  const start = collection.range?.[0];
  const end = endOf(collection.items.at(-1));
  if (start === undefined || end === undefined) {
    return undefined;
  }
  const newline = newlineOf(text);
  const indentation = indentationAt(text, start);
  const dash = text.charAt(start) === '-' ? '- ' : '';
  const lineEnd = text.indexOf('\n', end);
  const at = lineEnd === -1 ? text.length : text.charAt(lineEnd - 1) === '\r' ? lineEnd - 1 : lineEnd;
  return { from: at, to: at, text: items.map((item) => `${newline}${indentation}${dash}${item}`).join('') };
}

function atEnd(text: string, root: Collection | undefined, lines: readonly string[]): Replacement {
  const newline = newlineOf(text);
  const start = root?.range?.[0];
  const indentation = start === undefined ? '' : indentationAt(text, start);
  const before = text === '' || text.endsWith('\n') ? '' : newline;
  const added = lines.map((line) => `${indentation}${line}${newline}`).join('');
  return { from: text.length, to: text.length, text: `${before}${added}` };
}

function endOf(item: unknown): number | undefined {
  const node = isScalar(item) || isAlias(item) ? item : (item as Pair | undefined)?.value;
  return isScalar(node) || isAlias(node) || isMap(node) || isSeq(node) ? (node.range?.[1] ?? undefined) : undefined;
}

function newlineOf(text: string): string {
  return text.includes('\r\n') ? '\r\n' : '\n';
}

function indentationAt(text: string, offset: number): string {
  const line = text.slice(text.lastIndexOf('\n', offset - 1) + 1, offset);
  return line.trim() === '' ? line : '';
}

/** Why an edited `.pushtune.yml` does not say exactly what it should; undefined when it does. */
export function commandProblem(before: ProjectFiles, after: ProjectFiles, intended: ScriptCommand): string | undefined {
  const document = parseDocument(textIn(after));
  if (document.errors.length > 0) {
    return `it would no longer be YAML (${document.errors[0]?.message.split('\n')[0] ?? ''})`;
  }
  const { arguments: words, variables } = readCommandFile(after);
  if (JSON.stringify(words.map(({ text }) => text)) !== JSON.stringify(intended.arguments)) {
    return 'its arguments would be other ones';
  }
  const found = [...variables].map(([name, { text }]) => [name, text]).sort();
  if (JSON.stringify(found) !== JSON.stringify(Object.entries(intended.variables).sort())) {
    return 'its variables would be other ones';
  }
  return JSON.stringify(others(before)) === JSON.stringify(others(after)) ? undefined : 'another key would change';
}

function others(files: ProjectFiles): unknown {
  const data: unknown = parseDocument(textIn(files)).toJS() ?? {};
  return data !== null && typeof data === 'object' && !Array.isArray(data)
    ? { ...data, arguments: undefined, variables: undefined }
    : data;
}

function textIn(files: ProjectFiles): string {
  return decodeText(files.get(commandFile) ?? new Uint8Array()).text;
}
