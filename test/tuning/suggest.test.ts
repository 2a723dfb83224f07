import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { SearchSpace, Values } from '../../src/tuning/space.js';
import { countValues } from '../../src/tuning/space.js';
import { suggest, type Trial } from '../../src/tuning/suggest.js';
import { histories, isLegal, smallSpaces } from './spaces.js';

const seeds = fc.string({ maxLength: 8 });
/** A fit takes milliseconds; the whole unit suite is to end within seconds. */
const few = { numRuns: 40 };

function written(space: SearchSpace, values: Values): string {
  return JSON.stringify(space.parameters.map(({ name }) => values[name]));
}

function completed(number: number, values: Values, metric: number): Trial {
  return { number, values, state: 'completed', metric };
}

/** Tells what each of so many trials reached, when every suggestion is tried. */
function search(
  space: SearchSpace,
  measure: (values: Values) => number,
  trials: number,
  seed: string,
  mode: 'max' | 'min' = 'max',
): Trial[] {
  const history: Trial[] = [];
  for (let number = 0; number < trials; number += 1) {
    const suggestion = suggest(space, history, `${seed}/${number}`, { mode });
    if (suggestion === undefined) break;
    history.push(completed(number, suggestion.values, measure(suggestion.values)));
  }
  return history;
}

describe('a suggestion', () => {
  it('is legal in every space, whatever the history holds', () => {
    fc.assert(
      fc.property(histories, seeds, fc.constantFrom('max', 'min'), ({ space, history }, seed, mode) => {
        const suggestion = suggest(space, history, seed, { mode });
        if (suggestion === undefined) return;
        assert.deepEqual(Object.keys(suggestion.values).sort(), space.parameters.map(({ name }) => name).sort());
        for (const parameter of space.parameters) {
          const value = suggestion.values[parameter.name];
          assert.ok(isLegal(parameter, value), `${JSON.stringify(value)} of ${JSON.stringify(parameter)}`);
        }
      }),
      { numRuns: 80 },
    );
  });

  it('is never what was tried already, though it failed, still runs, or gave NaN', () => {
    fc.assert(
      fc.property(histories, seeds, ({ space, history }, seed) => {
        const suggestion = suggest(space, history, seed);
        if (suggestion === undefined) return;
        const tried = history.map(({ values }) => written(space, values));
        assert.ok(!tried.includes(written(space, suggestion.values)));
      }),
      few,
    );
  });

  it('tries nothing twice that only differs in what means nothing, and nothing that can not be built', () => {
    const space: SearchSpace = {
      parameters: [
        { name: 'blocks', type: 'int', low: 1, high: 4 },
        { name: 'filters', type: 'int', low: 1, high: 2, when: { parameter: 'blocks', atLeast: 2 } },
      ],
      featureMaps: [
        {
          axes: 2,
          size: [12, 12],
          segments: [
            {
              steps: [{ window: { value: 2 }, padding: 'valid' }],
              counted: { parameter: 'blocks', block: 0, isLast: true },
            },
          ],
        },
      ],
    };
    // 12 → 6 → 3 → 1: four blocks leave nothing.
    const tried = search(space, ({ blocks }) => Number(blocks), 20, 'seed').map(({ values }) => JSON.stringify(values));
    assert.deepEqual(tried.sort(), [
      '{"blocks":1}',
      '{"blocks":2,"filters":1}',
      '{"blocks":2,"filters":2}',
      '{"blocks":3,"filters":1}',
      '{"blocks":3,"filters":2}',
    ]);
  });

  it('is the same for the same space, history and seed', () => {
    fc.assert(
      fc.property(histories, seeds, ({ space, history }, seed) => {
        assert.deepEqual(suggest(space, history, seed), suggest(space, structuredClone(history), seed));
      }),
      few,
    );
  });

  it('does not depend on the order in which the trials are listed', () => {
    const shuffled = histories.chain(({ space, history }) =>
      fc.shuffledSubarray([...history], { minLength: history.length }).map((other) => ({ space, history, other })),
    );
    fc.assert(
      fc.property(shuffled, seeds, ({ space, history, other }, seed) => {
        assert.deepEqual(suggest(space, other, seed), suggest(space, history, seed));
      }),
      few,
    );
  });

  it('does not depend on that order in a history of which only the latest trials are used', () => {
    const space: SearchSpace = { parameters: [{ name: 'x', type: 'float', low: 0, high: 1 }] };
    const history = Array.from({ length: 156 }, (_, number) => {
      const isLate = number >= 150;
      return completed(number, { x: isLate ? 0.9 + number / 10_000 : number / 300 }, isLate ? 0.9 : 0.1);
    });
    assert.deepEqual(suggest(space, history.toReversed(), 'a'), suggest(space, history, 'a'));
  });

  it('leaves its arguments as they are', () => {
    fc.assert(
      fc.property(histories, seeds, ({ space, history }, seed) => {
        const before = structuredClone({ space, history });
        suggest(space, history, seed);
        assert.deepEqual({ space, history }, before);
      }),
      few,
    );
  });

  it('differs between seeds', () => {
    const space: SearchSpace = { parameters: [{ name: 'x', type: 'float', low: 0, high: 1 }] };
    const middle = [completed(0, { x: 0.5 }, 0.1)];
    const answers = ['a', 'b', 'c'].map((seed) => written(space, suggest(space, middle, seed)?.values ?? {}));
    assert.equal(new Set(answers).size, 3);
  });
});

describe('a space with a limited number of combinations', () => {
  it('is gone through completely, each combination once, and then gives no suggestion', () => {
    fc.assert(
      fc.property(smallSpaces, seeds, (space, seed) => {
        const size = space.parameters.reduce((product, parameter) => product * countValues(parameter), 1);
        const trials = search(space, () => 0.5, size + 1, seed);
        assert.equal(trials.length, size);
        assert.equal(new Set(trials.map(({ values }) => written(space, values))).size, size);
      }),
      { numRuns: 15 },
    );
  });

  it('gives its last combination, however hard that is to draw', () => {
    const space: SearchSpace = {
      parameters: [
        { name: 'filters', type: 'int', low: 1, high: 64, log: true },
        { name: 'dropout', type: 'float', low: 0, high: 0.4, step: 0.1 },
        { name: 'kernel', type: 'categorical', choices: [[3, 3], [5, 5], 'same'] },
      ],
    };
    const all = Array.from({ length: 64 }, (_, i) => i + 1).flatMap((filters) =>
      [0, 0.1, 0.2, 0.3, 0.4].flatMap((dropout) =>
        [[3, 3], [5, 5], 'same'].map((kernel): Values => ({ filters, dropout, kernel })),
      ),
    );
    for (const missing of [0, 17, 480, 700, 959]) {
      const history = all.flatMap((values, number): Trial[] =>
        number === missing ? [] : [{ number, values, state: 'failed' }],
      );
      assert.deepEqual(suggest(space, history, `${missing}`)?.values, all[missing]);
    }
  });

  it('gives no suggestion when its only combination is what was pushed', () => {
    const space: SearchSpace = { parameters: [{ name: 'x', type: 'categorical', choices: [[3, 3]] }] };
    assert.deepEqual(suggest(space, [], 'a')?.values, { x: [3, 3] });
    assert.equal(suggest(space, [completed(0, { x: [3, 3] }, 0.5)], 'a'), undefined);
  });

  it('gives no suggestion when it has no parameters and was tried', () => {
    assert.equal(suggest({ parameters: [] }, [completed(0, {}, 0.5)], 'a'), undefined);
  });
});

describe('a search', () => {
  const space: SearchSpace = {
    parameters: [
      { name: 'learning_rate', type: 'float', low: 1e-5, high: 1, log: true },
      { name: 'filters', type: 'int', low: 4, high: 64 },
      { name: 'activation', type: 'categorical', choices: ['tanh', 'relu', 'sigmoid'] },
    ],
  };
  const studies = ['a', 'b', 'c', 'd', 'e'];

  /** Best with learning_rate 0.003, filters 48 and relu, where it is 1. */
  function accuracy({ learning_rate, filters, activation }: Values): number {
    const rate = (Math.log10(Number(learning_rate)) - Math.log10(0.003)) / 2;
    const width = (Number(filters) - 48) / 40;
    return Math.exp(-(rate ** 2) - width ** 2) * (activation === 'relu' ? 1 : 0.7);
  }

  function median(figures: readonly number[]): number {
    return [...figures].sort((a, b) => a - b)[Math.floor(figures.length / 2)] ?? Number.NaN;
  }

  function best(trials: readonly Trial[]): number {
    return Math.max(...trials.map(({ metric }) => metric ?? Number.NEGATIVE_INFINITY));
  }

  /** Trials that learn nothing. */
  function randomSearch(trials: number, seed: string): Trial[] {
    return Array.from({ length: trials }, (_, number) => {
      const values = suggest(space, [], `${seed}/${number}`, { sampler: 'random' })?.values ?? {};
      return completed(number, values, accuracy(values));
    });
  }

  it('gets nearer to the best of a simple function in 20 trials than random trials do in 40', () => {
    const searched = median(studies.map((seed) => best(search(space, accuracy, 20, seed))));
    const random = median(studies.map((seed) => best(randomSearch(40, seed))));
    assert.ok(searched > 0.97, `${searched}`);
    assert.ok(searched > random, `${searched} against ${random}`);
  });

  it('lowers a loss when the lowest is the best', () => {
    const losses = studies.map((seed) => {
      const trials = search(space, (values) => 1 - accuracy(values), 20, seed, 'min');
      return Math.min(...trials.map(({ metric }) => metric ?? Number.POSITIVE_INFINITY));
    });
    assert.ok(median(losses) < 0.03, losses.join(' '));
  });

  it('explores first, and then follows what it has learned', () => {
    const trials = search(space, accuracy, 8, 'a');
    const samplers = [0, 2, 3, 8].map((count) => suggest(space, trials.slice(0, count), 'b')?.sampler);
    assert.deepEqual(samplers, ['middle', 'middle', 'gp', 'gp']);
  });

  it('leaves the region in which trials fail', () => {
    const line: SearchSpace = { parameters: [{ name: 'x', type: 'float', low: 0, high: 1 }] };
    const history = Array.from({ length: 12 }, (_, number): Trial => {
      const values = { x: number / 11 };
      return number < 6 ? { number, values, state: 'failed' } : completed(number, values, 0.5 + number / 100);
    });
    for (const seed of studies) {
      assert.ok(Number(suggest(line, history, seed)?.values.x) > 0.5);
    }
  });

  it('goes on when every trial has failed', () => {
    const failed = Array.from({ length: 10 }, (_, number): Trial => {
      return { number, values: { learning_rate: 1, filters: 4 + number, activation: 'relu' }, state: 'failed' };
    });
    assert.notEqual(suggest(space, failed, 'a'), undefined);
  });
});

describe('the start of a search', () => {
  it('is the middle of all scales with familiar choices, and then with others', () => {
    const space: SearchSpace = {
      parameters: [
        { name: 'learning_rate', type: 'float', low: 1e-4, high: 1e-2, log: true },
        { name: 'filters', type: 'categorical', choices: [64, 16, 32] },
        { name: 'optimizer', type: 'categorical', choices: ['sgd', 'adam', 'rmsprop'] },
      ],
    };
    const first = suggest(space, [], 'a')?.values ?? {};
    assert.deepEqual(first, { learning_rate: 0.001, filters: 32, optimizer: 'adam' });
    const second = suggest(space, [completed(0, first, 0.1)], 'a')?.values;
    assert.deepEqual({ ...second, optimizer: '' }, { ...first, optimizer: '' });
    assert.notEqual(second?.optimizer, 'adam');
  });

  it('goes on while all trials reach the same, since that tells nothing', () => {
    const space: SearchSpace = { parameters: [{ name: 'x', type: 'float', low: 0, high: 1 }] };
    const history = Array.from({ length: 7 }, (_, number) => completed(number, { x: number / 10 }, 0.1));
    assert.equal(suggest(space, history, 'a')?.sampler, 'sobol');
  });

  it('is spared where earlier studies tell enough, and their values may come again', () => {
    const space: SearchSpace = { parameters: [{ name: 'x', type: 'float', low: 0, high: 1 }] };
    const earlier = [0, 0.2, 0.4, 0.6, 0.8, 1].map((x, i) => ({
      ...completed(-1 - i, { x }, 1 - (x - 0.8) ** 2),
      weight: 0.3,
    }));
    const first = suggest(space, [completed(0, { x: 0.1 }, 0.5)], 'a', { earlier });
    assert.equal(first?.sampler, 'gp');
    assert.ok(Math.abs(Number(first?.values.x) - 0.8) < 0.2, JSON.stringify(first));
    const choice: SearchSpace = { parameters: [{ name: 'x', type: 'categorical', choices: ['a', 'b'] }] };
    const known = [completed(-1, { x: 'a' }, 0.9), completed(-2, { x: 'b' }, 0.1), completed(-3, { x: 'b' }, 0.2)];
    assert.deepEqual(suggest(choice, [completed(0, { x: 'b' }, 0.1)], 'a', { earlier: known })?.values, { x: 'a' });
  });
});

describe('a sampler that is asked for', () => {
  const space: SearchSpace = {
    parameters: [
      { name: 'blocks', type: 'int', low: 1, high: 2 },
      { name: 'filters_2', type: 'int', low: 8, high: 9, when: { parameter: 'blocks', atLeast: 2 } },
      { name: 'dropout', type: 'float', low: 0, high: 0.5 },
    ],
  };

  it('grid goes through all combinations in order, the last parameter first, and ends', () => {
    const history: Trial[] = [];
    for (;;) {
      const found = suggest(space, history, `${history.length}`, { sampler: 'grid' });
      if (found?.sampler !== 'grid' || history.length === 15) break;
      history.push(completed(history.length, found.values, 0.5));
    }
    assert.equal(history.length, 15);
    assert.deepEqual(
      history.slice(0, 6).map(({ values }) => values),
      [0, 0.125, 0.25, 0.375, 0.5]
        .map((dropout): Values => ({ blocks: 1, dropout }))
        .concat([{ blocks: 2, filters_2: 8, dropout: 0 }]),
    );
  });

  it('random takes no notice of the metrics', () => {
    const good = [completed(0, { blocks: 1, dropout: 0 }, 1), completed(1, { blocks: 1, dropout: 0.1 }, 0)];
    const bad = good.map((trial) => ({ ...trial, metric: 0.3 }));
    const [a, b] = [good, bad].map((history) => suggest(space, history, 'a', { sampler: 'random' }));
    assert.deepEqual(a, b);
    assert.equal(a?.sampler, 'random');
  });

  it('tpe comes near the best of a simple function, with a parameter that is not always there', () => {
    const reached = ['a', 'b', 'c', 'd', 'e'].map((seed) => {
      const history: Trial[] = [];
      for (let number = 0; number < 60; number += 1) {
        const found = suggest(space, history, `${seed}/${number}`, { sampler: 'tpe' });
        const values = found?.values ?? {};
        assert.equal(found?.sampler, number < 10 ? found?.sampler : 'tpe');
        const metric = (values.blocks === 2 ? 1 : 0.5) - (Number(values.dropout) - 0.2) ** 2;
        history.push(completed(number, values, metric));
      }
      return Math.max(...history.map(({ metric }) => metric ?? 0));
    });
    assert.ok(
      reached.every((metric) => metric > 0.9995),
      `${reached}`,
    );
  });

  it('by itself, tpe follows the process after 150 trials', () => {
    const history = Array.from({ length: 151 }, (_, number) =>
      completed(number, { blocks: 1, dropout: number / 400 }, number / 151),
    );
    assert.equal(suggest(space, history.slice(1), 'a')?.sampler, 'gp');
    assert.equal(suggest(space, history, 'a')?.sampler, 'tpe');
    const earlier = history.map((trial) => ({ ...trial, number: -1 - trial.number, weight: 0.3 }));
    assert.equal(suggest(space, history.slice(0, 5), 'a', { earlier })?.sampler, 'gp');
  });
});

it('goes on when every trial but one was stopped early, and when all were', () => {
  const space: SearchSpace = { parameters: [{ name: 'x', type: 'float', low: 0, high: 1 }] };
  const pruned = [0, 0.3, 0.6, 1].map(
    (x, number): Trial => ({ number, values: { x }, state: 'pruned', metric: 1 - (x - 0.5) ** 2, curve: [0.5] }),
  );
  for (const history of [pruned, [...pruned, completed(4, { x: 0.9 }, 0.4)]]) {
    const x = Number(suggest(space, history, 'a')?.values.x);
    assert.ok(x > 0.3 && x < 0.7, `${x}`);
  }
});

it('of two numbers of epochs that promise the same, the cheaper is tried', () => {
  const space: SearchSpace = {
    parameters: [
      { name: 'epochs', type: 'int', low: 1, high: 50 },
      { name: 'learning_rate', type: 'float', low: 1e-4, high: 1e-1, log: true },
    ],
  };
  const history = [2, 10, 20, 30, 40, 50].map((epochs, number): Trial => {
    const values = { epochs, learning_rate: [1e-3, 3e-3, 1e-4, 1e-2, 3e-2, 1e-1][number] ?? 0 };
    return {
      ...completed(number, values, 0.5 - 0.1 * Math.abs(Math.log10(values.learning_rate) + 2)),
      seconds: epochs,
    };
  });
  const free = history.map(({ seconds: _, ...trial }) => trial);
  const epochs = (trials: readonly Trial[]) =>
    ['a', 'b', 'c'].map((seed) => Number(suggest(space, trials, seed)?.values.epochs)).reduce((a, b) => a + b);
  assert.ok(epochs(history) < epochs(free), `${epochs(history)} ${epochs(free)}`);
});

it('values that are being trained are not suggested again, nor what lies beside them', () => {
  const space: SearchSpace = { parameters: [{ name: 'x', type: 'float', low: 0, high: 1 }] };
  const history = [0, 0.3, 0.6, 1].map((x, number) => completed(number, { x }, 1 - (x - 0.5) ** 2));
  const next = suggest(space, history, 'a')?.values ?? {};
  const running: Trial = { number: 4, values: next, state: 'running' };
  const other = suggest(space, [...history, running], 'a')?.values ?? {};
  assert.ok(Math.abs(Number(other.x) - Number(next.x)) > 0.02, `${next.x} ${other.x}`);
});
