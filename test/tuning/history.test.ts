import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { scoreTrials, type Trial } from '../../src/tuning/history.js';

function completed(number: number, metric: number, more: Partial<Trial> = {}): Trial {
  return { number, values: { x: number }, state: 'completed', metric, ...more };
}

function scores(history: readonly Trial[], mode: 'max' | 'min' = 'max'): readonly number[] {
  return scoreTrials(history, mode).map(({ score }) => score);
}

describe('the scores of trials', () => {
  const measured = [0.1, 0.5, 0.7, 0.8, 0.9].map((metric, number) => completed(number, metric));

  it('have mean 0 and deviation 1, and the order of the metrics', () => {
    const found = scores(measured);
    assert.ok(Math.abs(found.reduce((sum, score) => sum + score, 0)) < 1e-9);
    assert.ok(Math.abs(found.reduce((sum, score) => sum + score ** 2, 0) - 5) < 1e-9);
    assert.deepEqual(
      found,
      found.toSorted((a, b) => a - b),
    );
  });

  it('are turned round where the lowest is the best', () => {
    const found = scores(measured, 'min');
    assert.deepEqual(
      found,
      found.toSorted((a, b) => b - a),
    );
  });

  it('do not let one very bad trial take up the scale', () => {
    const losses = [0.2, 0.25, 0.3, 0.35, 1e6].map((metric, number) => completed(number, metric));
    const [best = 0, second = 0] = scores(losses, 'min');
    assert.ok(best - second > 0.05, `${best - second}`);
  });

  it('count a failed trial as the worst', () => {
    const [worst, , , , , failed] = scores([...measured, { number: 5, values: { x: 1 }, state: 'failed' }]);
    assert.equal(failed, worst);
  });

  it('count a trial that still runs as an average one, and not as measured', () => {
    const running = scoreTrials([...measured, { number: 5, values: { x: 1 }, state: 'running' }], 'max').at(-1);
    assert.deepEqual([running?.score, running?.isMeasured], [0, false]);
  });

  it('guess what a pruned trial would have reached from the gains of the others', () => {
    const slow = [0.5, 0.6, 0.7].map((first, number) =>
      completed(number, first + 0.2, { curve: [first, first + 0.2] }),
    );
    const pruned: Trial = { number: 3, values: { x: 3 }, state: 'pruned', metric: 0.6, curve: [0.6] };
    const found = scoreTrials([...slow, pruned], 'max');
    assert.ok(Math.abs((found[3]?.score ?? 0) - (found[1]?.score ?? 1)) < 1e-9);
    assert.equal(found[3]?.isMeasured, false);
    assert.ok((found[3]?.uncertainty ?? 0) > 0);
  });

  it('are the less sure, the less an earlier study weighs', () => {
    const [whole, half, little] = scoreTrials(
      [completed(0, 0.1), completed(1, 0.2, { weight: 0.5 }), completed(2, 0.3, { weight: 0.1 })],
      'max',
    ).map(({ uncertainty }) => uncertainty);
    assert.equal(whole, 0);
    assert.ok((little ?? 0) > (half ?? 0) && (half ?? 0) > 0);
  });

  it('are finite for figures that no training gives', () => {
    for (const figures of [
      [1e300, 0.5, -1e300],
      [1e300, 1e300, 1e300],
      [0.5, 0.5],
      [Number.MAX_VALUE, -Number.MAX_VALUE],
    ]) {
      const found = scores(figures.map((metric, number) => completed(number, metric)));
      assert.ok(found.every(Number.isFinite), `${figures}: ${found}`);
    }
  });

  it('need two that were measured', () => {
    assert.deepEqual(scoreTrials([completed(0, 0.5), completed(1, Number.NaN)], 'max'), []);
  });
});
