import assert from 'node:assert/strict';
import { it } from 'node:test';
import { minimise } from '../../src/tuning/minimise.js';

function rosenbrock([x = 0, y = 0]: Float64Array) {
  return {
    value: 100 * (y - x * x) ** 2 + (1 - x) ** 2,
    gradient: Float64Array.of(-400 * x * (y - x * x) - 2 * (1 - x), 200 * (y - x * x)),
  };
}

it('follows a curved valley to its end', () => {
  const { point, value } = minimise(rosenbrock, Float64Array.of(-1.2, 1), 200);
  assert.ok(value < 1e-4, `${value}`);
  assert.ok(Math.abs((point[0] ?? 0) - 1) < 0.02);
});

it('stays where the function can be computed', () => {
  const root = ([x = 0]: Float64Array) =>
    x <= 0
      ? { value: Number.POSITIVE_INFINITY, gradient: new Float64Array(1) }
      : { value: x - Math.log(x), gradient: Float64Array.of(1 - 1 / x) };
  const { point } = minimise(root, Float64Array.of(0.01), 100);
  assert.ok(Math.abs((point[0] ?? 0) - 1) < 0.01, `${point[0]}`);
});

it('ends at once at a minimum, and leaves its start as it was', () => {
  const start = Float64Array.of(1, 1);
  assert.deepEqual(minimise(rosenbrock, start, 50), { point: Float64Array.of(1, 1), value: 0 });
  assert.deepEqual(start, Float64Array.of(1, 1));
});
