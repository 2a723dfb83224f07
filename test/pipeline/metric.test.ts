import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { findMetric, MetricNotFoundError, normaliseMetric } from '../../src/pipeline/metric.js';

function inLog(log: string, request = {}) {
  return findMetric({ log }, request);
}

describe('the metric', () => {
  it('is the same for 93.1, 93.1 % and 0.931', () => {
    for (const written of ['93.1', '93.1 %', '93.1%', '0.931']) {
      assert.equal(inLog(`val_accuracy: ${written}\n`).value.toFixed(6), '0.931000', written);
    }
    assert.equal(normaliseMetric('val_loss', 2.5), 2.5, 'a loss is no accuracy');
    assert.equal(normaliseMetric('accuracy', 1), 1);
  });

  it('comes from metrics.json before the log', () => {
    const found = findMetric({ file: '{"val_accuracy": 0.9, "loss": NaN}', log: 'val_accuracy: 0.1' }, {});
    assert.deepEqual(found, { name: 'val_accuracy', value: 0.9, source: 'metrics.json' });
  });

  it('is found in a nested file and under its own name', () => {
    assert.equal(findMetric({ file: '{"test": {"f1": 0.7}}', log: '' }, { name: 'f1' }).value, 0.7);
    assert.equal(findMetric({ file: '0.87\n', log: '' }, { source: 'accuracy.txt' }).value, 0.87);
  });

  it('is the last that Keras drew, through carriage returns, colours and backspaces', () => {
    const bar = '\u001b[1m33/33\u001b[0m \u001b[32m━━━━\u001b[0m 0s 6ms/step - accuracy: 0.61 - loss: 1.6';
    const log = `Epoch 1/2\n${bar} - val_accuracy: 0.5000 - val_loss: 2\nEpoch 2/2\r${bar}\r${bar} - val_accuracy: 0.7467 - val_loss: 1.4\n`;
    assert.deepEqual(inLog(log), { name: 'val_accuracy', value: 0.7467, source: 'log' });
    assert.equal(inLog('val_accuracy: 0.1\b\b\b\bval_accuracy: 0.9').value, 0.9);
  });

  it('is read from name=value and from words', () => {
    assert.equal(inLog('epoch=3 val_accuracy=0.81').value, 0.81);
    assert.equal(inLog('Final test accuracy: 0.98').name, 'test_accuracy');
    assert.equal(inLog('my_score = 4.2e-1', { name: 'my_score' }).value, 0.42);
  });

  it('of held-out data comes before that of the training', () => {
    assert.equal(inLog('val_accuracy: 0.6\naccuracy: 0.99').value, 0.6);
  });

  it('can be found by a pattern, in which the last match counts', () => {
    assert.equal(inLog('score 0.1\nscore 0.7\n', { pattern: '^score ([0-9.]+)$' }).value, 0.7);
    assert.throws(() => inLog('x', { pattern: '(' }), /metric\.pattern.*no regular expression/);
  });

  it('never makes the worker hang, whatever the pattern', () => {
    assert.throws(() => inLog('a'.repeat(100_000), { pattern: '(a+)+$b' }), MetricNotFoundError);
  });

  it('fails when it is not finite, and says so', () => {
    assert.throws(() => inLog('val_accuracy: nan'), /val_accuracy in log is NaN/);
    assert.throws(() => findMetric({ file: '{"val_accuracy": Infinity}', log: '' }, {}), /Infinity/);
  });

  it('says where it looked when there is none', () => {
    assert.throws(() => inLog('loss: 0.3\nlr: 0.1\n'), /there is no metrics\.json, and the log names only loss, lr/);
    assert.throws(() => findMetric({ file: '{"loss": 1}', log: '' }, {}), /metrics\.json holds no accuracy/);
    assert.throws(() => inLog('val_accuracy: 0.9', { source: 'out/m.json' }), /wrote no out\/m\.json/);
  });
});
