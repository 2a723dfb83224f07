/** Every figure that a training left behind, for the record of its trial. Pure. */
import type { TrainingTraces } from './metric.js';
import { isMetricsFile, namedNumbers } from './metric-files.js';
import type { Metric } from './run.js';
import { readHistory } from './training-events.js';

/** A script may write any number of names; a record of a trial holds what people name. */
const mostFigures = 100;
const longestName = 100;

/**
 * Finite figures by name: the metric itself, those of the last epoch of the last fit, those of the script's own last
 * evaluation (`evaluate_loss`), and those in files with metrics. Of equal names the first counts.
 */
export function allFigures(
  { events, files }: TrainingTraces,
  metric: Metric | undefined,
): Readonly<Record<string, number>> {
  const { lastEpochs, evaluated } = readHistory(events);
  const written = files
    .filter(({ path }) => isMetricsFile(path))
    .flatMap((file) => namedNumbers(file) ?? [])
    .map(({ words, value }) => [words.join('_'), value] as const);
  const figures = new Map<string, number>(metric === undefined ? [] : [[metric.name, metric.value]]);
  for (const [name, value] of [
    ...Object.entries(lastEpochs[0] ?? {}),
    ...Object.entries(evaluated ?? {}).map(([name, value]) => [`evaluate_${name}`, value] as const),
    ...written,
  ]) {
    if (figures.size >= mostFigures) break;
    const isNew = name !== '' && name.length <= longestName && !figures.has(name);
    if (isNew && Number.isFinite(value)) figures.set(name, value);
  }
  return Object.fromEntries(figures);
}
