import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fitGaussianProcess, type Point } from '../../src/tuning/gaussian-process.js';
import { seededRandom } from '../../src/tuning/random.js';

function standardise(values: readonly number[]): number[] {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const deviation = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
  return values.map((value) => (value - mean) / deviation);
}

/** Points at equal distances over one dimension. */
function grid(count: number): Point[] {
  return Array.from({ length: count }, (_, i) => [i / (count - 1)]);
}

describe('a process that is fitted to a smooth curve', () => {
  const points = grid(9);
  const curve = standardise(points.map(([x = 0]) => Math.sin(5 * x)));
  const process = fitGaussianProcess(points, curve, [false], seededRandom('smooth'));

  it('passes through what was observed', () => {
    points.forEach((point, i) => {
      assert.ok(Math.abs(process.predict(point).mean - (curve[i] ?? 0)) < 0.15, `at ${point}`);
    });
  });

  it('predicts what lies between', () => {
    const between = points.slice(1).map(([x = 0]) => x - 1 / 16);
    const expected = between.map((x) => Math.sin(5 * x));
    const predicted = between.map((x) => process.predict([x]).mean);
    const [first = 0, last = 0] = [expected.indexOf(Math.max(...expected)), expected.indexOf(Math.min(...expected))];
    assert.equal(predicted.indexOf(Math.max(...predicted)), first);
    assert.equal(predicted.indexOf(Math.min(...predicted)), last);
  });

  it('is surer at what was observed than far from it', () => {
    const near = fitGaussianProcess(points.slice(0, 3), curve.slice(0, 3), [false], seededRandom('near'));
    assert.ok(near.predict([0]).deviation < near.predict([1]).deviation);
  });

  it('is never negative or without limit in its deviation', () => {
    for (const x of [0, 0.01, 0.5, 1]) {
      const { deviation } = process.predict([x]);
      assert.ok(deviation > 0 && deviation <= 1, `${deviation}`);
    }
  });
});

it('a choice tells nothing about its neighbour in the list, and a number does', () => {
  const points: Point[] = [[0], [0], [0], [1], [1], [1]];
  const observed = [1, 1, 1, -1, -1, -1];
  const asNumber = fitGaussianProcess(points, observed, [false], seededRandom('kind'));
  const asChoice = fitGaussianProcess(points, observed, [true], seededRandom('kind'));
  const [near, far] = [asChoice.predict([0.1]), asChoice.predict([0.9])];
  assert.ok(Math.abs(near.mean - far.mean) < 1e-9);
  assert.ok(asNumber.predict([0.1]).mean > asNumber.predict([0.9]).mean);
});

it('a parameter without any influence is seen through', () => {
  const random = seededRandom('influence');
  const points: Point[] = Array.from({ length: 30 }, () => [random(), random()]);
  const observed = standardise(points.map(([x = 0]) => -((x - 0.5) ** 2)));
  const process = fitGaussianProcess(points, observed, [false, false], random);
  const along = Math.abs(process.predict([0.5, 0.5]).mean - process.predict([0.05, 0.5]).mean);
  const across = Math.abs(process.predict([0.5, 0.5]).mean - process.predict([0.5, 0.05]).mean);
  assert.ok(along > 3 * across, `${along} ${across}`);
});

it('the same point observed twice with different results is averaged, not taken for an error', () => {
  const process = fitGaussianProcess([[0.5], [0.5], [0], [1]], [1, -1, 0, 0], [false], seededRandom('twice'));
  const { mean, deviation } = process.predict([0.5]);
  assert.ok(Math.abs(mean) < 0.2, `${mean}`);
  assert.ok(Number.isFinite(deviation));
});

it('observations that are all equal give a flat, finite prediction', () => {
  const process = fitGaussianProcess(grid(5), [0, 0, 0, 0, 0], [false], seededRandom('flat'));
  const { mean, deviation } = process.predict([0.3]);
  assert.equal(mean, 0);
  assert.ok(Number.isFinite(deviation));
});

it('the same seed gives the same fit', () => {
  const fit = () => fitGaussianProcess(grid(6), [0, 1, 0, -1, 0, 1], [false], seededRandom('again')).predict([0.37]);
  assert.deepEqual(fit(), fit());
});
