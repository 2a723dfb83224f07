/** Reads figures from the files that a training leaves: `metrics.json`, DVCLive's, MLflow's, and texts with a number. Pure. */
import { loneValue, toAccuracy } from './accuracy-phrases.js';
import { accuracyName, type Figure, isImpossible, normaliseMetric, readName, wordsOf } from './figure-names.js';
import { digitsBehindPoint, tokensOf } from './log-tokens.js';
import { byRank, findPrinted, readPrintedFigures } from './printed-figures.js';
import { parseLoose } from './training-events.js';

/** A file that the training wrote. */
export interface TrainingFile {
  /** Relative to the repository's root, with `/`. */
  readonly path: string;
  readonly text: string;
}

export const defaultMetricFile = 'metrics.json';
export const dvcliveFile = 'dvclive/metrics.json';
export const defaultTextFile = 'accuracy.txt';

/** `mlruns/<experiment>/<run>/metrics/<name>`; a name may have slashes. */
const mlflowPath = /^mlruns\/[^/]+\/[^/]+\/metrics\/(.+)$/;

/** Whether the file is written anew at each epoch, so that it says nothing of the training's end. */
export function isWrittenByEpoch({ path }: TrainingFile): boolean {
  return mlflowPath.test(path) || path.startsWith('dvclive/');
}

export function isMetricsFile(path: string): boolean {
  return path.endsWith('.json') || mlflowPath.test(path);
}

/** The figure of that name in the file, whatever it measures. */
export function fileFigureNamed(file: TrainingFile, name: string): Figure | undefined {
  const wanted = wordsOf(name).join('_');
  const found = namedNumbers(file);
  if (found === undefined) return findPrinted(file.text.slice(-longestText), name);
  const number =
    found.find(({ words }) => words.join('_') === wanted) ??
    found.find(({ words }) => `_${words.join('_')}`.endsWith(`_${wanted}`));
  if (number === undefined) return undefined;
  return { ...toFigure(number), name, value: normaliseMetric(name, number.value) };
}

/** The accuracies in the file, the most suitable first. */
export function fileAccuracies(file: TrainingFile): readonly Figure[] {
  const found = namedNumbers(file);
  if (found === undefined) return textAccuracies(file);
  return found
    .map((number) => ({ number, ...readName(number.words) }))
    .filter(({ number, isAccuracy, isNoResult }) => isAccuracy && !isNoResult && !isImpossible(number.value))
    .sort((a, b) => a.rank - b.rank || preference(a.set) - preference(b.set))
    .map(({ number, data, rank }) => {
      const isOfTraining = data === 'unnamed' && number.isOfEpochs;
      return { ...toFigure(number), data: isOfTraining ? 'training' : data, rank };
    });
}

/** The validation data are there to choose by, and the test data to judge the choice. */
function preference(set: string | undefined): number {
  return set === 'val' ? 0 : 1;
}

/** The number that is the whole content of a text; `96 %` is 0.96. */
export function soleNumber(text: string): number | undefined {
  const [, number, percent] = /^([-+.\deE]+)\s?(%?)$/.exec(text.trim()) ?? [];
  const value = number === undefined ? Number.NaN : Number(number);
  if (Number.isNaN(value)) return undefined;
  return percent === '%' ? value / 100 : value;
}

/** A text with figures is small; of a larger one the end counts. */
const longestText = 64 * 1024;

/** A number alone is what the file's name says; other texts are read as what a script prints, the last figure first. */
function textAccuracies(file: TrainingFile): readonly Figure[] {
  const { path } = file;
  const text = file.text.slice(-longestText);
  const lone = loneValue(tokensOf(text.trim()), true);
  if (lone === undefined) return byRank(readPrintedFigures(text.trimEnd()).figures);
  const { set, rank } = readName(wordsOf(path.replace(/^.*\//, '').replace(/\.[^.]*$/, '')));
  const figure = toAccuracy(lone, accuracyName(set), set, rank);
  return figure === undefined ? [] : [figure];
}

export interface NamedNumber {
  readonly words: readonly string[];
  readonly value: number;
  /** One of several that were written as the epochs passed. */
  readonly isOfEpochs: boolean;
}

function toFigure({ words, value }: NamedNumber): Figure {
  const name = words.join('_');
  const share = normaliseMetric('accuracy', value);
  return {
    name,
    value: share,
    data: 'unnamed',
    rank: 0,
    digits: digitsBehindPoint(String(value)) + (share === value ? 0 : 2),
  };
}

/** The numbers of a structured file under their names; undefined for a plain text. */
export function namedNumbers({ path, text }: TrainingFile): readonly NamedNumber[] | undefined {
  const name = mlflowPath.exec(path)?.[1];
  if (name !== undefined) return mlflowNumbers(wordsOf(name), text);
  const parsed = parseLoose(text);
  if (typeof parsed !== 'object' || parsed === null) return undefined;
  const numbers: NamedNumber[] = [];
  // A list of records is one of epochs, of which the last counts.
  collectNumbers({ '': parsed }, [], numbers);
  // Names near to the top come first, as they are the more general ones.
  return numbers.sort((a, b) => a.words.length - b.words.length);
}

/** Lines of `timestamp value step`: the last counts. */
function mlflowNumbers(words: readonly string[], text: string): readonly NamedNumber[] {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  const value = Number(lines.at(-1)?.trim().split(/\s+/)[1]);
  return lines.length === 0 ? [] : [{ words, value, isOfEpochs: lines.length > 1 }];
}

/** How deep an object may be nested, and how many numbers of it are looked at. */
const deepest = 8;
const mostNumbers = 5000;

/** A list of numbers is a history, of which the last counts. */
function collectNumbers(value: object, path: readonly string[], numbers: NamedNumber[]): void {
  for (const [key, child] of Object.entries(value)) {
    if (numbers.length >= mostNumbers) return;
    const words = [...path, ...wordsOf(key)];
    const last: unknown = Array.isArray(child) ? child.at(-1) : child;
    const number = toNumber(last);
    if (number !== undefined) numbers.push({ words, value: number, isOfEpochs: false });
    else if (typeof last === 'object' && last !== null && path.length < deepest) collectNumbers(last, words, numbers);
  }
}

function toNumber(value: unknown): number | undefined {
  if (typeof value === 'number') return value;
  if (typeof value !== 'string' || value.trim() === '') return undefined;
  const number = Number(value.trim().replace(/\s?%$/, ''));
  if (Number.isNaN(number) && value !== 'NaN') return undefined;
  return value.trim().endsWith('%') ? number / 100 : number;
}
