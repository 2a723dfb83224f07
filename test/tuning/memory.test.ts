import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { needsAsMuch } from '../../src/tuning/memory.js';
import type { SearchSpace, Values } from '../../src/tuning/space.js';
import { suggest, type Trial } from '../../src/tuning/suggest.js';

const space: SearchSpace = {
  parameters: [
    { name: 'filters_1', type: 'int', low: 8, high: 256, log: true },
    { name: 'batch_size', type: 'categorical', choices: [16, 256] },
    { name: 'conv_blocks', type: 'int', low: 1, high: 3 },
    { name: 'filters_2', type: 'int', low: 8, high: 256, log: true, when: { parameter: 'conv_blocks', atLeast: 2 } },
    { name: 'learning_rate', type: 'float', low: 0.0001, high: 0.1, log: true },
    { name: 'optimizer', type: 'categorical', choices: ['adam', 'sgd'] },
  ],
};
const large: Values = {
  filters_1: 64,
  batch_size: 256,
  conv_blocks: 2,
  filters_2: 32,
  learning_rate: 0.01,
  optimizer: 'adam',
};

function needs(changed: Values): boolean {
  return needsAsMuch(space, { ...large, ...changed }, large);
}

describe('a network beside one that was too large', () => {
  it('needs as much when all of its sizes are as large or larger', () => {
    assert.equal(needs({}), true);
    assert.equal(needs({ filters_1: 128, filters_2: 33, learning_rate: 0.0001 }), true);
  });

  it('may need less when one of them is smaller', () => {
    assert.equal(needs({ filters_1: 256, batch_size: 16 }), false);
    assert.equal(needs({ filters_2: 31 }), false);
  });

  it('may need less when something else differs of which more is not larger', () => {
    assert.equal(needs({ conv_blocks: 3 }), false);
    assert.equal(needs({ optimizer: 'sgd' }), false);
  });

  it('is not compared by the size of a layer that is left out', () => {
    const narrow = { ...large, conv_blocks: 1 };
    assert.equal(needsAsMuch(space, { ...narrow, filters_2: 8 }, { ...narrow, filters_2: 256 }), true);
  });
});

describe('a study in which large networks run out of memory', () => {
  function runsOut(values: Values): boolean {
    return Number(values.filters_1) * Number(values.batch_size) > 64 * 256;
  }

  function search(sampler: 'auto' | 'random'): Trial[] {
    const history: Trial[] = [];
    for (let number = 0; number < 30; number += 1) {
      const values = suggest(space, history, `memory/${number}`, { sampler })?.values;
      if (values === undefined) break;
      const metric = Number(values.filters_1) / 1000;
      history.push(
        runsOut(values)
          ? { number, values, state: 'failed', isTooLarge: true }
          : { number, values, state: 'completed', metric },
      );
    }
    return history;
  }

  for (const sampler of ['auto', 'random'] as const) {
    it(`is never suggested one that needs as much as one that failed (${sampler})`, () => {
      const history = search(sampler);
      assert.equal(history.length, 30);
      for (const { number, values } of history) {
        const tooLarge = history.filter((trial) => trial.number < number && trial.isTooLarge);
        assert.ok(!tooLarge.some((trial) => needsAsMuch(space, values, trial.values)));
      }
      assert.ok(
        history.some(({ isTooLarge }) => isTooLarge),
        'memory was never too small, so nothing was tested',
      );
    });
  }

  it('ends when all that is left needs as much', () => {
    const only: SearchSpace = { parameters: [{ name: 'units', type: 'int', low: 1, high: 9 }] };
    const history: Trial[] = [{ number: 0, values: { units: 1 }, state: 'failed', isTooLarge: true }];
    assert.equal(suggest(only, history, 'seed'), undefined);
  });
});
