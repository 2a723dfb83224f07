import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { suggestInThread } from '../../src/threads/suggestion.js';
import type { SearchSpace } from '../../src/tuning/space.js';
import { suggest, type Trial } from '../../src/tuning/suggest.js';

const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];
const space: SearchSpace = { parameters: names.map((name) => ({ name, type: 'float', low: 0, high: 1 })) };
const history = Array.from({ length: 80 }, (_, number): Trial => {
  const values = Object.fromEntries(names.map((name, index) => [name, ((number * (index + 3)) % 97) / 97]));
  return { number, values, state: 'completed', metric: 1 - Math.abs(Number(values.a) - 0.4) };
});

describe('suggestInThread', () => {
  it('gives what suggest gives, while the event loop turns', async () => {
    // The thread is there before turns are counted.
    assert.deepEqual(await suggestInThread(space, [], 'warm'), suggest(space, [], 'warm'));
    let turns = 0;
    let isDone = false;
    const turn = () => {
      turns += 1;
      if (!isDone) setImmediate(turn);
    };
    setImmediate(turn);
    const suggestion = await suggestInThread(space, history, 'seed', { mode: 'max' });
    isDone = true;
    assert.ok(turns > 20, `the event loop turned ${turns} times`);
    assert.deepEqual(suggestion, suggest(space, history, 'seed', { mode: 'max' }));
  });

  it('gives nothing when every combination has been tried', async () => {
    const small: SearchSpace = { parameters: [{ name: 'a', type: 'categorical', choices: [1] }] };
    const tried: Trial = { number: 0, values: { a: 1 }, state: 'completed', metric: 0 };
    assert.equal(await suggestInThread(small, [tried], 'seed'), undefined);
  });

  it('rejects with the error of suggest', async () => {
    await assert.rejects(suggestInThread(null as unknown as SearchSpace, [], 'seed'), (error: Error) => {
      assert.match(error.message, /null/);
      return error.cause instanceof TypeError;
    });
  });
});
