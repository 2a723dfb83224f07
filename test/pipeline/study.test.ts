import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as studies from '../../src/pipeline/study.js';

const at = '2026-01-01T00:00:00.000Z';
const soon = '2026-01-01T01:00:00.000Z';

function study(metrics: readonly (number | null)[], change: Partial<studies.StudySettings> = {}): studies.Study {
  const empty = studies.newStudy({
    id: 's',
    repository: 'a/b',
    branch: 'main',
    baseSha: '1'.repeat(40),
    createdAt: at,
    mode: 'max',
    target: 0.8,
    budget: { trials: 50, hours: 12, patience: 15 },
    ...change,
  });
  return metrics.reduce<studies.Study>(
    (known, metric, number) =>
      studies.recordTrial(known, {
        number,
        run: `r${number}`,
        sha: `${number}`,
        values: {},
        ...(metric === null
          ? { state: 'failed' as const }
          : { state: 'completed' as const, metric: { name: 'val_accuracy', value: metric, source: 'log' } }),
      }),
    empty,
  );
}

describe('a study', () => {
  it('has reached its target when the last trial is at it', () => {
    assert.equal(studies.decide(study([0.3, 0.8]), soon).kind, 'target_reached');
    assert.equal(studies.decide(study([0.9, 0.7]), soon).kind, 'continue');
    assert.equal(studies.decide(study([2, 0.4], { mode: 'min', target: 0.5 }), soon).kind, 'target_reached');
  });

  it('stands at its last trial, or at the commit that brought the best values back', () => {
    const worse = study([0.3, 0.2]);
    assert.deepEqual([studies.lastCommit(worse), studies.trialOnBranch(worse)?.number], ['1', 1]);
    const restored = { ...worse, restoredSha: 'back' };
    assert.deepEqual([studies.lastCommit(restored), studies.trialOnBranch(restored)?.number], ['back', 0]);
    assert.deepEqual([studies.lastCommit(study([])), studies.trialOnBranch(study([]))], ['1'.repeat(40), undefined]);
  });

  it('has not reached its target with a trial that was stopped early, which is not the best either', () => {
    const [first, second] = study([0.3, 0.9]).trials;
    assert.ok(first !== undefined && second !== undefined);
    const pruned = studies.recordTrial(study([0.3]), { ...second, state: 'pruned' });
    assert.equal(studies.decide(pruned, soon).kind, 'continue');
    assert.equal(studies.bestTrial(pruned)?.number, 0);
  });

  it('ends with its trials, its hours or its patience, and says which', () => {
    const budget = { trials: 3, hours: 2, patience: 2 };
    const reasons = [
      studies.decide(study([0.1, 0.2, 0.3], { budget }), soon),
      studies.decide(study([0.1], { budget }), '2026-01-01T02:00:00.000Z'),
      studies.decide(study([0.5, 0.2, 0.3], { budget: { ...budget, trials: 9 } }), soon),
    ].map((decision) => (decision.kind === 'budget_ended' ? decision.reason : decision.kind));
    assert.deepEqual(reasons, ['all 3 trials are used', 'the 2 hours are used', '2 trials brought no improvement']);
  });

  it('ends with the target rather than with the budget when both come at once', () => {
    assert.equal(
      studies.decide(study([0.9], { budget: { trials: 1, hours: 1, patience: 1 } }), soon).kind,
      'target_reached',
    );
  });

  it('loses patience with trials that all fail', () => {
    assert.equal(
      studies.decide(study([null, null], { budget: { trials: 9, hours: 9, patience: 2 } }), soon).kind,
      'budget_ended',
    );
  });

  it('keeps the earliest of the best trials, in either direction', () => {
    assert.equal(studies.bestTrial(study([0.1, 0.7, 0.7, null]))?.number, 1);
    assert.equal(studies.bestTrial(study([0.4, 0.2], { mode: 'min' }))?.number, 1);
    assert.equal(studies.bestTrial(study([null])), undefined);
  });

  it('records a trial once, however often its stage is repeated', () => {
    const once = study([0.1, 0.2]);
    const [first] = once.trials;
    assert.ok(first !== undefined);
    assert.deepEqual(studies.recordTrial(once, first), once);
    assert.equal(studies.nextTrialNumber(once), 2);
  });

  it('ends once, and forgets the push that was pending', () => {
    const ended = studies.endStudy(study([0.1]), 'superseded', soon, 'a person pushed');
    assert.equal(studies.endStudy(ended, 'failed', soon), ended);
    assert.equal(ended.pending, undefined);
  });
});
