import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as runs from '../../src/pipeline/run.js';

const at = '2026-01-02T03:04:05.000Z';
const later = '2026-01-02T03:05:05.000Z';
const fresh: runs.Run = {
  ...runs.newRun({
    id: 'r',
    repository: 'a/b',
    branch: 'main',
    sha: '1'.repeat(40),
    cause: 'trial',
    message: '',
    study: 's',
    trial: 1,
    createdAt: at,
  }),
  number: 1,
};

describe('a run', () => {
  it('lists its five stages as waiting from the beginning', () => {
    assert.deepEqual(Object.keys(fresh.stages), ['pull', 'build', 'train', 'evaluate', 'tune']);
    assert.ok(Object.values(fresh.stages).every(({ state }) => state === 'waiting'));
    assert.equal(runs.currentStage(fresh), 'pull');
  });

  it('keeps the time of the first start when a stage is started again', () => {
    const again = runs.startStage(runs.startStage(fresh, 'pull', at), 'pull', later);
    assert.equal(again.stages.pull.startedAt, at);
    assert.equal(again.state, 'running');
  });

  it('ends at the stage that fails, and skips the others', () => {
    const failed = runs.failStage(runs.startStage(fresh, 'pull', at), 'pull', later, 'no network');
    assert.equal(failed.state, 'failed');
    assert.equal(failed.reason, 'no network');
    assert.equal(failed.stages.tune.state, 'skipped');
    assert.ok(runs.isFinished(failed));
  });

  it('ends once: what comes later changes nothing', () => {
    const ended = runs.endRun(fresh, 'superseded', at, 'a person pushed');
    assert.equal(runs.endRun(ended, 'succeeded', later), ended);
    assert.equal(runs.failStage(ended, 'train', later, 'x'), ended);
    assert.equal(runs.startStage(ended, 'train', later), ended);
  });

  it('tells an event once, and which of them are warnings', () => {
    const events = [{ text: 'a shim was used' }, { text: 'exit code 3', isWarning: true }];
    const told = runs.addEventsOnce(fresh, at, events);
    assert.deepEqual(told.events, [
      { at, text: 'a shim was used' },
      { at, text: 'exit code 3', isWarning: true },
    ]);
    assert.equal(runs.addEventsOnce(told, later, events), told);
    assert.deepEqual(runs.warningsOf(told), ['exit code 3']);
  });

  it('goes on to tune when a trial of the bot does not train', () => {
    const failed = runs.failTrialStage(fresh, 'train', at, 'exit code 1');
    assert.ok(!runs.isFinished(failed));
    assert.equal(failed.stages.evaluate.state, 'skipped');
    assert.equal(runs.trialError(failed), 'exit code 1');
  });

  it('keeps the first decision to stop its training, and tells of it once it was stopped', () => {
    const first = { epoch: 2, epochs: 8, reason: 'it was slow' };
    const decided = runs.decideEarlyStop(runs.decideEarlyStop(fresh, first), { epoch: 3, reason: 'it was slower' });
    assert.deepEqual(decided.earlyStop, first);
    const training = { seconds: 1, starts: 1 };
    assert.equal(runs.describeEarlyStop({ ...decided, training }), undefined, 'it was through before it heard of it');
    const pruned = { ...decided, training: { ...training, isPruned: true as const } };
    assert.equal(runs.describeEarlyStop(pruned), 'stopped after epoch 2 of 8: it was slow');
    const ended = runs.endRun(fresh, 'superseded', at);
    assert.equal(runs.decideEarlyStop(ended, first).earlyStop, undefined);
  });
});
