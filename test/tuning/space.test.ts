import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { countValues, decode, encode, type Parameter, valueKey } from '../../src/tuning/space.js';
import { isLegal, parameters } from './spaces.js';

const positions = fc.double({ min: 0, max: 1, noNaN: true });
const learningRate: Parameter = { name: 'learning_rate', type: 'float', low: 1e-4, high: 1e-1, log: true };

describe('a position of the unit interval', () => {
  it('always stands for a legal value', () => {
    fc.assert(
      fc.property(parameters, positions, (parameter, position) => {
        const value = decode(parameter, position);
        assert.ok(isLegal(parameter, value), `${JSON.stringify(value)} of ${JSON.stringify(parameter)}`);
      }),
    );
  });

  it('stands for an end of the range when it lies outside of the interval', () => {
    assert.equal(decode(learningRate, -3), 1e-4);
    assert.equal(decode(learningRate, 7), 1e-1);
  });

  it('leads back to its value through the position of that value', () => {
    fc.assert(
      fc.property(parameters, positions, (parameter, position) => {
        const value = decode(parameter, position);
        assert.deepEqual(decode(parameter, encode(parameter, value)), value);
      }),
    );
  });

  it('is never outside of the interval, whatever value a history holds', () => {
    fc.assert(
      fc.property(parameters, fc.oneof(fc.double({ noNaN: true }), fc.string(), fc.boolean()), (parameter, value) => {
        const position = encode(parameter, value);
        assert.ok(position >= 0 && position <= 1, `${position}`);
      }),
    );
  });

  it('halves a logarithmic range at the geometric mean, and a linear one at the arithmetic', () => {
    assert.equal(decode(learningRate, 0.5), 0.00316);
    assert.equal(decode({ ...learningRate, log: false }, 0.5), 0.05005);
  });

  it('gives each choice an equal part', () => {
    const choices = ['relu', 'elu', 'gelu', 'tanh'];
    const activation: Parameter = { name: 'activation', type: 'categorical', choices };
    assert.deepEqual(
      [0, 0.24, 0.26, 0.49, 0.51, 0.76, 1].map((position) => decode(activation, position)),
      ['relu', 'relu', 'elu', 'elu', 'gelu', 'tanh', 'tanh'],
    );
  });
});

describe('a suggested value', () => {
  it('is a float of three significant digits, so that a diff can be read', () => {
    for (const position of [0.1, 0.2345678, 1 / 3, 0.9]) {
      const value: number = Number(decode(learningRate, position));
      assert.equal(value, Number(value.toPrecision(3)));
    }
  });

  it('is written without the noise of binary fractions', () => {
    const dropout: Parameter = { name: 'dropout', type: 'float', low: 0.1, high: 0.5, step: 0.1 };
    assert.deepEqual(
      [0, 0.25, 0.5, 0.75, 1].map((position) => String(decode(dropout, position))),
      ['0.1', '0.2', '0.3', '0.4', '0.5'],
    );
  });

  it('never leaves limits that have more digits than it', () => {
    const narrow: Parameter = { name: 'x', type: 'float', low: 0.12345, high: 0.12346 };
    for (const position of [0, 0.5, 1]) assert.ok(isLegal(narrow, decode(narrow, position)));
    const third: Parameter = { name: 'x', type: 'float', low: 1 / 3, high: 1, step: 1 / 3 };
    for (const position of [0, 0.5, 1]) assert.ok(isLegal(third, decode(third, position)), `${position}`);
  });

  it('stays on the last whole step when the range ends between two', () => {
    const filters: Parameter = { name: 'filters', type: 'int', low: 8, high: 30, step: 8 };
    assert.equal(decode(filters, 1), 24);
  });
});

describe('the number of values', () => {
  for (const [parameter, count] of [
    [{ name: 'x', type: 'int', low: 1, high: 10 }, 10],
    [{ name: 'x', type: 'int', low: 8, high: 30, step: 8 }, 3],
    [{ name: 'x', type: 'int', low: 4, high: 4 }, 1],
    [{ name: 'x', type: 'float', low: 0.1, high: 0.5, step: 0.1 }, 5],
    [{ name: 'x', type: 'float', low: 0.1, high: 0.1 }, 1],
    [{ name: 'x', type: 'float', low: 0.1, high: 0.5 }, Number.POSITIVE_INFINITY],
    [{ name: 'x', type: 'categorical', choices: ['a', 'b'] }, 2],
  ] satisfies [Parameter, number][]) {
    it(`of ${JSON.stringify(parameter)} is ${count}`, () => assert.equal(countValues(parameter), count));
  }

  it('is how many different ones the unit interval gives', () => {
    fc.assert(
      fc.property(parameters, (parameter) => {
        const count = countValues(parameter);
        fc.pre(count <= 60);
        const seen = new Set(Array.from({ length: 20_001 }, (_, i) => valueKey(decode(parameter, i / 20_000))));
        assert.equal(seen.size, count);
      }),
      { numRuns: 40 },
    );
  });
});

it('values are the same when they are written the same, tuples included', () => {
  assert.equal(valueKey([3, 3]), valueKey([3, 3]));
  assert.notEqual(valueKey([3, 3]), valueKey([3, 5]));
  assert.notEqual(valueKey('1'), valueKey(1));
});
