import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { seededRandom } from '../../src/tuning/random.js';
import { cholesky, inverseOf, solveLower, solveUpper } from '../../src/tuning/triangular.js';

const size = 12;

/** B·Bᵀ + 1 is positive definite. */
function positiveDefinite(): Float64Array {
  const random = seededRandom('matrix');
  const b = Float64Array.from({ length: size * size }, () => random() - 0.5);
  const transposed = Float64Array.from(b, (_, i) => b[(i % size) * size + Math.floor(i / size)] ?? 0);
  return product(b, transposed).map((x, i) => x + (i % (size + 1) === 0 ? 1 : 0));
}

function product(a: Float64Array, b: Float64Array): Float64Array {
  return Float64Array.from({ length: size * size }, (_, i) => {
    let sum = 0;
    for (let k = 0; k < size; k += 1)
      sum += (a[Math.floor(i / size) * size + k] ?? 0) * (b[k * size + (i % size)] ?? 0);
    return sum;
  });
}

function assertClose(found: Float64Array, expected: Float64Array): void {
  for (const [i, x] of found.entries()) assert.ok(Math.abs(x - (expected[i] ?? 0)) < 1e-10, `${i}: ${x}`);
}

describe('a positive definite matrix', () => {
  const matrix = positiveDefinite();
  const lower = cholesky(matrix, size) ?? new Float64Array();
  const unit = Float64Array.from({ length: size * size }, (_, i) => Number(i % (size + 1) === 0));

  it('times its inverse is the unit matrix', () => {
    assertClose(product(matrix, inverseOf(lower, size)), unit);
  });

  it('is solved by its two triangles', () => {
    const right = Float64Array.from({ length: size }, (_, i) => i - 3);
    const solution = solveUpper(lower, solveLower(lower, right));
    const back = Float64Array.from(right, (_, i) =>
      solution.reduce((sum, x, k) => sum + (matrix[i * size + k] ?? 0) * x, 0),
    );
    assertClose(back, right);
  });
});

it('a matrix that is not positive definite has no triangle', () => {
  assert.equal(cholesky(Float64Array.of(1, 2, 2, 1), 2), undefined);
  assert.equal(cholesky(Float64Array.of(Number.NaN), 1), undefined);
});
