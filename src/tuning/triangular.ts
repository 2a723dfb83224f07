/**
 * Symmetric positive definite matrices as rows one after the other. Pure. Ours, since the kept libraries hold matrices
 * as arrays of arrays: an inverse of 150 × 150 took ml-matrix 6.15 four times as long, and a fit needs about a hundred.
 */

/** The lower triangle L with L·Lᵀ = `matrix`, or undefined when it is not positive definite to working precision. */
export function cholesky(matrix: Float64Array, size: number): Float64Array | undefined {
  const lower = new Float64Array(size * size);
  for (let i = 0; i < size; i += 1) {
    const row = i * size;
    for (let j = 0; j <= i; j += 1) {
      const other = j * size;
      let sum = at(matrix, row + j);
      for (let k = 0; k < j; k += 1) sum -= at(lower, row + k) * at(lower, other + k);
      if (i === j && !(sum > 0)) return undefined;
      lower[row + j] = i === j ? Math.sqrt(sum) : sum / at(lower, other + j);
    }
  }
  return lower;
}

/** Solves L·x = `right`. */
export function solveLower(lower: Float64Array, right: Float64Array): Float64Array {
  const size = right.length;
  const solution = new Float64Array(size);
  for (let i = 0; i < size; i += 1) {
    const row = i * size;
    let sum = at(right, i);
    for (let k = 0; k < i; k += 1) sum -= at(lower, row + k) * at(solution, k);
    solution[i] = sum / at(lower, row + i);
  }
  return solution;
}

/** Solves Lᵀ·x = `right`. */
export function solveUpper(lower: Float64Array, right: Float64Array): Float64Array {
  const size = right.length;
  const solution = new Float64Array(right);
  for (let i = size - 1; i >= 0; i -= 1) {
    const row = i * size;
    const found = at(solution, i) / at(lower, row + i);
    solution[i] = found;
    for (let k = 0; k < i; k += 1) solution[k] = at(solution, k) - at(lower, row + k) * found;
  }
  return solution;
}

/** The inverse of L·Lᵀ, whole. */
export function inverseOf(lower: Float64Array, size: number): Float64Array {
  const inverse = new Float64Array(size * size);
  const triangle = new Float64Array(size * size);
  // Row j of `triangle` is column j of L⁻¹, so that the inner loops run along rows.
  for (let j = 0; j < size; j += 1) {
    const column = j * size;
    triangle[column + j] = 1 / at(lower, column + j);
    for (let i = j + 1; i < size; i += 1) {
      const row = i * size;
      let sum = 0;
      for (let k = j; k < i; k += 1) sum -= at(lower, row + k) * at(triangle, column + k);
      triangle[column + i] = sum / at(lower, row + i);
    }
  }
  for (let i = 0; i < size; i += 1) {
    for (let j = 0; j <= i; j += 1) {
      let sum = 0;
      for (let k = i; k < size; k += 1) sum += at(triangle, i * size + k) * at(triangle, j * size + k);
      inverse[i * size + j] = sum;
      inverse[j * size + i] = sum;
    }
  }
  return inverse;
}

/** Indices stay within the arrays by construction; the compiler does not know. */
function at(array: Float64Array, index: number): number {
  return array[index] as number;
}
