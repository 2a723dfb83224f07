/** The standard normal distribution. Pure. */

export const logRootTwoPi = 0.5 * Math.log(2 * Math.PI);

/** The share of the distribution below `z`, to about 14 digits. */
export function normalDistribution(z: number): number {
  const tail = 0.5 * Math.exp(-0.5 * z * z) * scaledErfc(Math.abs(z) / Math.SQRT2);
  return z < 0 ? tail : 1 - tail;
}

/**
 * exp(x²)·erfc(x) for x ≥ 0: by the series of erf below 2 (Abramowitz and Stegun 1964, 7.1.6), and by its continued
 * fraction from there on (7.1.14).
 */
export function scaledErfc(x: number): number {
  if (x < 2) {
    let term = x;
    let sum = x;
    for (let n = 1; Math.abs(term) > 1e-17 * sum; n += 1) {
      term *= (2 * x * x) / (2 * n + 1);
      sum += term;
    }
    return Math.exp(x * x) - (2 / Math.sqrt(Math.PI)) * sum;
  }
  let fraction = x;
  for (let n = 60; n > 0; n -= 1) fraction = x + n / 2 / fraction;
  return 1 / (Math.sqrt(Math.PI) * fraction);
}
