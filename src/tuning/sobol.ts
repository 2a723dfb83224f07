/** Sobol sequences with Owen scrambling: points that fill the unit cube evenly, different for each seed. Pure. */
import type { Random } from './random.js';

/**
 * Primitive polynomials and initial direction numbers of the dimensions after the first, as degree, coefficients and
 * `m` numbers: Joe and Kuo 2008, "Constructing Sobol sequences with better two-dimensional projections", table
 * new-joe-kuo-6.
 */
const directions: readonly (readonly [degree: number, coefficients: number, initial: readonly number[]])[] = [
  [1, 0, [1]],
  [2, 1, [1, 3]],
  [3, 1, [1, 3, 1]],
  [3, 2, [1, 1, 1]],
  [4, 1, [1, 1, 3, 3]],
  [4, 4, [1, 3, 5, 13]],
  [5, 2, [1, 1, 5, 5, 17]],
  [5, 4, [1, 1, 5, 5, 5]],
  [5, 7, [1, 1, 7, 11, 19]],
  [5, 11, [1, 1, 5, 1, 1]],
  [5, 13, [1, 1, 1, 3, 11]],
  [5, 14, [1, 3, 5, 5, 31]],
  [6, 1, [1, 3, 3, 9, 7, 49]],
  [6, 13, [1, 1, 1, 15, 21, 21]],
  [6, 16, [1, 3, 1, 13, 27, 49]],
  [6, 19, [1, 1, 1, 15, 7, 5]],
  [6, 22, [1, 3, 1, 15, 13, 25]],
  [6, 25, [1, 1, 5, 5, 19, 61]],
  [7, 1, [1, 3, 7, 11, 23, 15, 103]],
  [7, 4, [1, 3, 7, 13, 13, 15, 69]],
  [7, 7, [1, 1, 3, 13, 7, 35, 63]],
  [7, 8, [1, 3, 5, 9, 1, 25, 53]],
  [7, 14, [1, 3, 1, 13, 9, 35, 107]],
  [7, 19, [1, 3, 1, 5, 27, 61, 31]],
  [7, 21, [1, 1, 5, 11, 19, 41, 61]],
  [7, 28, [1, 3, 5, 3, 3, 13, 69]],
  [7, 31, [1, 1, 7, 13, 1, 19, 1]],
  [7, 32, [1, 3, 7, 5, 13, 19, 59]],
  [7, 37, [1, 1, 3, 9, 25, 29, 41]],
  [7, 41, [1, 3, 5, 13, 23, 1, 55]],
  [7, 42, [1, 3, 7, 3, 13, 59, 17]],
];

/** Dimensions that have direction numbers of their own; those beyond take them again, with the points in another order. */
const dimensionsKnown = directions.length + 1;

const bits = 32;
const vectors: readonly Uint32Array[] = [firstVectors(), ...directions.map((entry) => directionVectors(...entry))];

/**
 * The first points of a scrambled sequence. A power of two of them is balanced best.
 *
 * @param dimensions lengths of the points, 0 or more
 * @returns `count` points with positions in [0, 1)
 */
export function sobolPoints(count: number, dimensions: number, random: Random): readonly Float64Array[] {
  const order = Array.from({ length: Math.ceil(dimensions / dimensionsKnown) }, () => seedOf(random));
  const scrambles = Array.from({ length: dimensions }, () => seedOf(random));
  return Array.from({ length: count }, (_, index) => {
    const point = new Float64Array(dimensions);
    for (let dimension = 0; dimension < dimensions; dimension += 1) {
      const group = Math.floor(dimension / dimensionsKnown);
      const from = group === 0 ? index : nestedScramble(index, order[group] ?? 0);
      const number = sobolNumber(from, dimension % dimensionsKnown);
      point[dimension] = nestedScramble(number, scrambles[dimension] ?? 0) / 2 ** bits;
    }
    return point;
  });
}

function seedOf(random: Random): number {
  return Math.floor(random() * 2 ** bits);
}

function sobolNumber(index: number, dimension: number): number {
  const vector = vectors[dimension] ?? firstVectors();
  let found = 0;
  for (let bit = 0, rest = index; rest !== 0; bit += 1, rest >>>= 1) {
    if ((rest & 1) === 1) found ^= vector[bit] ?? 0;
  }
  return found >>> 0;
}

/** Owen scrambling by hashing (Burley 2020, "Practical Hash-based Owen Scrambling", with its permutation of Laine and Karras). */
function nestedScramble(number: number, seed: number): number {
  let mixed = (reverseBits(number) + seed) | 0;
  mixed ^= Math.imul(mixed, 0x6c50b47c);
  mixed ^= Math.imul(mixed, 0xb82f1e52);
  mixed ^= Math.imul(mixed, 0xc7afe638);
  mixed ^= Math.imul(mixed, 0x8d22f6e6);
  return reverseBits(mixed);
}

function reverseBits(number: number): number {
  // Neighbours change places: single bits, then groups of twice as many.
  let swapped = ((number >>> 1) & 0x55555555) | ((number & 0x55555555) << 1);
  swapped = ((swapped >>> 2) & 0x33333333) | ((swapped & 0x33333333) << 2);
  swapped = ((swapped >>> 4) & 0x0f0f0f0f) | ((swapped & 0x0f0f0f0f) << 4);
  swapped = ((swapped >>> 8) & 0x00ff00ff) | ((swapped & 0x00ff00ff) << 8);
  return ((swapped >>> 16) | (swapped << 16)) >>> 0;
}

/** The first dimension is van der Corput's sequence. */
function firstVectors(): Uint32Array {
  return Uint32Array.from({ length: bits }, (_, bit) => 2 ** (bits - 1 - bit));
}

/** Bratley and Fox 1988, equation 2: each direction number follows from as many before it as the polynomial's degree. */
function directionVectors(degree: number, coefficients: number, initial: readonly number[]): Uint32Array {
  const vector = new Uint32Array(bits);
  for (let bit = 0; bit < bits; bit += 1) {
    if (bit < degree) {
      vector[bit] = (initial[bit] ?? 1) * 2 ** (bits - 1 - bit);
      continue;
    }
    const before = vector[bit - degree] ?? 0;
    let next = before ^ (before >>> degree);
    for (let k = 1; k < degree; k += 1) {
      if (((coefficients >>> (degree - 1 - k)) & 1) === 1) next ^= vector[bit - k] ?? 0;
    }
    vector[bit] = next;
  }
  return vector;
}
