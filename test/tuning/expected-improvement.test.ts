import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { logExpectedImprovement } from '../../src/tuning/expected-improvement.js';
import { normalDistribution } from '../../src/tuning/normal-distribution.js';

/** The definition: the mean of what lies above the best, summed up over small steps. */
function integrated(mean: number, deviation: number, best: number): number {
  const step = 1e-3;
  let sum = 0;
  for (let z = -9; z < 9; z += step) {
    const gain = Math.max(mean + (z + step / 2) * deviation - best, 0);
    sum += (gain * step * Math.exp(-0.5 * (z + step / 2) ** 2)) / Math.sqrt(2 * Math.PI);
  }
  return sum;
}

describe('the logarithm of the expected improvement', () => {
  it('is that of its definition', () => {
    for (const [mean, deviation, best] of [
      [0, 1, 0],
      [2, 0.5, 0],
      [-1, 2, 3],
      [0, 0.2, 0.9],
    ] as const) {
      const difference = Math.exp(logExpectedImprovement(mean, deviation, best)) - integrated(mean, deviation, best);
      assert.ok(Math.abs(difference) < 1e-6, `${mean} ${deviation} ${best}: ${difference}`);
    }
  });

  it('rises with the mean everywhere, without a step, also where the improvement is no number any more', () => {
    let before = logExpectedImprovement(-60, 1, 0);
    for (let mean = -59.99; mean < 5; mean += 0.01) {
      const found = logExpectedImprovement(mean, 1, 0);
      // Its slope is near |z| in the tail.
      assert.ok(found > before && found - before < 0.01 * (Math.abs(mean) + 2), `${mean}: ${before} ${found}`);
      before = found;
    }
    assert.ok(Number.isFinite(logExpectedImprovement(-1e6, 1, 0)));
  });

  it('rises with the deviation', () => {
    assert.ok(logExpectedImprovement(-1, 2, 0) > logExpectedImprovement(-1, 1, 0));
  });
});

it('the normal distribution has its tabulated values', () => {
  for (const [z, share] of [
    [0, 0.5],
    [1, 0.841344746068543],
    [-1.96, 0.0249978951482204],
    [-5, 2.86651571879194e-7],
    [6, 0.999999999013412],
  ] as const) {
    assert.ok(Math.abs(normalDistribution(z) / share - 1) < 1e-12, `${z}: ${normalDistribution(z)}`);
  }
});
