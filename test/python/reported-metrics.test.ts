import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { reportedMetrics } from '../../src/python/reported-metrics.js';

function reported(script: string) {
  return reportedMetrics(new Map([['train.py', new TextEncoder().encode(`import keras\n${script}\n`)]]), 'train.py');
}

describe('reportedMetrics', () => {
  it('reads the metrics of compile, by text, by class and by the name of an instance', () => {
    const metrics = "['acc', keras.metrics.TopKCategoricalAccuracy(k=3), keras.metrics.AUC(name='roc'), 'mse']";
    assert.deepEqual(reported(`model.compile('adam', 'mse', metrics=${metrics})`)?.names, [
      'loss',
      'acc',
      'top_k_categorical_accuracy',
      'roc',
      'mse',
      'mean_squared_error',
    ]);
    assert.deepEqual(reported("model.compile('adam', loss)")?.names, ['loss']);
    assert.deepEqual(reported("model.compile('adam', loss, ['acc'])")?.names, ['loss', 'acc']);
  });

  it('says whether fit validates and evaluate is called', () => {
    const compiled = "model.compile('adam', 'mse')\n";
    const facts = (text: string) => {
      const { validates, evaluates } = reported(compiled + text) ?? {};
      return [validates, evaluates];
    };
    assert.deepEqual(facts('model.fit(x, y, 32, 10, 1)'), [false, false]);
    assert.deepEqual(facts('model.fit(x, y, validation_split=0.1)\nmodel.evaluate(x, y)'), [true, true]);
    assert.deepEqual(facts('model.fit_generator(g, validation_data=v)'), [true, false]);
    assert.deepEqual(facts('model.fit(x, y, **options)'), [true, false]);
    assert.deepEqual(facts('KerasClassifier(build, validation_split=0.1).fit(x, y)'), [true, false]);
    assert.deepEqual(facts('model.fit(x, y, 32, 10, 1, None, 0.1)'), [true, false]);
  });

  it('does not guess', () => {
    for (const unclear of [
      'model = keras.models.load_model("m.keras")',
      'import re\nre.compile("a")',
      "model.compile('adam', 'mse', metrics=METRICS)",
      "model.compile('adam', 'mse', metrics=['acc', f1])",
      "model.compile('adam', 'mse', metrics={'a': 'acc'})",
      "model.compile('adam', {'a': 'mse', 'b': 'mse'}, metrics=['acc'])",
      "model.compile('adam', 'mse', metrics=[keras.metrics.AUC(name=NAME)])",
      'model.compile(**options)',
    ]) {
      assert.equal(reported(unclear), undefined, unclear);
    }
  });
});
