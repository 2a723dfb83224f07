/** A measured table of CNN trainings as a problem for tuners: 3 024 configurations, each trained twice on real digits. */
import { readFileSync } from 'node:fs';
import type { SearchSpace, Values } from '../../../src/tuning/space.js';
import type { Problem } from './problems.js';

/** Position of each number in the table's levels, so that every tuner sees an evenly spaced scale. */
const levels = {
  layers: ['1', '2', '3'],
  filters: ['4', '8', '16', '32'],
  kernel: ['3', '5'],
  lr: ['0.0001', '0.0003', '0.001', '0.003', '0.01', '0.03', '0.1'],
  batch: ['16', '64', '256'],
  dropout: ['0.0', '0.25', '0.5'],
};
const optimizers = ['sgd', 'adam'];

const space: SearchSpace = {
  parameters: [
    ...Object.entries(levels).map(([name, found]) => ({ name, type: 'int' as const, low: 0, high: found.length - 1 })),
    { name: 'opt', type: 'categorical', choices: optimizers },
  ],
};

export interface TableRow {
  /** Mean validation accuracy of both seeds after each epoch. */
  readonly curve: readonly number[];
}

/** Rows by configuration. */
export function readTable(): ReadonlyMap<string, TableRow> {
  const text = readFileSync(new URL('../data/digits-cnn-grid.csv', import.meta.url), 'utf8');
  const [header = '', ...lines] = text.trim().split(/\r?\n/);
  const names = header.split(',');
  const found = new Map<string, number[][]>();
  for (const line of lines) {
    const cells = Object.fromEntries(line.split(',').map((cell, i) => [names[i] ?? '', cell]));
    const key = [...Object.keys(levels), 'opt'].map((name) => cells[name]).join(',');
    const curve = ['e1', 'e2', 'e3', 'e4'].map((name) => Number(cells[name]));
    found.set(key, [...(found.get(key) ?? []), curve]);
  }
  return new Map(
    [...found].map(([key, curves]) => [
      key,
      {
        curve: (curves[0] ?? []).map(
          (_, epoch) => curves.reduce((sum, curve) => sum + (curve[epoch] ?? 0), 0) / curves.length,
        ),
      },
    ]),
  );
}

export function rowOf(table: ReadonlyMap<string, TableRow>, values: Values): TableRow {
  const key = [...Object.entries(levels).map(([name, found]) => found[Number(values[name])]), values.opt].join(',');
  const row = table.get(key);
  if (row === undefined) throw new Error(`the table has no configuration ${key}`);
  return row;
}

export function tableProblem(): Problem {
  const table = readTable();
  return { name: 'digits CNN', space, mode: 'max', evaluate: (values) => rowOf(table, values).curve.at(-1) ?? 0 };
}
