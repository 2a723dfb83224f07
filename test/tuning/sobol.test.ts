import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { seededRandom } from '../../src/tuning/random.js';
import { sobolPoints } from '../../src/tuning/sobol.js';

describe('a scrambled Sobol sequence', () => {
  it('has one of its first 2ᵏ points in each of 2ᵏ equal parts of every axis, also beyond the axes of the table', () => {
    for (const seed of ['a', 'b', 'c']) {
      const points = sobolPoints(32, 40, seededRandom(seed));
      for (let axis = 0; axis < 40; axis += 1) {
        const parts = new Set(points.map((point) => Math.floor((point[axis] ?? 0) * 32)));
        assert.equal(parts.size, 32, `axis ${axis} with seed ${seed}`);
      }
    }
  });

  it('fills the squares of its first two axes as a (0, 2)-sequence does', () => {
    const points = sobolPoints(16, 2, seededRandom('squares'));
    for (const [columns, rows] of [
      [4, 4],
      [2, 8],
      [8, 2],
    ] as const) {
      const cells = new Set(points.map(([x = 0, y = 0]) => `${Math.floor(x * columns)}/${Math.floor(y * rows)}`));
      assert.equal(cells.size, 16, `${columns} × ${rows}`);
    }
  });

  it('integrates a smooth function far better than random points do', () => {
    const product = (point: Float64Array): number => point.reduce((value, x) => value * (1 + (x - 0.5)), 1);
    const errors = ['a', 'b', 'c', 'd', 'e'].map((seed) => {
      const random = seededRandom(seed);
      const mean = (points: readonly Float64Array[]): number =>
        points.reduce((sum, point) => sum + product(point), 0) / points.length;
      const scattered = Array.from({ length: 1024 }, () => Float64Array.from({ length: 6 }, () => random()));
      return [Math.abs(mean(sobolPoints(1024, 6, random)) - 1), Math.abs(mean(scattered) - 1)] as const;
    });
    const worst = Math.max(...errors.map(([sobol]) => sobol));
    assert.ok(worst < 0.003, `${worst}`);
    assert.ok(errors.filter(([sobol, scattered]) => sobol < scattered).length >= 4);
  });

  it('differs between seeds and repeats for the same', () => {
    const points = (seed: string) => sobolPoints(4, 3, seededRandom(seed));
    assert.deepEqual(points('a'), points('a'));
    assert.notDeepEqual(points('a'), points('b'));
  });

  it('has points without positions for a space without parameters', () => {
    assert.deepEqual(sobolPoints(2, 0, seededRandom('none')), [new Float64Array(), new Float64Array()]);
  });
});
