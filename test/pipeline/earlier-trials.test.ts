import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { earlierTrials, type Search } from '../../src/pipeline/earlier-trials.js';
import type { StudyHistory } from '../../src/pipeline/study-history.js';
import type { TrialRecord } from '../../src/pipeline/trial-note.js';
import type { Parameter, Values } from '../../src/tuning/space.js';

const sha = 'a'.repeat(40);
const rate: Parameter = { name: 'learning_rate', type: 'float', low: 1e-4, high: 1e-1, log: true };
const filters: Parameter = { name: 'filters', type: 'int', low: 4, high: 32, step: 4 };
const search: Search = {
  space: { parameters: [rate, filters] },
  values: { learning_rate: 0.001, filters: 16 },
  metric: 'val_accuracy',
  mode: 'max',
};

function history(trials: readonly Partial<TrialRecord>[], change: Partial<StudyHistory> = {}): StudyHistory {
  return {
    id: '01A',
    repository: 'a/b',
    branch: 'main',
    baseSha: sha,
    state: 'budget_ended',
    mode: 'max',
    target: 0.8,
    budget: { trials: 50, hours: 12, patience: 15 },
    space: { parameters: [rate, filters] },
    createdAt: '2026-01-01T00:00:00.000Z',
    trials: trials.map((trial, number) => ({
      number,
      sha,
      run: 'r',
      state: 'completed',
      metric: { name: 'val_accuracy', value: 0.5, source: 'log' },
      values: { learning_rate: 0.01, filters: 8 },
      ...trial,
    })),
    ...change,
  };
}

function usedValues(trials: readonly Partial<TrialRecord>[], change?: Partial<StudyHistory>): readonly Values[] {
  return earlierTrials([history(trials, change)], search).map(({ values }) => values);
}

describe('the trials of earlier studies', () => {
  it('come with less weight and with numbers that no trial of the study has, the latest last', () => {
    const metric = (value: number) => ({ metric: { name: 'val_accuracy', value, source: 'log' } });
    const newer = history([metric(0.3)], { id: '01B' });
    const older = history([metric(0.1), { ...metric(0.2), seconds: 3, state: 'pruned' }]);
    const expected = [
      { number: -3, state: 'completed', metric: 0.1 },
      { number: -2, state: 'pruned', metric: 0.2, seconds: 3 },
      { number: -1, state: 'completed', metric: 0.3 },
    ];
    const values = { learning_rate: 0.01, filters: 8 };
    assert.deepEqual(
      earlierTrials([newer, older], search),
      expected.map((trial) => ({ ...trial, values, weight: 0.3 })),
    );
  });

  it('are left out when they failed, or lie outside of the new ranges', () => {
    const outside = [
      { values: { learning_rate: 1, filters: 8 } },
      { values: { learning_rate: 0.01, filters: 33 } },
      { values: { learning_rate: 0.01, filters: 8.5 } },
      { values: { learning_rate: '0.01', filters: 8 } },
    ];
    assert.deepEqual(usedValues([...outside, { state: 'failed' }]), []);
    assert.deepEqual(usedValues([{ values: { learning_rate: 0.1, filters: 6 } }]), [
      { learning_rate: 0.1, filters: 6 },
    ]);
  });

  it('count with what the person wrote for a parameter that they did not have, and without one that is gone', () => {
    const space = { parameters: [rate] };
    const values = { learning_rate: 0.01, epochs: 5 };
    assert.deepEqual(usedValues([{ values }], { space }), [{ learning_rate: 0.01, filters: 16 }]);
  });

  it('have no value for a parameter that means nothing beside the others', () => {
    const units: Parameter = {
      name: 'units_2',
      type: 'int',
      low: 8,
      high: 64,
      when: { parameter: 'layers', atLeast: 2 },
    };
    const layers: Parameter = { name: 'layers', type: 'int', low: 1, high: 3 };
    const space = { parameters: [layers, units] };
    const past = history([{ values: { layers: 1 } }, { values: { layers: 2, units_2: 32 } }], { space });
    const used = earlierTrials([past], { ...search, space, values: { layers: 2, units_2: 16 } });
    assert.deepEqual(
      used.map(({ values }) => values),
      [{ layers: 1 }, { layers: 2, units_2: 32 }],
    );
  });

  it('are of no use with another metric, another direction or a parameter of another type', () => {
    const loss = { metric: { name: 'val_loss', value: 0.5, source: 'log' } };
    assert.deepEqual(usedValues([loss]), []);
    assert.deepEqual(usedValues([{}], { mode: 'min' }), []);
    const categorical = { parameters: [{ name: 'filters', type: 'categorical' }] };
    assert.deepEqual(usedValues([{}], { space: categorical }), []);
    assert.equal(usedValues([{}, loss]).length, 1);
  });

  it('are those of the five latest studies that have any, and 200 at most', () => {
    const many = Array.from({ length: 8 }, (_, i) =>
      history(i === 7 ? [{ state: 'failed' }] : [{ seconds: i }, { seconds: i }], { id: `01${i}` }),
    );
    const seconds = earlierTrials(many, search).map((trial) => trial.seconds);
    assert.deepEqual([...new Set(seconds)], [2, 3, 4, 5, 6]);
    const long = history(Array.from({ length: 300 }, (_, i) => ({ seconds: i })));
    const used = earlierTrials([long], search);
    assert.deepEqual([used.length, used[0]?.seconds, used.at(-1)?.number], [200, 100, -1]);
  });
});
