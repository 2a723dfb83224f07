/** A measured table: 3 024 configurations of a CNN on handwritten digits, each of them trained twice for 4 epochs. */
import { readFileSync } from 'node:fs';
import { seededRandom } from '../../src/tuning/random.js';
import type { Parameter, SearchSpace, Values } from '../../src/tuning/space.js';

export interface Grid {
  readonly space: SearchSpace;
  readonly all: readonly Values[];
  /** The validation accuracy after each epoch, of one of the two trainings of this configuration. */
  train(values: Values, seed: string): readonly number[];
  /** The mean of what both trainings reached in the end. */
  accuracyOf(values: Values): number;
}

const columns = ['layers', 'filters', 'kernel', 'lr', 'batch', 'opt', 'dropout'] as const;

/** What is a number in the table is the number of its level in the space, so that all levels lie equally far apart. */
export function readGrid(): Grid {
  const text = readFileSync(new URL('./data/digits-cnn-grid.csv', import.meta.url), 'utf8');
  const rows = text.trimEnd().split('\n').slice(1);
  const cells = rows.map((row) => row.split(','));
  const levels = columns.map((name, i) => {
    const all = [...new Set(cells.map((row) => row[i] ?? ''))];
    return name === 'opt' ? all.sort() : all.sort((a, b) => Number(a) - Number(b));
  });
  const parameters = columns.map((name, i): Parameter => {
    const choices = levels[i] ?? [];
    return name === 'opt'
      ? { name, type: 'categorical', choices }
      : { name, type: 'int', low: 0, high: choices.length - 1 };
  });

  function keyOf(values: Values): string {
    return columns.map((name, i) => (name === 'opt' ? values[name] : levels[i]?.[Number(values[name])])).join(',');
  }

  const trainings = new Map<string, (readonly number[])[]>();
  const all: Values[] = [];
  for (const row of cells) {
    const key = row.slice(0, columns.length).join(',');
    const known = trainings.get(key) ?? [];
    if (known.length === 0) {
      trainings.set(key, known);
      all.push(
        Object.fromEntries(
          columns.map((name, i) => {
            const cell = row[i] ?? '';
            return [name, name === 'opt' ? cell : (levels[i]?.indexOf(cell) ?? 0)];
          }),
        ),
      );
    }
    known.push(row.slice(columns.length + 1).map(Number));
  }
  return {
    space: { parameters },
    all,
    train(values, seed) {
      const key = keyOf(values);
      const known = trainings.get(key) ?? [];
      const curve = known[Math.floor(seededRandom(`${seed}/${key}`)() * known.length)];
      if (curve === undefined) throw new Error(`the table has no ${key}`);
      return curve;
    },
    accuracyOf(values) {
      const known = trainings.get(keyOf(values)) ?? [];
      return known.reduce((sum, curve) => sum + (curve.at(-1) ?? 0), 0) / known.length;
    },
  };
}
