import {
  type Document,
  isMap,
  isScalar,
  isSeq,
  type Node,
  parseDocument,
  type Scalar,
  visit,
  type YAMLSeq,
} from 'yaml';
import type { ParameterValue } from '../tuning/space.js';
import type { LiteralPlace, ProjectFiles } from './inspection.js';
import { jsonAt, parseJsonWithPositions } from './json-positions.js';
import { isFloatSpelling, readNumber } from './literals.js';
import { decodeText } from './text.js';

export type ParameterPath = readonly (string | number)[];

export interface ParameterFileEntry {
  readonly value: ParameterValue;
  readonly place: LiteralPlace;
}

/** What stands at a path of a YAML or JSON file: a value, a group of further keys, or nothing. */
export function readParameter(
  files: ProjectFiles,
  file: string,
  path: ParameterPath,
): ParameterFileEntry | 'group' | undefined {
  const bytes = files.get(file);
  if (bytes === undefined) {
    return undefined;
  }
  const { text } = decodeText(bytes);
  try {
    return file.endsWith('.json') ? readJson(file, text, path) : readYaml(file, text, path);
  } catch {
    // A file that cannot be read has no entries; the script itself will say what is wrong with it.
    return undefined;
  }
}

function readJson(file: string, text: string, path: ParameterPath): ParameterFileEntry | 'group' | undefined {
  const json = jsonAt(parseJsonWithPositions(text), path);
  if (json === undefined) {
    return undefined;
  }
  if (json.type === 'object') {
    return 'group';
  }
  const value = asParameter(JSON.parse(text.slice(json.from, json.to)));
  const written = text.slice(json.from, json.to);
  return value === undefined
    ? undefined
    : { value: spelledNumber(value), place: { file, from: json.from, to: json.to, written, syntax: 'json' } };
}

function readYaml(file: string, text: string, path: ParameterPath): ParameterFileEntry | 'group' | undefined {
  const document = parseDocument(text);
  if (document.errors.length > 0) {
    return undefined;
  }
  const node = path.length === 0 ? document.contents : document.getIn(path, true);
  if (isMap(node)) {
    return 'group';
  }
  if (!(isScalar(node) || isSeq(node)) || isShared(document, path)) {
    return undefined;
  }
  const { range } = node as Node;
  const value = asParameter(node.toJSON());
  if (range === undefined || range === null || value === undefined || !isPlain(node, text)) {
    return undefined;
  }
  const written = text.slice(range[0], range[1]);
  return {
    value: spelledNumber(value),
    place: { file, from: range[0], to: range[1], written, syntax: 'yaml' },
  };
}

/** Whether an alias stands for what is at the path, or for something above it: both places would change. */
function isShared(document: Document.Parsed, path: ParameterPath): boolean {
  const anchors = path.flatMap((_, index) => {
    const above: unknown = index === 0 ? document.contents : document.getIn(path.slice(0, index), true);
    return isMap(above) || isSeq(above) ? (above.anchor ?? []) : [];
  });
  let isFound = false;
  visit(document, {
    Alias(_, { source }) {
      isFound ||= anchors.includes(source);
    },
  });
  return isFound;
}

/** Anchors, tags, blocks and what spans lines are only for the person to rearrange. */
function isPlain(node: Scalar | YAMLSeq, text: string): boolean {
  if (node.anchor !== undefined || node.tag !== undefined || node.range === undefined || node.range === null) {
    return false;
  }
  if (isSeq(node)) {
    return node.flow === true && node.items.every((item) => (isScalar(item) || isSeq(item)) && isPlain(item, text));
  }
  const written = text.slice(node.range[0], node.range[1]);
  // PyYAML reads 010 as 8, other readers as 10.
  const isOctal = node.type === 'PLAIN' && /^[-+]?0[0-9_]/.test(written);
  return !written.includes('\n') && node.type !== 'BLOCK_LITERAL' && node.type !== 'BLOCK_FOLDED' && !isOctal;
}

/** A number that is written as a string, which the script makes a number of. To PyYAML `1e-3` (no point) is one, too. */
function spelledNumber(value: ParameterValue): ParameterValue {
  return (typeof value === 'string' ? readNumber(value) : undefined) ?? value;
}

function asParameter(value: unknown): ParameterValue | undefined {
  if (typeof value === 'number' || typeof value === 'string' || typeof value === 'boolean') {
    return value;
  }
  if (Array.isArray(value)) {
    const items = value.map(asParameter);
    return items.every((item) => item !== undefined) ? items : undefined;
  }
  return undefined;
}

/** Every key path of a parameter file that ends in a plain value. */
export function parameterPaths(files: ProjectFiles, file: string): readonly ParameterPath[] {
  const data = dataIn(files, file);
  return data === undefined ? [] : leaves(data, []).map(({ path }) => path);
}

/** What a parameter file says; undefined when it can't be read. */
function dataIn(files: ProjectFiles, file: string): unknown {
  const bytes = files.get(file);
  if (bytes === undefined) {
    return undefined;
  }
  const { text } = decodeText(bytes);
  try {
    return file.endsWith('.json') ? JSON.parse(text) : parseDocument(text).toJS();
  } catch {
    return undefined;
  }
}

interface Leaf {
  readonly path: ParameterPath;
  readonly value: unknown;
}

/** The plain values and lists below a place. */
function leaves(data: unknown, path: ParameterPath): readonly Leaf[] {
  if (data !== null && typeof data === 'object' && !Array.isArray(data)) {
    return Object.entries(data).flatMap(([key, value]) => leaves(value, [...path, key]));
  }
  return [{ path, value: data }];
}

/**
 * A value as YAML that every reader takes for the same, in the style of `written`: its quotes, its exponent, its point,
 * and of a list all that stands between the items. YAML 1.1 (PyYAML) wants a point and a signed exponent in `1.0e-7`;
 * without them it is a string.
 */
export function formatYaml(value: ParameterValue, written: string): string {
  const quote = written.startsWith("'") || written.startsWith('"') ? written.charAt(0) : '';
  if (typeof value === 'number') {
    return quote === '' ? formatYamlNumber(value, written) : quoted(formatYamlNumber(value, unquoted(written)), quote);
  }
  if (typeof value === 'string') {
    return quote === '' && isPlainYaml(value) ? value : quoted(value, quote === '' ? '"' : quote);
  }
  if (typeof value === 'boolean') {
    return String(value);
  }
  const list = parseDocument(written).contents;
  const places = isSeq(list) && list.flow === true ? list.items.map((item) => (item as Node).range ?? undefined) : [];
  const items = places.map((range) => (range === undefined ? undefined : { from: range[0], to: range[1] }));
  return withItems(written, items, value, formatYaml) ?? `[${value.map((item) => formatYaml(item, '')).join(', ')}]`;
}

/** A value as JSON, in the style of `written`: a number as a string, a float with its point, the spaces of a list. */
export function formatJson(value: ParameterValue, written: string): string {
  if (typeof value === 'number') {
    const isString = written.startsWith('"');
    const text = isFloatSpelling(written) && Number.isInteger(value) ? floatText(value) : String(value);
    return isString ? JSON.stringify(text) : text;
  }
  if (typeof value !== 'object') {
    return JSON.stringify(value);
  }
  const list = written === '' ? undefined : parseJsonWithPositions(written);
  return (
    withItems(written, list?.type === 'array' ? list.items : [], value, formatJson) ??
    `[${value.map((item) => formatJson(item, '')).join(', ')}]`
  );
}

/** The list as it is written, with other items; undefined when it has not as many of them. */
function withItems(
  written: string,
  places: readonly ({ readonly from: number; readonly to: number } | undefined)[],
  values: readonly ParameterValue[],
  format: (value: ParameterValue, written: string) => string,
): string | undefined {
  if (places.length !== values.length || places.includes(undefined)) {
    return undefined;
  }
  let text = '';
  let done = 0;
  values.forEach((value, index) => {
    const { from, to } = places[index] ?? { from: done, to: done };
    text += written.slice(done, from) + format(value, written.slice(from, to));
    done = to;
  });
  return text + written.slice(done);
}

function formatYamlNumber(value: number, written: string): string {
  const text = String(value);
  const hasExponent = /[eE]/.test(written) && !Number.isInteger(value);
  if (text.includes('e') || hasExponent) {
    return signedExponent(hasExponent ? value.toExponential() : text);
  }
  return isFloatSpelling(written) && Number.isInteger(value) ? floatText(value) : text;
}

function floatText(value: number): string {
  const text = String(value);
  return text.includes('e') ? text : `${text}.0`;
}

function signedExponent(text: string): string {
  const [mantissa = '', exponent = ''] = text.split('e');
  return `${mantissa.includes('.') ? mantissa : `${mantissa}.0`}e${exponent}`;
}

function quoted(text: string, quote: string): string {
  return quote === "'" ? `'${text.replaceAll("'", "''")}'` : JSON.stringify(text);
}

function unquoted(written: string): string {
  return written.slice(1, -1);
}

/** Words that YAML 1.1 reads as something else. */
const YAML_WORDS = ['yes', 'no', 'on', 'off', 'y', 'n', 'true', 'false', 'null'];

/** Whether a text without quotes is a text to every reader, in a list as well: words, names, paths. */
function isPlainYaml(value: string): boolean {
  return /^[A-Za-z_][\w./-]*( [\w./-]+)*$/.test(value) && !YAML_WORDS.includes(value.toLowerCase());
}

/**
 * Whether an edited parameter file says the same as before but for the given values.
 *
 * @param changed the new values, in any order
 */
export function saysOnly(
  before: ProjectFiles,
  after: ProjectFiles,
  file: string,
  changed: readonly ParameterValue[],
): boolean {
  const [old, now] = [dataIn(before, file), dataIn(after, file)];
  if (old === undefined || now === undefined) {
    return false;
  }
  // A list of another length is one value; an item that changed alone is one as well.
  return differsOnly(leaves(old, []), leaves(now, []), changed) || differsOnly(items(old), items(now), changed.flat(9));
}

function differsOnly(old: readonly Leaf[], now: readonly Leaf[], changed: readonly unknown[]): boolean {
  const allowed = new Set(changed.map((value) => JSON.stringify(value)));
  return (
    old.length === now.length &&
    now.every(({ path, value }, index) => {
      const isSame = JSON.stringify(value) === JSON.stringify(old[index]?.value);
      const isNew = allowed.has(JSON.stringify(typeof value === 'string' ? spelledNumber(value) : value));
      return (
        JSON.stringify(path) === JSON.stringify(old[index]?.path) &&
        (isSame || isNew || allowed.has(JSON.stringify(value)))
      );
    })
  );
}

/** As {@link leaves}, with each item of a list by itself. */
function items(data: unknown): readonly Leaf[] {
  return leaves(data, []).flatMap(({ path, value }) =>
    Array.isArray(value)
      ? value.flatMap((item, index) => items(item).map((leaf) => ({ ...leaf, path: [...path, index, ...leaf.path] })))
      : [{ path, value }],
  );
}
