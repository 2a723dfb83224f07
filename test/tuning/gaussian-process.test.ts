import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  type Distance,
  fitGaussianProcess,
  type GaussianProcess,
  type Point,
} from '../../src/tuning/gaussian-process.js';
import { seededRandom } from '../../src/tuning/random.js';

function standardise(values: readonly number[]): number[] {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const deviation = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
  return values.map((value) => (value - mean) / deviation);
}

function fit(points: readonly Point[], scores: readonly number[], distances: readonly Distance[]): GaussianProcess {
  return fitGaussianProcess(
    points.map((point, i) => ({ point, score: scores[i] ?? 0, uncertainty: 0 })),
    distances,
  );
}

function at(...positions: readonly number[]): Point {
  return Float64Array.from(positions);
}

/** Points at equal distances over one dimension. */
function grid(count: number): Point[] {
  return Array.from({ length: count }, (_, i) => at(i / (count - 1)));
}

describe('a process that is fitted to a smooth curve', () => {
  const points = grid(9);
  const curve = standardise(points.map(([x = 0]) => Math.sin(5 * x)));
  const process = fit(points, curve, ['difference']);

  it('passes through what was observed', () => {
    points.forEach((point, i) => {
      assert.ok(Math.abs(process.predict(point).mean - (curve[i] ?? 0)) < 0.15, `at ${point}`);
    });
  });

  it('predicts what lies between', () => {
    const between = points.slice(1).map(([x = 0]) => x - 1 / 16);
    const expected = between.map((x) => Math.sin(5 * x));
    const predicted = between.map((x) => process.predict(at(x)).mean);
    const [first = 0, last = 0] = [expected.indexOf(Math.max(...expected)), expected.indexOf(Math.min(...expected))];
    assert.equal(predicted.indexOf(Math.max(...predicted)), first);
    assert.equal(predicted.indexOf(Math.min(...predicted)), last);
  });

  it('is surer at what was observed than far from it', () => {
    const near = fit(points.slice(0, 3), curve.slice(0, 3), ['difference']);
    assert.ok(near.predict(at(0)).deviation < near.predict(at(1)).deviation);
  });

  it('is never negative or without limit in its deviation', () => {
    for (const x of [0, 0.01, 0.5, 1]) {
      const { deviation } = process.predict(at(x));
      assert.ok(deviation > 0 && deviation <= 1, `${deviation}`);
    }
  });
});

it('a choice tells nothing about its neighbour in the list, and a number does', () => {
  const points = [0, 0, 0, 1, 1, 1].map((x) => at(x));
  const observed = [1, 1, 1, -1, -1, -1];
  const asNumber = fit(points, observed, ['difference']);
  const asChoice = fit(points, observed, ['equality']);
  const [near, far] = [asChoice.predict(at(0.1)), asChoice.predict(at(0.9))];
  assert.ok(Math.abs(near.mean - far.mean) < 1e-9);
  assert.ok(asNumber.predict(at(0.1)).mean > asNumber.predict(at(0.9)).mean);
});

it('a parameter without any influence is seen through', () => {
  const random = seededRandom('influence');
  const points: Point[] = Array.from({ length: 30 }, () => at(random(), random()));
  const observed = standardise(points.map(([x = 0]) => -((x - 0.5) ** 2)));
  const process = fit(points, observed, ['difference', 'difference']);
  const along = Math.abs(process.predict(at(0.5, 0.5)).mean - process.predict(at(0.05, 0.5)).mean);
  const across = Math.abs(process.predict(at(0.5, 0.5)).mean - process.predict(at(0.5, 0.05)).mean);
  assert.ok(along > 3 * across, `${along} ${across}`);
});

it('the same point observed twice with different results is averaged, not taken for an error', () => {
  const process = fit([at(0.5), at(0.5), at(0), at(1)], [1, -1, 0, 0], ['difference']);
  const { mean, deviation } = process.predict(at(0.5));
  assert.ok(Math.abs(mean) < 0.2, `${mean}`);
  assert.ok(Number.isFinite(deviation));
});

it('observations that are all equal give a flat, finite prediction', () => {
  const process = fit(grid(5), [0, 0, 0, 0, 0], ['difference']);
  const { mean, deviation } = process.predict(at(0.3));
  assert.equal(mean, 0);
  assert.ok(Number.isFinite(deviation));
});

it('an observation that is less sure draws the mean less', () => {
  function meanWith(uncertainty: number): number {
    const observations = grid(3).map((point, i) => ({
      point,
      score: i === 1 ? 1 : -0.5,
      uncertainty: i === 1 ? uncertainty : 0,
    }));
    return fitGaussianProcess(observations, ['difference']).predict(at(0.5)).mean;
  }
  assert.ok(meanWith(0) > 0.9);
  assert.ok(meanWith(1) < 0.7);
});

it('the length scale of an axis that matters is shorter', () => {
  const random = seededRandom('lengths');
  const points: Point[] = Array.from({ length: 30 }, () => at(random(), random()));
  const observed = standardise(points.map(([x = 0]) => Math.sin(6 * x)));
  const [along = 0, across = 0] = fit(points, observed, ['difference', 'difference']).lengthScales;
  assert.ok(across > 3 * along, `${along} ${across}`);
});

it('the noise is found: none in a smooth curve, and much in one that is shaken', () => {
  const random = seededRandom('shaken');
  const points = grid(30);
  const smooth = points.map(([x = 0]) => Math.sin(5 * x));
  const shaken = smooth.map((value) => value + 0.7 * (random() + random() - 1));
  const [none, much] = [smooth, shaken].map((curve) => fit(points, standardise(curve), ['difference']).noise);
  assert.ok((none ?? 1) < 1e-3, `${none}`);
  assert.ok((much ?? 0) > 0.05 && (much ?? 0) < 0.5, `${much}`);
});
