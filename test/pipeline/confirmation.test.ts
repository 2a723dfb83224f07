import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { describeConfirmed, planConfirmation, recordConfirmation } from '../../src/pipeline/confirmation.js';
import {
  arriveAt,
  decide,
  isNewestRun,
  newStudy,
  outstandingPush,
  pushed,
  recordTrial,
  type Study,
} from '../../src/pipeline/study.js';

const at = '2026-01-01T00:00:00.000Z';

function metric(value: number) {
  return { name: 'val_accuracy', value, source: 'log' };
}

/** Its trial 0 has reached the target of 0.97 with 0.972. */
function reached(change: Partial<Study> = {}): Study {
  const empty = newStudy({
    id: 's',
    repository: 'a/b',
    branch: 'main',
    baseSha: 'base',
    createdAt: at,
    mode: 'max',
    target: 0.97,
    confirm: true,
    budget: { trials: 50, hours: 12, patience: 15 },
  });
  const trial = { number: 0, run: 'r0', sha: 'c0', values: {}, state: 'completed' as const, metric: metric(0.972) };
  return recordTrial({ ...empty, ...change }, trial);
}

describe('a study that wants its target confirmed', () => {
  it('has its winner trained once more, and written down once only', () => {
    assert.equal(decide(reached(), at).kind, 'confirm');
    assert.equal(decide(reached({ confirm: false }), at).kind, 'target_reached');
    const planned = planConfirmation(reached(), 'again');
    assert.deepEqual(planned.trials[0]?.confirmation, { run: 'again', seed: 1, first: 0.972 });
    assert.equal(planConfirmation(planned, 'a third'), planned);
    assert.equal(decide(planned, at).kind, 'confirm', 'the second training has not ended');
  });

  it('ends when the mean of both trainings is at the target', () => {
    const confirmed = recordConfirmation(planConfirmation(reached(), 'again'), { metric: metric(0.968) });
    assert.equal(confirmed.trials[0]?.metric?.value, 0.97);
    assert.equal(decide(confirmed, at).kind, 'target_reached');
  });

  it('has a mean that binary fractions do not take from the target', () => {
    const study = { ...reached(), target: 0.88 };
    const [trial] = study.trials;
    assert.ok(trial !== undefined);
    const first = { ...study, trials: [{ ...trial, metric: metric(0.938) }] };
    const confirmed = recordConfirmation(planConfirmation(first, 'again'), { metric: metric(0.822) });
    assert.equal(decide(confirmed, at).kind, 'target_reached');
  });

  it('goes on with the mean when that is below the target, and says so', () => {
    const below = recordConfirmation(planConfirmation(reached(), 'again'), { metric: metric(0.95) });
    assert.equal(decide(below, at).kind, 'continue');
    const [trial] = below.trials;
    assert.equal(trial?.metric?.value, 0.961);
    assert.equal(
      trial && describeConfirmed(trial),
      'Trial 0 reached 0.972, and 0.95 with another seed: 0.961 in the mean',
    );
  });

  it('counts a winner that fails the second time as failed', () => {
    const failed = recordConfirmation(planConfirmation(reached(), 'again'), { error: 'exit code 1\nTraceback' });
    assert.deepEqual([failed.trials[0]?.state, failed.trials[0]?.metric], ['failed', undefined]);
    assert.equal(decide(failed, at).kind, 'continue');
    assert.match(
      (failed.trials[0] && describeConfirmed(failed.trials[0])) ?? '',
      /0\.972, but .* failed: exit code 1$/,
    );
  });

  it('comes to the same when a stage is repeated', () => {
    const planned = planConfirmation(reached(), 'again');
    for (const second of [{ metric: metric(0.95) }, { error: 'exit code 1' }]) {
      const once = recordConfirmation(planned, second);
      assert.deepEqual(recordConfirmation(once, second), once);
      const [trial] = reached().trials;
      assert.ok(trial !== undefined);
      assert.equal(recordTrial(once, trial), once, 'the first training does not undo the second');
    }
  });
});

describe('the run that a study waits for', () => {
  it('is the one that was started last, and known from what was written down before it', () => {
    const planned = planConfirmation(reached(), 'again');
    assert.ok(isNewestRun(planned, 'r0'), 'a worker that died before it started the run starts it');
    const arrived = arriveAt(planned, 'again');
    assert.ok(isNewestRun(arrived, 'again') && !isNewestRun(arrived, 'r0'));
    const restored = { ...arrived, restoredSha: 'back' };
    assert.equal(
      arriveAt(restored, 'again'),
      restored,
      'an extended study stands at the commit that restored its values',
    );
    const pending = {
      purpose: 'trial' as const,
      sha: 'c1',
      parent: 'c0',
      message: '',
      trial: 1,
      values: {},
      run: 'r1',
    };
    const next = arriveAt({ ...arrived, pending, restoredSha: 'c0' }, 'r1');
    assert.deepEqual([next.newestRun, next.restoredSha], ['r1', undefined]);
    assert.equal(arriveAt(next, 'r1'), next);
    assert.equal(outstandingPush({ ...arrived, pending }), undefined, 'nothing trains that commit yet');
    assert.equal(outstandingPush(next), pending);
    assert.equal(pushed(next, 'c2'), next);
    assert.equal(pushed(next, 'c1').pending, undefined);
  });
});
