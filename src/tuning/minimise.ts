/** Minimising a smooth function of a few numbers. Pure. */

export interface Evaluation {
  readonly value: number;
  readonly gradient: Float64Array;
}

export interface Minimum {
  readonly point: Float64Array;
  readonly value: number;
}

/** Pairs of steps and gradients that are remembered. */
const memory = 8;
/** Armijo's constant, and halvings of a step before the search ends (Nocedal and Wright 2006, chapter 3). */
const sufficientDecrease = 1e-4;
const mostHalvings = 12;
/** A step changes no coordinate by more than this, so that a bad first step does not leave the sensible region. */
const longestStep = 2;
const smallestGain = 1e-5;

/**
 * Limited-memory BFGS with a backtracking line search (Nocedal and Wright 2006, algorithm 7.4). Where the function can't
 * be computed it gives an infinite value.
 *
 * @param mostIterations at most so many steps
 */
export function minimise(
  evaluate: (point: Float64Array) => Evaluation,
  start: Float64Array,
  mostIterations: number,
): Minimum {
  let point = start;
  let { value, gradient } = evaluate(point);
  const steps: { readonly moved: Float64Array; readonly turned: Float64Array; readonly curvature: number }[] = [];
  for (let iteration = 0; iteration < mostIterations; iteration += 1) {
    const direction = descent(gradient);
    const slope = dot(direction, gradient);
    if (!(slope < 0)) break;
    const next = walk(direction, slope);
    if (next === undefined) break;
    const moved = next.point.map((x, i) => x - (point[i] ?? 0));
    const turned = next.gradient.map((x, i) => x - (gradient[i] ?? 0));
    const curvature = dot(moved, turned);
    if (curvature > 1e-12) steps.push({ moved, turned, curvature });
    if (steps.length > memory) steps.shift();
    const gain = value - next.value;
    ({ point, value, gradient } = next);
    if (gain < smallestGain) break;
  }
  return { point, value };

  /** The two loops of Nocedal and Wright's algorithm 7.4. */
  function descent(from: Float64Array): Float64Array {
    const direction = from.map((x) => -x);
    const factors: number[] = [];
    for (const { moved, turned, curvature } of steps.toReversed()) {
      const factor = dot(moved, direction) / curvature;
      factors.push(factor);
      for (let i = 0; i < direction.length; i += 1) direction[i] = (direction[i] ?? 0) - factor * (turned[i] ?? 0);
    }
    const last = steps.at(-1);
    if (last !== undefined) {
      const scale = last.curvature / dot(last.turned, last.turned);
      for (let i = 0; i < direction.length; i += 1) direction[i] = (direction[i] ?? 0) * scale;
    }
    for (const { moved, turned, curvature } of steps) {
      const factor = (factors.pop() ?? 0) - dot(turned, direction) / curvature;
      for (let i = 0; i < direction.length; i += 1) direction[i] = (direction[i] ?? 0) + factor * (moved[i] ?? 0);
    }
    return direction;
  }

  function walk(direction: Float64Array, slope: number) {
    const longest = direction.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
    let length = Math.min(1, longestStep / longest);
    for (let halving = 0; halving <= mostHalvings; halving += 1) {
      const candidate = point.map((x, i) => x + length * (direction[i] ?? 0));
      const found = evaluate(candidate);
      if (found.value <= value + sufficientDecrease * length * slope) return { point: candidate, ...found };
      length /= 2;
    }
    return undefined;
  }
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i += 1) sum += (a[i] ?? 0) * (b[i] ?? 0);
  return sum;
}
