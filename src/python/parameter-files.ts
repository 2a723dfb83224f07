import { isMap, isScalar, isSeq, type Node, parseDocument } from 'yaml';
import type { ParameterValue } from '../tuning/space.js';
import type { LiteralPlace, ProjectFiles } from './inspection.js';
import { jsonAt, parseJsonWithPositions } from './json-positions.js';
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
    : { value, place: { file, from: json.from, to: json.to, written, syntax: 'json' } };
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
  if (!(isScalar(node) || isSeq(node))) {
    return undefined;
  }
  const range = (node as Node).range;
  const value = asParameter(node.toJSON());
  // An anchor or a block spans lines that only the person may rearrange.
  if (range === undefined || range === null || value === undefined || node.anchor !== undefined) {
    return undefined;
  }
  const written = text.slice(range[0], range[1]);
  if (isSeq(node) && !written.startsWith('[')) {
    return undefined;
  }
  return { value: pyYamlValue(value, written), place: { file, from: range[0], to: range[1], written, syntax: 'yaml' } };
}

/** PyYAML follows YAML 1.1, where `1e-3` (no point) is a string that scripts turn into a number themselves. */
function pyYamlValue(value: ParameterValue, written: string): ParameterValue {
  const number = Number(written);
  return typeof value === 'string' && written.trim() !== '' && Number.isFinite(number) ? number : value;
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
  const bytes = files.get(file);
  if (bytes === undefined) {
    return [];
  }
  const { text } = decodeText(bytes);
  try {
    const data: unknown = file.endsWith('.json') ? JSON.parse(text) : parseDocument(text).toJS();
    return leaves(data, []);
  } catch {
    return [];
  }
}

function leaves(data: unknown, path: ParameterPath): readonly ParameterPath[] {
  if (data !== null && typeof data === 'object' && !Array.isArray(data)) {
    return Object.entries(data).flatMap(([key, value]) => leaves(value, [...path, key]));
  }
  return [path];
}

/**
 * A number as YAML that every reader takes for a number. YAML 1.1 (PyYAML) wants a point and a signed exponent in
 * `1.0e-7`; without them it is a string.
 */
export function formatYaml(value: ParameterValue, written: string): string {
  if (typeof value === 'number') {
    const text = String(value);
    if (!text.includes('e')) {
      const exponent = written.includes('e') && !Number.isInteger(value);
      return exponent
        ? signedExponent(value.toExponential())
        : text.includes('.') || !written.includes('.')
          ? text
          : `${text}.0`;
    }
    return signedExponent(text);
  }
  if (typeof value === 'string') {
    if (written.startsWith("'")) {
      return `'${value.replaceAll("'", "''")}'`;
    }
    return written.startsWith('"') || !isPlainYaml(value) ? JSON.stringify(value) : value;
  }
  if (typeof value === 'boolean') {
    return String(value);
  }
  return `[${value.map((item) => formatYaml(item, '')).join(', ')}]`;
}

function isPlainYaml(value: string): boolean {
  const read: unknown = parseDocument(value).toJS();
  return read === value && !['yes', 'no', 'on', 'off', 'y', 'n'].includes(value.toLowerCase());
}

function signedExponent(text: string): string {
  const [mantissa = '', exponent = ''] = text.split('e');
  return `${mantissa.includes('.') ? mantissa : `${mantissa}.0`}e${exponent}`;
}
