import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { decide, endStudy, newStudy, recordTrial, type Study } from '../../src/pipeline/study.js';
import { extendStudy, pauseStudy, resumeStudy } from '../../src/pipeline/study-control.js';

const hour = 3_600_000;
const start = Date.parse('2026-01-01T00:00:00.000Z');

function at(hours: number): string {
  return new Date(start + hours * hour).toISOString();
}

function study(budget: Partial<Study['budget']> = {}, metrics: readonly number[] = [0.3]): Study {
  const empty = newStudy({
    id: 's',
    repository: 'a/b',
    branch: 'main',
    baseSha: 'base',
    createdAt: at(0),
    mode: 'max',
    target: 0.8,
    budget: { trials: 50, hours: 12, patience: 15, ...budget },
  });
  return metrics.reduce<Study>((known, value, number) => {
    const metric = { name: 'val_accuracy', value, source: 'log' };
    return recordTrial(known, { number, run: `r${number}`, sha: `c${number}`, values: {}, state: 'completed', metric });
  }, empty);
}

describe('a study that is paused', () => {
  it('is resumed as it was, and twice of either changes nothing', () => {
    const paused = pauseStudy(study(), at(1));
    assert.equal(paused.state, 'paused');
    assert.equal(pauseStudy(paused, at(2)), paused);
    const resumed = resumeStudy(paused, at(4));
    assert.deepEqual(resumed, { ...study(), idleSeconds: 3 * 3600 });
    assert.equal(resumeStudy(resumed, at(5)), resumed);
  });

  it('uses up no hours, however often it is paused', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(100), fc.nat(1000)), { maxLength: 6 }), (phases) => {
        let now = 0;
        let worked = 0;
        let current = study({ hours: 1000 });
        for (const [working, pausing] of phases) {
          worked += working;
          current = pauseStudy(current, at(now + working));
          now += working + pausing;
          current = resumeStudy(current, at(now));
        }
        assert.equal(decide(current, at(now + 999 - worked)).kind, 'continue');
        assert.equal(decide(current, at(now + 1000 - worked)).kind, 'budget_ended');
      }),
    );
  });

  it('can be superseded, and is not paused or resumed after that', () => {
    const ended = endStudy(pauseStudy(study(), at(1)), 'superseded', at(2), 'feed1234 was pushed to main');
    assert.equal(ended.state, 'superseded');
    assert.equal(ended.pausedAt, undefined);
    assert.throws(() => pauseStudy(ended, at(3)), {
      name: 'StudyControlError',
      message: 'the study was superseded (feed1234 was pushed to main); there is nothing to pause',
    });
    assert.throws(() => resumeStudy(ended, at(3)), /superseded.*push to begin a new one/);
  });
});

describe('a study that is extended', () => {
  it('goes on as it is with more budget while it is open', () => {
    const more = extendStudy(pauseStudy(study(), at(1)), { trials: 5, patience: 1 }, at(2));
    assert.deepEqual([more.state, more.budget], ['paused', { trials: 55, hours: 12, patience: 16 }]);
  });

  it('is opened again after its budget ended it, and the time in between does not count', () => {
    const ended = endStudy(study({ hours: 2 }), 'budget_ended', at(2), 'the 2 hours are used');
    const open = extendStudy(ended, { hours: 1 }, at(50));
    assert.deepEqual([open.state, open.finishedAt, open.reason], ['running', undefined, undefined]);
    assert.equal(decide(open, at(50.9)).kind, 'continue');
    assert.equal(decide(open, at(51)).kind, 'budget_ended');
  });

  it('is refused what would end it again at once, and says what is used up', () => {
    const ended = endStudy(study({ trials: 3, patience: 2 }, [0.5, 0.4, 0.4]), 'budget_ended', at(1), 'used');
    assert.throws(
      () => extendStudy(ended, { trials: 3 }, at(2)),
      /2 trials brought no improvement; add to that as well/,
    );
    assert.throws(() => extendStudy(ended, { hours: 3 }, at(2)), /all 3 trials are used/);
    assert.equal(extendStudy(ended, { trials: 3, patience: 1 }, at(2)).state, 'running');
  });

  it('is refused when it ended otherwise', () => {
    const reached = endStudy(study(), 'target_reached', at(1));
    assert.throws(() => extendStudy(reached, { trials: 1 }, at(2)), /has reached its target; push to begin a new one/);
  });
});
