/** Which combinations of values may be suggested: those that can be trained, as far as is known, and were not tried. Pure. */
import { positionsOf, toValues } from './encoding.js';
import { needsAsMuch } from './memory.js';
import type { Random } from './random.js';
import { activeValues, isFeasible, type SearchSpace, type Values, valueKey } from './space.js';

export interface Untried {
  has(values: Values): boolean;
  /** A random combination; undefined when none was met in {@link mostRedraws} draws. */
  draw(random: Random): Values | undefined;
  /**
   * The first combination of {@link gridOf}; undefined when there is none left, or the grid is too large to be gone
   * through.
   */
  firstOfGrid(): Values | undefined;
}

const mostRedraws = 1000;
/** Values of a float without steps in a grid: both ends, the middle, and those between. */
const gridLevels = 5;
/** A larger grid would take seconds. */
const largestGrid = 100_000;

/** @param tooLarge of those that were tried, the ones that ran out of memory */
export function untriedOf(space: SearchSpace, tried: readonly Values[], tooLarge: readonly Values[] = []): Untried {
  const known = new Set(tried.map((values) => combination(space, values)));
  const has = (values: Values): boolean =>
    !known.has(combination(space, values)) &&
    isFeasible(space, values) &&
    !tooLarge.some((others) => needsAsMuch(space, values, others));
  return {
    has,
    draw(random) {
      for (let i = 0; i < mostRedraws; i += 1) {
        const values = toValues(
          space,
          space.parameters.map(() => random()),
        );
        if (has(values)) return values;
      }
      return undefined;
    },
    firstOfGrid() {
      for (const values of gridOf(space)) if (has(values)) return values;
      return undefined;
    },
  };
}

/**
 * The combinations of a grid, {@link largestGrid} at most, without what means nothing in them: so one may come more than
 * once, and feasible or not. The last parameter changes fastest, and floats without steps take {@link gridLevels} values.
 */
export function* gridOf(space: SearchSpace): Generator<Values> {
  const levels = space.parameters.map((parameter) => {
    const continuous = Array.from({ length: gridLevels }, (_, i) => i / (gridLevels - 1));
    return positionsOf(parameter, largestGrid) ?? continuous;
  });
  const size = levels.reduce((product, { length }) => product * length, 1);
  for (let index = 0; index < Math.min(size, largestGrid); index += 1) yield toValues(space, gridPoint(levels, index));
}

function gridPoint(levels: readonly (readonly number[])[], index: number): readonly number[] {
  let rest = index;
  return levels
    .toReversed()
    .map((positions) => {
      const position = positions[rest % positions.length] ?? 0;
      rest = Math.floor(rest / positions.length);
      return position;
    })
    .toReversed();
}

/** Two trials are the same when all values that mean something are written the same. */
export function combination(space: SearchSpace, values: Values): string {
  const active = activeValues(space, values);
  return space.parameters.map(({ name }) => valueKey(active[name])).join('|');
}
