import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { newStudy, recordTrial, type Study } from '../../src/pipeline/study.js';
import { summarise } from '../../src/pipeline/study-summary.js';
import type { Values } from '../../src/tuning/space.js';

/** A study with one trial for each of the values; null stands for one that failed. */
function study(trials: readonly (readonly [Values, number | null])[], change: Partial<Study> = {}): Study {
  const empty = newStudy({
    id: 's',
    repository: 'a/b',
    branch: 'main',
    baseSha: 'base',
    createdAt: '2026-01-01T00:00:00.000Z',
    mode: 'max',
    target: 0.99,
    budget: { trials: 50, hours: 12, patience: 15 },
  });
  return trials.reduce<Study>(
    (known, [values, value], number) =>
      recordTrial(known, {
        number,
        run: `r${number}`,
        sha: `c${number}`,
        values,
        ...(value === null
          ? { state: 'failed' as const }
          : { state: 'completed' as const, metric: { name: 'val_accuracy', value, source: 'log' } }),
      }),
    { ...empty, ...change },
  );
}

describe('the summary of a study', () => {
  it('has the curve of the best so far, in either direction', () => {
    const trials = [null, 0.4, 0.2, null, 0.6].map((value) => [{}, value] as const);
    assert.deepEqual(summarise(study(trials)).bestSoFar, [undefined, 0.4, 0.4, 0.4, 0.6]);
    assert.deepEqual(summarise(study(trials, { mode: 'min' })).bestSoFar, [undefined, 0.4, 0.2, 0.2, 0.2]);
  });

  it('tells the best trial against the first', () => {
    const first = { learning_rate: 0.003, filters: 8, epochs: 5 };
    const best = { learning_rate: 0.01, filters: 32, epochs: 5 };
    assert.equal(
      summarise(
        study([
          [first, 0.41],
          [best, 0.98],
          [first, 0.5],
        ]),
      ).progress,
      'val_accuracy 41.0 % → 98.0 % with learning_rate 0.003 → 0.01, filters 8 → 32.',
    );
    assert.equal(
      summarise(
        study([
          [first, null],
          [best, 0.98],
        ]),
      ).progress,
      'val_accuracy 98.0 % with learning_rate 0.003 → 0.01, filters 8 → 32.',
    );
    assert.equal(
      summarise(
        study([
          [first, 0.9],
          [best, 0.4],
        ]),
      ).progress,
      'No trial was better than what was pushed (val_accuracy 90.0 %).',
    );
    assert.equal(summarise(study([[first, 0.9]])).progress, undefined);
  });

  it('says in a sentence what made the difference', () => {
    const parameters = [
      { name: 'learning_rate', type: 'float', low: 0, high: 1 },
      { name: 'filters', type: 'int', low: 1, high: 3 },
      { name: 'DROPOUT', type: 'float', low: 0, high: 1 },
    ] as const;
    function differenceOf(accuracy: (values: Record<string, number>) => number): string | undefined {
      const trials = Array.from({ length: 24 }, (_, i) => {
        const values = { learning_rate: ((i * 7) % 24) / 24, filters: (i % 3) + 1, DROPOUT: ((i * 5) % 24) / 24 };
        return [values, accuracy(values)] as const;
      });
      return summarise(study(trials, { space: { parameters } })).difference;
    }
    assert.match(
      differenceOf(({ learning_rate = 0 }) => learning_rate) ?? '',
      /^The learning rate explains (9\d|100) % of the difference between the trials\.$/,
    );
    assert.match(
      differenceOf(({ filters = 0, DROPOUT = 0 }) => filters / 3 + DROPOUT / 2) ?? '',
      /^The filters explain \d\d % of the difference between the trials, DROPOUT \d\d %\.$/,
    );
    assert.equal(
      differenceOf(() => 0.5),
      undefined,
    );
  });
});
