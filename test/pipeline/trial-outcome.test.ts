import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { failTrialStage, newRun, type Run } from '../../src/pipeline/run.js';
import { newStudy, type Study, type StudyTrial, started } from '../../src/pipeline/study.js';
import { describeLatestTrial, describeOutcome, recordRun, trialStateOf } from '../../src/pipeline/trial-outcome.js';

const at = '2026-01-01T00:00:00.000Z';
const metric = { name: 'val_accuracy', value: 0.5, source: 'keras history' };
const curve = { name: 'val_accuracy', values: [0.4, 0.5], epochs: 4 };
const training = { seconds: 1.5, starts: 1, curve };
const fresh: Run = {
  ...newRun({
    id: 'r5',
    repository: 'a/b',
    branch: 'main',
    sha: 'c5',
    cause: 'trial',
    message: '',
    study: 's',
    trial: 5,
    values: { units: 8 },
    sampler: 'gp',
    createdAt: at,
  }),
  number: 1,
};
const completed: Run = { ...fresh, training, metric, metrics: { val_accuracy: 0.5 } };
const pruned: Run = {
  ...completed,
  earlyStop: { epoch: 2, reason: 'it was slow' },
  training: { ...training, isPruned: true },
};
const failed: Run = failTrialStage(fresh, 'train', at, 'exit code 1\nTraceback');
const study: Study = newStudy({
  id: 's',
  repository: 'a/b',
  branch: 'main',
  baseSha: 'base',
  createdAt: at,
  mode: 'max',
  target: 0.8,
  budget: { trials: 50, hours: 12, patience: 15 },
});

function recorded(run: Run): StudyTrial | undefined {
  return recordRun(study, run, { units: 4 }).trials[0];
}

describe('what a run came to', () => {
  it('is kept as a trial of its study', () => {
    assert.deepEqual(recorded(completed), {
      number: 5,
      run: 'r5',
      sha: 'c5',
      values: { units: 8 },
      state: 'completed',
      metric,
      metrics: { val_accuracy: 0.5 },
      curve: [0.4, 0.5],
      epochs: 4,
      seconds: 1.5,
      sampler: 'gp',
    });
    assert.deepEqual([recorded(failed)?.state, recorded(failed)?.error], ['failed', 'exit code 1\nTraceback']);
    assert.deepEqual([recorded(pruned)?.state, recorded(pruned)?.earlyStop], ['pruned', pruned.earlyStop]);
    const { values: _values, ...push } = completed;
    assert.deepEqual(recorded(push)?.values, { units: 4 }, 'what the person wrote');
  });

  it('has a curve when the figure that counts is of it', () => {
    const read = (change: Partial<typeof metric>) =>
      recorded({ ...completed, metric: { ...metric, ...change } })?.curve;
    assert.deepEqual(read({}), curve.values);
    assert.equal(read({ source: 'metrics.json' }), undefined);
    assert.equal(read({ name: 'val_auc' }), undefined);
    assert.deepEqual(recorded(pruned)?.curve, curve.values);
  });

  it('changes nothing in a study that waits for a later run', () => {
    const later = started(study, 'r6');
    assert.equal(recordRun(later, completed, {}), later);
  });

  it('is told in a sentence', () => {
    assert.deepEqual([completed, pruned, failed].map(trialStateOf), ['completed', 'pruned', 'failed']);
    assert.deepEqual([completed, pruned, failed].map(describeOutcome), [
      'Trial 5 reached val_accuracy 0.5',
      'Trial 5 was stopped after epoch 2: it was slow',
      'Trial 5 failed: exit code 1',
    ]);
    const [trial] = recordRun(study, completed, {}).trials;
    assert.ok(trial !== undefined);
    const confirmation = { run: 'r6', seed: 6, first: 0.6, second: 0.4 };
    const twice = { ...study, trials: [{ ...trial, confirmation }] };
    assert.equal(
      describeLatestTrial(twice, completed),
      'Trial 5 reached 0.6, and 0.4 with another seed: 0.5 in the mean',
    );
  });
});
