import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { importances } from '../../src/tuning/importance.js';
import { seededRandom } from '../../src/tuning/random.js';
import { decode, type Parameter, type SearchSpace, type Values } from '../../src/tuning/space.js';
import type { Trial } from '../../src/tuning/suggest.js';
import { readGrid } from '../bench/digits-grid.js';
import { histories } from './spaces.js';

/** Random trials whose metric follows from their values. */
function trialsOf(space: SearchSpace, count: number, metric: (values: Values, i: number) => number): Trial[] {
  const random = seededRandom('trials');
  return Array.from({ length: count }, (_, number) => {
    const values = Object.fromEntries(
      space.parameters.map((parameter) => [parameter.name, decode(parameter, random())]),
    );
    return { number, values, state: 'completed', metric: metric(values, number) };
  });
}

function shareOf(found: ReturnType<typeof importances>, name: string): number {
  return found?.find((parameter) => parameter.name === name)?.share ?? Number.NaN;
}

const rate: Parameter = { name: 'rate', type: 'float', low: 1e-5, high: 1, log: true };
const layers: Parameter = { name: 'layers', type: 'int', low: 1, high: 4 };
const optimizer: Parameter = { name: 'optimizer', type: 'categorical', choices: ['sgd', 'adam', 'adagrad', 'nadam'] };
const constant: Parameter = { name: 'constant', type: 'int', low: 3, high: 3 };
const space: SearchSpace = { parameters: [rate, layers, optimizer, constant] };
const exponent = (values: Values): number => Math.log10(Number(values.rate));

describe('the importance of parameters', () => {
  it('is all with the only parameter that matters, of every kind', () => {
    const metrics: readonly (readonly [string, (values: Values) => number])[] = [
      ['rate', (values) => -Math.abs(exponent(values) + 2)],
      ['layers', (values) => Number(values.layers)],
      ['optimizer', (values) => (values.optimizer === 'adam' || values.optimizer === 'nadam' ? 0.9 : 0.4)],
    ];
    for (const [name, metric] of metrics) {
      const found = importances(space, trialsOf(space, 40, metric));
      assert.equal(found?.[0]?.name, name);
      assert.ok(shareOf(found, name) > 0.8, `${name} has ${shareOf(found, name)}`);
      assert.equal(shareOf(found, 'constant'), 0);
    }
  });

  it('sees parameters that only matter together', () => {
    const found = importances(
      { parameters: [rate, optimizer, layers] },
      trialsOf(space, 60, (values) => (exponent(values) > -2.5 === (values.optimizer === 'sgd') ? 1 : 0)),
    );
    assert.ok(shareOf(found, 'rate') > 0.25 && shareOf(found, 'optimizer') > 0.25);
  });

  it('does not give a parameter what belongs to the one that decides whether it has a meaning', () => {
    const second: Parameter = {
      name: 'second',
      type: 'int',
      low: 8,
      high: 64,
      when: { parameter: 'layers', atLeast: 2 },
    };
    const conditional: SearchSpace = { parameters: [second, layers] };
    const trials = trialsOf(conditional, 60, (values) => (Number(values.layers) >= 2 ? 1 : 0));
    assert.ok(shareOf(importances(conditional, trials), 'second') < 0.01);
  });

  it('is not told of few trials, of equal ones, or of noise', () => {
    const good = (values: Values): number => Number(values.layers);
    assert.equal(importances(space, trialsOf(space, 7, good)), undefined);
    assert.equal(
      importances(
        space,
        trialsOf(space, 40, () => 0.1),
      ),
      undefined,
    );
    const failed = trialsOf(space, 40, good).map((trial, i): Trial => (i < 7 ? trial : { ...trial, state: 'failed' }));
    assert.equal(importances(space, failed), undefined);
    const random = seededRandom('noise');
    const told = Array.from({ length: 20 }, () =>
      importances(
        space,
        trialsOf(space, 40, () => random()),
      ),
    );
    assert.ok(told.filter((found) => found !== undefined).length <= 2);
  });

  it('does not hang on one loss that exploded', () => {
    const trials = trialsOf(space, 40, (values, i) => (i === 5 ? 1e12 : Number(values.layers) + exponent(values) / 20));
    assert.equal(importances(space, trials)?.[0]?.name, 'layers');
  });

  it('does not depend on the order of the trials, and takes any history', () => {
    fc.assert(
      fc.property(histories, fc.integer(), ({ space: any, history }, seed) => {
        const found = importances(any, history);
        const random = seededRandom(`${seed}`);
        const keys = new Map(history.map((trial) => [trial, random()]));
        const mixed = [...history].sort((a, b) => (keys.get(a) ?? 0) - (keys.get(b) ?? 0));
        assert.deepEqual(importances(any, mixed), found);
        if (found === undefined) return;
        assert.equal(found.length, any.parameters.length);
        assert.ok(found.every(({ share }) => share >= 0 && share <= 1 + 1e-9));
        assert.ok(Math.abs(found.reduce((sum, { share }) => sum + share, 0) - 1) < 1e-9);
      }),
    );
  });
});

describe('the importance of parameters in 3 024 measured networks', () => {
  /** Shares of the variance: learning rate 26 %, optimizer 12 %, layers 11 %, batch size 8 %, filters 4 %, the others 0. */
  const grid = readGrid();

  function drawnTrials(seed: number, count: number): Trial[] {
    const random = seededRandom(`table ${seed}`);
    return Array.from({ length: count }, (_, number) => {
      const values = grid.all[Math.floor(random() * grid.all.length)] ?? {};
      return { number, values, state: 'completed', metric: grid.train(values, `${seed}`).at(-1) ?? Number.NaN };
    });
  }

  it('has the learning rate first with 40 of them, in most draws, and kernel and dropout behind', () => {
    const told = Array.from({ length: 40 }, (_, seed) => importances(grid.space, drawnTrials(seed, 40))).filter(
      (found) => found !== undefined,
    );
    const mean = (name: string): number => told.reduce((sum, found) => sum + shareOf(found, name), 0) / told.length;
    assert.ok(told.length >= 34, `${told.length} of 40 draws told something`);
    const first = told.filter((found) => found[0]?.name === 'lr').length;
    assert.ok(first > told.length / 2, `the learning rate was first in ${first} of ${told.length} draws`);
    const order = grid.space.parameters.map(({ name }) => [name, mean(name)] as const).sort((a, b) => b[1] - a[1]);
    assert.equal(order[0]?.[0], 'lr');
    assert.deepEqual(
      order
        .slice(-2)
        .map(([name]) => name)
        .sort(),
      ['dropout', 'kernel'],
    );
  });
});
