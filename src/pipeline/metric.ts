/** Where the metric of a training is read. Pure: it gets the texts that the training left behind. */
import { RE2JS } from 're2js';
import { type Figure, isSameName, normaliseMetric } from './figure-names.js';
import { cleanLog } from './log-tokens.js';
import {
  defaultMetricFile,
  fileAccuracies,
  fileFigureNamed,
  isMetricsFile,
  isWrittenByEpoch,
  soleNumber,
  type TrainingFile,
} from './metric-files.js';
import { byRank, findPrinted, printedNames, readPrintedFigures } from './printed-figures.js';
import type { Metric } from './run.js';
import { accuraciesOf, figureNamed, type KerasHistory, readHistory } from './training-events.js';

export interface MetricRequest {
  /** Name of the metric; undefined takes an accuracy, of held-out data if there is any. */
  readonly name?: string | undefined;
  /** File that holds it, as named in `.pushtune.yml`. */
  readonly source?: string | undefined;
  /** Regular expression (RE2) with one group around the number, for that file or the log. */
  readonly pattern?: string | undefined;
}

/** What a training left behind. */
export interface TrainingTraces {
  /** JSON lines of the hook in the container, at least the last ones. */
  readonly events: string;
  /** Files in the run's folder that this training wrote, in the order in which they are looked at. */
  readonly files: readonly TrainingFile[];
  /** What the script printed, at least the end of it. */
  readonly log: string;
}

export interface FoundMetric {
  readonly metric: Metric;
  /** Why the metric should be taken with care. */
  readonly warning?: string;
}

/** No usable figure was found; the message lists every place that was looked at. */
export class MetricNotFoundError extends Error {
  override readonly name = 'MetricNotFoundError';
}

/**
 * The figure of an epoch of Keras' history that {@link findMetric} reads when the training has ended, if it is to be read
 * there: undefined where `.pushtune.yml` names another place, or no figure of held-out data is in it.
 */
export function figureOfEpoch(epoch: Readonly<Record<string, number>>, request: MetricRequest): Figure | undefined {
  if (request.source !== undefined || request.pattern !== undefined) return undefined;
  if (request.name === undefined) return heldOutOf(accuraciesOf(epoch));
  return figureNamed(epoch, request.name) ?? sameNamed(accuraciesOf(epoch), request.name);
}

/** One place to look at, with what it says. */
interface Source {
  /** As {@link Metric.source} names it. */
  readonly name: string;
  /** The figure of held-out data, or one that may be. */
  readonly result?: Figure | undefined;
  /** The figure of the training data. */
  readonly training?: Figure | undefined;
}

/**
 * Reads the metric: in the place that `.pushtune.yml` names, else in the history of Keras, in files with metrics, in a
 * text with a number, and in the log. Figures of held-out data come before those of the training data, wherever they are.
 *
 * @throws {MetricNotFoundError} when nothing is found, or what is found is not a finite number
 */
export function findMetric(traces: TrainingTraces, request: MetricRequest): FoundMetric {
  if (request.source !== undefined) return inNamedFile(traces, request.source, request);
  if (request.pattern !== undefined) return { metric: checked(byPattern(traces.log, request), 'log', request) };
  const sources = request.name === undefined ? accuracySources(traces) : namedSources(traces, request.name);
  const result = firstFinite(sources, ({ result }) => result);
  if (result !== undefined) return { metric: result };
  const training = firstFinite(sources, ({ training }) => training);
  if (training !== undefined) return { metric: training, warning: trainingOnly(training) };
  throw new MetricNotFoundError(explainAbsence(traces, sources, request));
}

/**
 * Whether the training had ended, and its figures are final, when its script failed on something else: the last fit that
 * Keras reports has ended; or, where Keras reports none, a final figure was written or printed.
 */
export function hasTrainingEnded(traces: TrainingTraces, request: MetricRequest): boolean {
  const history = readHistory(traces.events);
  if (history.hasFits) return history.isEnded;
  const printed = readPrintedFigures(traces.log);
  if (printed.isUnfinished) return false;
  const final = traces.files.filter((file) => !isWrittenByEpoch(file));
  if (final.some((file) => file.path === request.source || fileSource(file).result !== undefined)) return true;
  const { result } = mostSuitable(byRank(printed.figures));
  if (result === undefined || result.isProgress || result.line < printed.lastProgress) return false;
  // A loop may print an accuracy without a name at each of its epochs.
  return result.data === 'held-out' || printed.lastProgress < 0;
}

const advice =
  'Train with validation_data, print a line such as "Test accuracy: 0.91", write metrics.json, or name metric.source in .pushtune.yml.';

// --- The place that .pushtune.yml names

function inNamedFile({ files }: TrainingTraces, source: string, request: MetricRequest): FoundMetric {
  const file = files.find(({ path }) => path === source);
  if (file === undefined) {
    throw new MetricNotFoundError(`the training wrote no ${source}, which .pushtune.yml names as metric.source`);
  }
  if (request.pattern !== undefined) return { metric: checked(byPattern(file.text, request), source, request) };
  const { name } = request;
  if (name !== undefined) return { metric: checked(namedInFile(file, name), source, request) };
  const { result, training } = fileSource(file);
  const metric = checked(result ?? training, source, request);
  return result === undefined ? { metric, warning: trainingOnly(metric) } : { metric };
}

/** A number that is all of the file needs no name. */
function namedInFile(file: TrainingFile, name: string): Pick<Figure, 'name' | 'value'> | undefined {
  const sole = soleNumber(file.text);
  return sole === undefined ? fileNamed(file, name) : { name, value: sole };
}

/** The last match counts. RE2 has no backtracking, so that a pattern from a repository can't hang the worker. */
function byPattern(text: string, request: MetricRequest): Pick<Figure, 'name' | 'value'> | undefined {
  const matcher = compilePattern(request.pattern ?? '').matcher(cleanLog(text));
  let last: string | undefined;
  while (matcher.find()) last = matcher.group(matcher.groupCount() > 0 ? 1 : 0) ?? last;
  return last === undefined ? undefined : { name: request.name ?? 'accuracy', value: Number(last) };
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

function checked(found: Pick<Figure, 'name' | 'value'> | undefined, source: string, request: MetricRequest): Metric {
  if (found === undefined) throw new MetricNotFoundError(`${source} holds no ${request.name ?? 'accuracy'}. ${advice}`);
  if (!Number.isFinite(found.value)) throw new MetricNotFoundError(notFinite(found, source));
  return { name: found.name, value: normaliseMetric(found.name, found.value), source };
}

function notFinite({ name, value }: Pick<Figure, 'name' | 'value'>, source: string): string {
  return `${name} in ${source} is ${value}, which is no figure to compare with a target`;
}

// --- Everywhere else

function accuracySources(traces: TrainingTraces): readonly Source[] {
  const sources = [
    ...kerasSources(readHistory(traces.events)),
    ...traces.files.filter(({ path }) => isMetricsFile(path)).map(fileSource),
    ...traces.files.filter(({ path }) => !isMetricsFile(path)).map(fileSource),
    { name: 'log', ...mostSuitable(byRank(readPrintedFigures(traces.log).figures)) },
  ];
  const training = sources.flatMap(({ training }) => (training === undefined ? [] : [training]));
  return sources.map((source) => withoutTrainingFigure(source, training));
}

/** The last epoch of the last fit that was validated; else what the script evaluated itself. */
function kerasSources({ lastEpochs, evaluated }: KerasHistory): readonly Source[] {
  const epochs = lastEpochs.map(accuraciesOf);
  const validated = epochs.map(heldOutOf);
  const training = epochs.map((figures) => figures.find(({ data }) => data !== 'held-out'));
  const [tested] = evaluated === undefined ? [] : accuraciesOf(evaluated);
  return [
    { name: 'keras history', result: validated.find((figure) => figure !== undefined), training: training[0] },
    // Its name does not say so, but who evaluates does it with data that were held out.
    { name: 'keras evaluate', result: tested === undefined ? undefined : { ...tested, data: 'held-out' } },
  ];
}

function heldOutOf(figures: readonly Figure[]): Figure | undefined {
  return figures.find(({ data }) => data === 'held-out');
}

function fileSource(file: TrainingFile): Source {
  return { name: file.path, ...mostSuitable(fileAccuracies(file)) };
}

/** Of figures in the order of their suitability the first of held-out data, else the first that may be of it. */
function mostSuitable<T extends Figure>(figures: readonly T[]) {
  const first = (data: Figure['data']): T | undefined => figures.find((figure) => figure.data === data);
  return { result: first('held-out') ?? first('unnamed'), training: first('training') };
}

/** Many scripts write their training accuracy, as whole per cents, to `accuracy.txt`: an unnamed figure that agrees with it is that. */
function withoutTrainingFigure(source: Source, training: readonly Figure[]): Source {
  const { name, result } = source;
  if (result?.data !== 'unnamed') return source;
  const same = training.find((figure) => isSameFigure(figure, result));
  return same === undefined ? source : { name, training: source.training ?? result };
}

/** Fewer digits say nothing: two accuracies agree in them by chance. */
const fewestDigits = 2;

function isSameFigure(one: Figure, other: Figure): boolean {
  const digits = Math.min(one.digits, other.digits);
  if (digits < fewestDigits) return false;
  const scale = 10 ** digits;
  const difference = Math.abs(one.value - other.value) * scale;
  // Rounded, or cut off as int() does.
  const isCut = Math.floor(one.value * scale + 1e-6) === Math.floor(other.value * scale + 1e-6);
  return difference <= 0.5 + 1e-6 || isCut;
}

function namedSources(traces: TrainingTraces, name: string): readonly Source[] {
  const { lastEpochs, evaluated } = readHistory(traces.events);
  const epoch = lastEpochs.map((values) => figureOfEpoch(values, { name }));
  return [
    { name: 'keras history', result: epoch.find((figure) => figure !== undefined) },
    { name: 'keras evaluate', result: evaluated === undefined ? undefined : evaluatedNamed(evaluated, name) },
    ...traces.files.map((file) => ({ name: file.path, result: fileNamed(file, name) })),
    { name: 'log', result: namedInLog(traces.log, name) },
  ];
}

function fileNamed(file: TrainingFile, name: string): Figure | undefined {
  return fileFigureNamed(file, name) ?? sameNamed(fileAccuracies(file), name);
}

/** What is called `accuracy` in an evaluation is the `test_accuracy` of the script. */
function evaluatedNamed(evaluated: KerasHistory['evaluated'] & object, name: string): Figure | undefined {
  const plain = name.replace(/^(test|eval)_/, '');
  return figureNamed(evaluated, name) ?? figureNamed(evaluated, plain) ?? sameNamed(accuraciesOf(evaluated), plain);
}

function namedInLog(log: string, name: string): Figure | undefined {
  const accuracy = sameNamed(byRank(readPrintedFigures(log).figures), name);
  const other = accuracy ?? findPrinted(log, name);
  return other === undefined ? undefined : { ...other, name, value: normaliseMetric(name, other.value) };
}

function sameNamed(figures: readonly Figure[], name: string): Figure | undefined {
  return figures.find((figure) => isSameName(figure.name, name));
}

function firstFinite(sources: readonly Source[], pick: (source: Source) => Figure | undefined): Metric | undefined {
  for (const source of sources) {
    const figure = pick(source);
    if (figure !== undefined && Number.isFinite(figure.value)) {
      return { name: figure.name, value: figure.value, source: source.name };
    }
  }
  return undefined;
}

function trainingOnly({ name, source }: Metric): string {
  return (
    `only the accuracy on the training data was found (${name}, ${source}), which says little about new data: ` +
    'train with validation_data, or print the accuracy on a test set'
  );
}

function explainAbsence(traces: TrainingTraces, sources: readonly Source[], { name }: MetricRequest): string {
  const unusable = sources.find(({ result, training }) => result !== undefined || training !== undefined);
  const figure = unusable?.result ?? unusable?.training;
  if (unusable !== undefined && figure !== undefined) return notFinite(figure, unusable.name);
  const { hasFits, lastEpochs } = readHistory(traces.events);
  const written = traces.files.map(({ path }) => path);
  const places = [
    hasFits
      ? `the history of Keras holds ${list(Object.keys(lastEpochs[0] ?? {}), 'nothing')}`
      : 'Keras reported no fit',
    written.includes(defaultMetricFile) ? undefined : `there is no ${defaultMetricFile}`,
    ...written.slice(0, 5).map((path) => `${path} holds none`),
    `the log names ${list(printedNames(traces.log), 'no figures')}`,
  ].filter((place) => place !== undefined);
  const what =
    hasFits || name !== undefined ? `no ${name ?? 'accuracy'} was found` : 'neither a fit nor a figure was seen';
  return `${what}: ${places.slice(0, -1).join(', ')}, and ${places.at(-1)}. ${advice}`;
}

function list(names: readonly string[], none: string): string {
  return names.length === 0 ? none : `only ${names.slice(0, 10).join(', ')}`;
}
