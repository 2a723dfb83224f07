import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { checkMetric, type KnownFigures } from '../../src/pipeline/check-metric.js';

const known: KnownFigures = { names: ['loss', 'accuracy'], validates: true, evaluates: false, words: [] };

function metric(stated: { name?: string; mode?: 'max' | 'min'; target?: number }, figures?: KnownFigures): string[] {
  return checkMetric({ mode: 'max', ...stated }, figures, 0.8).map(
    ({ severity, key = [], message }) => `${severity} ${key.join('.')}: ${message}`,
  );
}

/** What is said about the name alone. */
function missing(name: string, figures: Partial<KnownFigures> = {}): string | undefined {
  return metric({ name, target: 0.5 }, { ...known, ...figures }).find((text) => text.includes('metric.name'));
}

describe('checkMetric', () => {
  it('accepts what the script reports, however it is spelt', () => {
    for (const name of ['accuracy', 'acc', 'val_acc', 'validation_accuracy', 'val_digits_accuracy', 'digits_acc']) {
      assert.equal(missing(name), undefined, name);
    }
    assert.equal(missing('test_accuracy', { evaluates: true }), undefined);
  });

  it('says which name was meant', () => {
    assert.match(
      missing('val_f1') ?? '',
      /^error metric\.name: the script has no val_f1.*it reports loss, accuracy, val_/,
    );
    assert.match(missing('val_los') ?? '', /did you mean val_loss\?/);
    assert.match(missing('test_accuracy') ?? '', /the script has no test_accuracy/);
  });

  it('says that a figure of validation needs one', () => {
    assert.match(
      missing('val_accuracy', { validates: false }) ?? '',
      /its fit validates nothing: give fit validation_/,
    );
  });

  it('keeps quiet where the script may print or write the figure itself, or nothing is known', () => {
    assert.equal(missing('val_f1', { words: ["f'F1 (validation): {f1}'"] }), undefined);
    assert.equal(missing('test_accuracy', { words: ["'Test accuracy:'"] }), undefined);
    assert.match(missing('test_accuracy', { words: ["'accuracy'", 'x_test'] }) ?? '', /no test_accuracy/);
    assert.equal(missing('val_f1', { words: ['x'.repeat(400)] }), undefined);
    assert.deepEqual(metric({ name: 'val_f1', target: 0.5 }), []);
  });

  it('knows which figures are better when they are lower', () => {
    assert.match(
      metric({ name: 'val_loss', target: 0.1 })[0] ?? '',
      /^error metric\.mode: val_loss is better .* mode: min/,
    );
    assert.match(metric({ name: 'rmse', target: 0.1 })[0] ?? '', /^error metric\.mode/);
    assert.deepEqual(metric({ name: 'val_loss', mode: 'min', target: 0.1 }), []);
    assert.deepEqual(metric({ name: 'neg_log_loss', target: -0.1 }), []);
    assert.match(metric({ name: 'val_accuracy', mode: 'min' })[0] ?? '', /^warning metric\.mode/);
  });

  it('checks that the target is within the range of a share', () => {
    for (const target of [0.8, 1, 80, 100]) assert.deepEqual(metric({ target }), []);
    assert.match(metric({ target: 180 })[0] ?? '', /^error metric\.target: 180 is out of reach/);
    assert.match(metric({ target: -0.1 })[0] ?? '', /^error metric\.target/);
    assert.match(metric({ target: 1.5 })[0] ?? '', /^warning metric\.target: 1\.5 means 1\.5 %, which is 0\.015/);
    assert.match(metric({ target: 0 })[0] ?? '', /^warning metric\.target/);
    assert.deepEqual(metric({ name: 'perplexity', mode: 'min', target: 180 }), []);
  });

  it("warns when the server's target for an accuracy would count for something else", () => {
    assert.match(
      metric({ name: 'val_loss', mode: 'min' })[0] ?? '',
      /^warning metric\.name: metric\.target is not set, and 0\.8/,
    );
    assert.deepEqual(metric({ name: 'val_f1_score' }), []);
  });
});
