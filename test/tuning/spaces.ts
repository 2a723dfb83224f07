/** Arbitrary search spaces and histories, and what makes a value legal: written apart from the code that is tested. */
import fc from 'fast-check';
import type { FloatParameter, IntParameter, Parameter, ParameterValue, SearchSpace } from '../../src/tuning/space.js';
import type { Trial } from '../../src/tuning/suggest.js';

/** Figures as people write them: up to four digits and an exponent. */
function written(least: number, most: number): fc.Arbitrary<number> {
  return fc
    .tuple(fc.integer({ min: least, max: most }), fc.integer({ min: -6, max: 3 }))
    .map(([digits, exponent]) => Number(`${digits}e${exponent}`));
}

function range(figure: fc.Arbitrary<number>): fc.Arbitrary<{ low: number; high: number }> {
  return fc.tuple(figure, figure).map(([a, b]) => ({ low: Math.min(a, b), high: Math.max(a, b) }));
}

const name = fc.string({ minLength: 1, maxLength: 3 });
const positive = written(1, 9999);
const whole = fc.integer({ min: -1000, max: 1000 });
const positiveWhole = fc.integer({ min: 1, max: 4096 });

const float: fc.Arbitrary<FloatParameter> = fc.oneof(
  range(written(-9999, 9999)).map((limits) => ({ name: '', type: 'float' as const, ...limits })),
  range(positive).map((limits) => ({ name: '', type: 'float' as const, ...limits, log: true })),
  fc
    .tuple(written(-9999, 9999), fc.integer({ min: 0, max: 50 }), fc.constantFrom(0.05, 0.1, 0.25, 1, 5))
    .map(([low, steps, step]) => ({
      name: '',
      type: 'float' as const,
      low,
      high: Number((low + steps * step).toPrecision(12)),
      step,
    })),
);

const int: fc.Arbitrary<IntParameter> = fc.oneof(
  range(whole).map((limits) => ({ name: '', type: 'int' as const, ...limits })),
  range(positiveWhole).map((limits) => ({ name: '', type: 'int' as const, ...limits, log: true })),
  fc
    .tuple(range(whole), fc.integer({ min: 1, max: 64 }))
    .map(([limits, step]) => ({ name: '', type: 'int' as const, ...limits, step })),
);

const value: fc.Arbitrary<ParameterValue> = fc.oneof(
  fc.string({ maxLength: 5 }),
  fc.boolean(),
  whole,
  fc.tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 9 })),
);

export const parameters: fc.Arbitrary<Parameter> = fc
  .tuple(
    name,
    fc.oneof(
      float,
      int,
      fc
        .uniqueArray(value, { minLength: 1, maxLength: 5, selector: (choice) => JSON.stringify(choice) })
        .map((choices) => ({ name: '', type: 'categorical' as const, choices })),
    ),
  )
  .map(([key, parameter]) => ({ ...parameter, name: key }));

export const spaces: fc.Arbitrary<SearchSpace> = fc
  .uniqueArray(parameters, { minLength: 1, maxLength: 4, selector: (parameter) => parameter.name })
  .map((found) => ({ parameters: found }));

/** Spaces of at most 64 combinations. */
export const smallSpaces: fc.Arbitrary<SearchSpace> = fc
  .uniqueArray(
    fc
      .tuple(
        name,
        fc.oneof(
          fc.uniqueArray(fc.boolean(), { minLength: 1 }).map((choices) => ({ type: 'categorical' as const, choices })),
          fc.tuple(whole, fc.integer({ min: 0, max: 3 })).map(([low, more]) => ({
            type: 'int' as const,
            low,
            high: low + more,
          })),
          positiveWhole.map((low) => ({ type: 'int' as const, low, high: low + 2, log: true })),
          written(-99, 99).map((low) => ({ type: 'float' as const, low, high: low })),
          fc.constantFrom(0, 0.1).map((low) => ({ type: 'float' as const, low, high: 0.3, step: 0.1 })),
        ),
      )
      .map(([key, parameter]): Parameter => ({ ...parameter, name: key })),
    { minLength: 1, maxLength: 3, selector: (parameter) => parameter.name },
  )
  .map((found) => ({ parameters: found }));

/** A space and a history in it, with all that can go wrong: failures, NaN, duplicates, values that it does not hold. */
export const histories: fc.Arbitrary<{ readonly space: SearchSpace; readonly history: readonly Trial[] }> =
  spaces.chain((space) =>
    fc
      .array(
        fc.record({
          values: fc
            .tuple(
              ...space.parameters.map((parameter) => fc.oneof({ weight: 4, arbitrary: legalValue(parameter) }, value)),
            )
            .map((found) => Object.fromEntries(space.parameters.map(({ name: key }, i) => [key, found[i] ?? 0]))),
          state: fc.constantFrom(...(['completed', 'completed', 'pruned', 'failed', 'running'] as const)),
          metric: fc.oneof(
            { weight: 4, arbitrary: fc.integer({ min: 0, max: 1000 }).map((figure) => figure / 1000) },
            fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 1e300, undefined),
          ),
        }),
        { maxLength: 14 },
      )
      .map((trials) => ({
        space,
        history: trials.map(({ metric, ...trial }, number) => ({
          ...trial,
          number,
          ...(metric === undefined ? {} : { metric }),
        })),
      })),
  );

function legalValue(parameter: Parameter): fc.Arbitrary<ParameterValue> {
  if (parameter.type === 'categorical') return fc.constantFrom(...parameter.choices);
  if (parameter.type === 'float') return fc.constantFrom(parameter.low, parameter.high);
  return fc.integer({ min: parameter.low, max: parameter.high });
}

/** Whether the parameter may take the value. */
export function isLegal(parameter: Parameter, found: ParameterValue | undefined): boolean {
  if (parameter.type === 'categorical') {
    return parameter.choices.some((choice) => JSON.stringify(choice) === JSON.stringify(found));
  }
  if (typeof found !== 'number' || !(found >= parameter.low && found <= parameter.high)) return false;
  if (parameter.type === 'int' && !Number.isInteger(found)) return false;
  if (parameter.step === undefined) return true;
  const steps = (found - parameter.low) / parameter.step;
  return Math.abs(steps - Math.round(steps)) < 1e-6;
}
