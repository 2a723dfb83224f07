/** The logarithm of the expected improvement. Pure. */
import { logRootTwoPi, normalDistribution, scaledErfc } from './normal-distribution.js';

/** Below it the first terms of the asymptotic series are exact to working precision. */
const farTail = -25;

/**
 * Logarithm of the expected improvement over `best` (Jones, Schonlau and Welch 1998, equation 15), also where the
 * improvement itself is too small for a number, so that a search can climb there (Ament et al. 2023, "Unexpected
 * Improvements to Expected Improvement", section 4).
 *
 * @param deviation more than 0
 */
export function logExpectedImprovement(mean: number, deviation: number, best: number): number {
  return Math.log(deviation) + logUnitImprovement((mean - best) / deviation);
}

/** log(φ(z) + z·Φ(z)). */
function logUnitImprovement(z: number): number {
  const logDensity = -0.5 * z * z - logRootTwoPi;
  if (z < farTail) return logDensity - 2 * Math.log(-z) + Math.log1p(-3 / (z * z));
  // φ + zΦ = φ·(1 − |z|·√(π/2)·erfcx(|z|/√2)).
  if (z < -1) return logDensity + Math.log1p(z * Math.sqrt(Math.PI / 2) * scaledErfc(-z / Math.SQRT2));
  return Math.log(Math.exp(logDensity) + z * normalDistribution(z));
}
