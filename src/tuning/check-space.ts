/** What is wrong with a search space before the first trial: how much of it can be tried at all. Pure. */
import { toValues } from './encoding.js';
import { seededRandom } from './random.js';
import { countValues, isFeasible, type SearchSpace } from './space.js';
import { combination, gridOf } from './untried.js';

/** A mistake or an oddity in what a person wanted. */
export interface Finding {
  /** With an error no study is begun; a warning is told. */
  readonly severity: 'error' | 'warning';
  /** The keys down to the place in `.pushtune.yml`, if it is about one. */
  readonly key?: readonly string[];
  readonly message: string;
}

/** How many different networks there are, and how many of them can be built. */
export interface SpaceSize {
  /** Combinations that can be tried; an estimate (see `isExact`) in a large space, infinite with a continuous parameter. */
  readonly combinations: number;
  readonly isExact: boolean;
  /** The share of all combinations that can be built, 0 to 1. */
  readonly share: number;
}

/** Up to so many combinations are gone through one by one. */
const mostCounted = 10_000;
/** So many are drawn from a larger space: a share of one per cent is then seen as 0.4 to 1.6 %. */
const samples = 1000;
/** Of a space of which less can be built, most of a study's start is spent on its edge. */
const smallShare = 0.05;

export function spaceSize(space: SearchSpace): SpaceSize {
  const all = space.parameters.reduce((product, parameter) => product * countValues(parameter), 1);
  return all <= mostCounted ? counted(space, all) : sampled(space, all);
}

function counted(space: SearchSpace, all: number): SpaceSize {
  const feasible = [...gridOf(space)].filter((values) => isFeasible(space, values));
  const different = new Set(feasible.map((values) => combination(space, values)));
  return { combinations: different.size, isExact: true, share: feasible.length / all };
}

function sampled(space: SearchSpace, all: number): SpaceSize {
  const random = seededRandom('space check');
  let feasible = 0;
  for (let i = 0; i < samples; i += 1) {
    const position = space.parameters.map(() => random());
    if (isFeasible(space, toValues(space, position))) feasible += 1;
  }
  const share = feasible / samples;
  return { combinations: share === 0 ? 0 : Math.ceil(all * share), isExact: false, share };
}

export interface SpaceWishes {
  /** Whether the person set ranges, and did not only get those that were found. */
  readonly isStated: boolean;
  /** `budget.trials` of `.pushtune.yml`. */
  readonly trials?: number | undefined;
}

/**
 * What keeps a study over this space from being one. A space that Pushtune found by itself is not refused: its first
 * trial is the person's own network, which is trained in any case.
 */
export function checkSpaceSize(size: SpaceSize, { isStated, trials }: SpaceWishes): readonly Finding[] {
  const { combinations, isExact, share } = size;
  const key = ['hyperparameters'];
  if (share === 0) {
    const tried = isExact ? 'any combination' : `any of ${samples} random combinations`;
    const message = `no network of this space can be built: nothing is left of the image in ${tried}; allow smaller kernels and pools, or fewer blocks`;
    return [isStated ? { severity: 'error', key, message } : { severity: 'warning', message }];
  }
  const findings: Finding[] = [];
  if (share < smallShare && isStated) {
    const message = `only about ${Number((100 * share).toPrecision(2))} % of the combinations leave something of the image; the others are never tried`;
    findings.push({ severity: 'warning', key, message });
  }
  if (combinations === 1) {
    findings.push({
      severity: 'warning',
      ...(isStated ? { key } : {}),
      message: 'only one combination is possible, so there is nothing to search',
    });
  } else if (trials !== undefined && isExact && combinations < trials) {
    const message = `there are only ${combinations} combinations: the study ends when all have been tried`;
    findings.push({ severity: 'warning', key: ['budget', 'trials'], message });
  }
  return findings;
}
