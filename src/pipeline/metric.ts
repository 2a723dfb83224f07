/** Where the metric of a training is read. Pure: it gets the texts that the training left behind. */
import { RE2JS } from 're2js';
import type { Metric } from './run.js';

export interface MetricRequest {
  /** Name of the metric; undefined takes the first that {@link accuracyNames} lists. */
  readonly name?: string | undefined;
  /** File that holds it, as named in `.pushtune.yml`. */
  readonly source?: string | undefined;
  /** Regular expression (RE2) with one group around the number, for the file or the log. */
  readonly pattern?: string | undefined;
}

export interface TrainingTexts {
  /** Text of `metrics.json` (or of `source`) in the run's folder; undefined when the file is not there. */
  readonly file?: string | undefined;
  /** What the script printed. */
  readonly log: string;
}

/** No usable figure was found; the message lists every place that was looked at. */
export class MetricNotFoundError extends Error {
  override readonly name = 'MetricNotFoundError';
}

export const defaultMetricFile = 'metrics.json';

/** Figures of held-out data come before those of the training data, which say little about the model. */
const accuracyNames = [
  'val_accuracy',
  'val_acc',
  'val_sparse_categorical_accuracy',
  'val_categorical_accuracy',
  'val_binary_accuracy',
  'validation_accuracy',
  'test_accuracy',
  'test_acc',
  'accuracy',
  'acc',
];

/**
 * Reads the metric from the file, else from the log. 93.1 and 0.931 are the same accuracy.
 *
 * @throws {MetricNotFoundError} when nothing is found, or what is found is not a finite number
 */
export function findMetric(texts: TrainingTexts, request: MetricRequest): Metric {
  const fileName = request.source ?? defaultMetricFile;
  if (texts.file !== undefined) {
    const found = request.pattern === undefined ? inFile(texts.file, request) : byPattern(texts.file, request);
    if (found !== undefined) return checked(found, fileName);
    throw new MetricNotFoundError(`${fileName} holds no ${wanted(request)}. ${advice}`);
  }
  if (request.source !== undefined) {
    throw new MetricNotFoundError(`the training wrote no ${fileName}, which .pushtune.yml names as metric.source`);
  }
  const found = request.pattern === undefined ? inLog(texts.log, request) : byPattern(texts.log, request);
  if (found !== undefined) return checked(found, 'log');
  const seen = [...new Set(namedNumbers(cleanLog(texts.log)).map(({ name }) => name))].slice(0, 10);
  throw new MetricNotFoundError(
    `no ${wanted(request)} was found: there is no ${fileName}, and the log names ${
      seen.length === 0 ? 'no figures' : `only ${seen.join(', ')}`
    }. ${advice}`,
  );
}

/** Accuracies are between 0 and 1; 93.1 stands for 93.1 %. Other metrics stay as they are. */
export function normaliseMetric(name: string, value: number): number {
  return isAccuracy(name) && value > 1 && value <= 100 ? value / 100 : value;
}

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

const advice = 'Print a line such as "val_accuracy: 0.91", write metrics.json, or name metric.source in .pushtune.yml.';

interface Found {
  readonly name: string;
  readonly value: number;
}

function checked(found: Found, source: string): Metric {
  if (!Number.isFinite(found.value)) {
    throw new MetricNotFoundError(
      `${found.name} in ${source} is ${found.value}, which is no figure to compare with a target`,
    );
  }
  return { name: found.name, value: normaliseMetric(found.name, found.value), source };
}

function inFile(text: string, request: MetricRequest): Found | undefined {
  const figures = parseFigures(text);
  if (figures === undefined) {
    const value = Number(text.trim().replace(/%$/, ''));
    if (text.trim() === '' || Number.isNaN(value)) return inLog(text, request);
    return { name: request.name ?? 'accuracy', value: text.trim().endsWith('%') ? value / 100 : value };
  }
  const name = candidates(request).find((candidate) => figures.has(candidate));
  return name === undefined ? undefined : { name, value: figures.get(name) ?? Number.NaN };
}

/** Figures of a flat or nested JSON object; nested names are joined with a dot, and count by their last part too. */
function parseFigures(text: string): ReadonlyMap<string, number> | undefined {
  const parsed = parseJson(text);
  if (typeof parsed !== 'object' || parsed === null) return undefined;
  const figures = new Map<string, number>();
  collectFigures(parsed, '', figures);
  return figures;
}

/** Python's `json` writes NaN and Infinity, which are no JSON. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text.replace(/:\s*(NaN|-?Infinity)\b/g, ': "$1"'));
  } catch {
    return undefined;
  }
}

function collectFigures(value: object, prefix: string, figures: Map<string, number>): void {
  for (const [key, child] of Object.entries(value)) {
    const name = prefix === '' ? key : `${prefix}.${key}`;
    if (typeof child === 'object' && child !== null) collectFigures(child, name, figures);
    const number = typeof child === 'number' || typeof child === 'string' ? Number(child) : undefined;
    if (number === undefined || child === '') continue;
    figures.set(name, number);
    if (!figures.has(key)) figures.set(key, number);
  }
}

function inLog(log: string, request: MetricRequest): Found | undefined {
  const figures = namedNumbers(cleanLog(log));
  for (const name of candidates(request)) {
    const last = figures.findLast((figure) => figure.name === name);
    if (last !== undefined) return last;
  }
  return undefined;
}

/** `name=0.91`, `name: 91.2 %`, `Test accuracy: 0.91`; names in lower case with underscores. */
function namedNumbers(text: string): Found[] {
  const figure =
    /([A-Za-z][\w-]{0,60}(?: [A-Za-z][\w-]{0,60})?)\s{0,3}[=:]\s{0,3}([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|nan|inf)\b\s?(%?)/g;
  return [...text.matchAll(figure)].flatMap(([, name, number, percent]) => {
    if (name === undefined || number === undefined) return [];
    const value = number === 'nan' ? Number.NaN : number === 'inf' ? Number.POSITIVE_INFINITY : Number(number);
    return [{ name: name.toLowerCase().replaceAll(' ', '_'), value: percent === '%' ? value / 100 : value }];
  });
}

/** The last match counts. RE2 has no backtracking, so that a pattern from a repository can't hang the worker. */
function byPattern(text: string, request: MetricRequest): Found | undefined {
  const matcher = compilePattern(request.pattern ?? '').matcher(cleanLog(text));
  let last: string | undefined;
  while (matcher.find()) last = matcher.group(matcher.groupCount() > 0 ? 1 : 0) ?? last;
  if (last === undefined) return undefined;
  return { name: request.name ?? 'accuracy', value: Number(last) };
}

function compilePattern(pattern: string): RE2JS {
  try {
    return RE2JS.compile(pattern, RE2JS.MULTILINE);
  } catch (error) {
    throw new MetricNotFoundError(`metric.pattern in .pushtune.yml is no regular expression: ${String(error)}`, {
      cause: error,
    });
  }
}

function candidates(request: MetricRequest): readonly string[] {
  return request.name === undefined ? accuracyNames : [request.name];
}

function wanted(request: MetricRequest): string {
  return request.name ?? 'accuracy';
}

function isAccuracy(name: string): boolean {
  return /acc|precision|recall|f1|auc|score|iou|dice/i.test(name);
}
