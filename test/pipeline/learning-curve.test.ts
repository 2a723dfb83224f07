import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { finitePart, readLearningCurve } from '../../src/pipeline/learning-curve.js';

/** The events of a fit that reports these metrics; undefined stands for an epoch of which nothing was heard. */
function fit(number: number, epochs: readonly (Readonly<Record<string, number>> | undefined)[], planned = 8): string {
  const reported = epochs.flatMap((metrics, i) =>
    metrics === undefined ? [] : [{ type: 'epoch', fit: number, epoch: i + 1, metrics }],
  );
  return [{ type: 'fit_started', fit: number, epochs: planned }, ...reported]
    .map((event) => `${JSON.stringify(event)}\n`)
    .join('')
    .replaceAll('"NaN"', 'NaN');
}

describe('the learning curve', () => {
  it('holds the metric that will be read in the end', () => {
    const events = fit(1, [
      { accuracy: 0.5, val_accuracy: 0.4, loss: 2, val_auc: 0.6 },
      { accuracy: 0.7, val_accuracy: 0.6, loss: 1, val_auc: 0.7 },
    ]);
    assert.deepEqual(readLearningCurve(events, {}), {
      name: 'val_accuracy',
      values: [0.4, 0.6],
      losses: [2, 1],
      epochs: 8,
      isEnded: false,
    });
    assert.deepEqual(readLearningCurve(events, { name: 'val_auc' }).values, [0.6, 0.7]);
    assert.deepEqual(readLearningCurve(events, { name: 'val_acc' }).values, [0.4, 0.6], 'by another name for it');
    assert.equal(readLearningCurve(`${events}{"type":"fit_ended","fit":1}\n`, {}).isEnded, true);
  });

  it('is empty where the figure comes from elsewhere, but for the loss', () => {
    const events = fit(1, [{ accuracy: 0.5, val_accuracy: 0.4, loss: 2 }]);
    for (const request of [{ source: 'metrics.json' }, { pattern: 'score (.*)' }, { name: 'score' }]) {
      const { values, losses } = readLearningCurve(events, request);
      assert.deepEqual({ values, losses }, { values: [], losses: [2] });
    }
    const training = readLearningCurve(fit(1, [{ accuracy: 0.5, loss: 2 }]), {});
    assert.deepEqual(training.values, [], 'the accuracy of the training data is only read when there is no other');
    assert.deepEqual(readLearningCurve('', {}), {
      name: 'metric',
      values: [],
      losses: [],
      epochs: undefined,
      isEnded: false,
    });
  });

  it('is none of a script with several fits, of which the last one may still diverge', () => {
    const events = fit(1, [{ val_accuracy: 0.4, loss: 2 }]) + fit(2, [{ val_accuracy: 0.5, loss: 3 }]);
    const { values, losses } = readLearningCurve(events, {});
    assert.deepEqual({ values, losses }, { values: [], losses: [3] });
  });

  it('has a value for each epoch, also where only some are validated', () => {
    const some = [{ loss: 1 }, { val_accuracy: 0.4, loss: 1 }, { loss: 1 }, undefined, { val_accuracy: 0.6, loss: 1 }];
    assert.deepEqual(readLearningCurve(fit(1, some), {}).values, [0.4, 0.4, 0.4, 0.4, 0.6]);
    assert.deepEqual(readLearningCurve(fit(1, [{ loss: 1 }]), {}).values, []);
  });

  it('keeps what is no number, so that it is seen', () => {
    const text = fit(1, [{ val_accuracy: 0.4, loss: 2 }]).replace('"loss":2', '"loss":NaN');
    assert.deepEqual(readLearningCurve(text, {}).losses, [Number.NaN]);
    assert.deepEqual(finitePart([0.1, Number.NaN, 0.3]), [0.1]);
    assert.deepEqual(finitePart([0.1, 0.2]), [0.1, 0.2]);
  });

  it('is cut when it is very long, whatever number a script gives an epoch', () => {
    const far = `${fit(1, [{ val_accuracy: 0.4 }])}{"type":"epoch","fit":1,"epoch":1000000000,"metrics":{"val_accuracy":1}}\n`;
    assert.deepEqual(readLearningCurve(far, {}).values, [0.4]);
    const long = fit(
      1,
      Array.from({ length: 1200 }, () => ({ val_accuracy: 0.4 })),
      2000,
    );
    assert.equal(readLearningCurve(long, {}).values.length, 1000);
  });
});
