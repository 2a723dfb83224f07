import assert from 'node:assert/strict';
import { it } from 'node:test';
import { allFigures } from '../../src/pipeline/all-figures.js';

const metric = { name: 'val_accuracy', value: 0.91, source: 'keras history' };

it('collects what Keras reported and what stands in files, finite and each name once', () => {
  const events = [
    { type: 'fit_started', fit: 0 },
    { type: 'epoch', fit: 0, metrics: { loss: 2, val_accuracy: 0.4 } },
    { type: 'epoch', fit: 0, metrics: { loss: 0.25, val_accuracy: 0.91, val_loss: 'NaN' } },
    { type: 'fit_ended', fit: 0 },
    { type: 'evaluated', metrics: { loss: 0.3, accuracy: 0.9 } },
  ];
  const files = [
    { path: 'metrics.json', text: '{"loss": 9, "f1": 0.8, "steps": [1, 2, 3]}' },
    { path: 'accuracy.txt', text: '0.7' },
  ];
  const traces = { events: events.map((event) => JSON.stringify(event)).join('\n'), files, log: '' };
  assert.deepEqual(allFigures(traces, metric), {
    val_accuracy: 0.91,
    loss: 0.25,
    evaluate_loss: 0.3,
    evaluate_accuracy: 0.9,
    f1: 0.8,
    steps: 3,
  });
});

it('holds a hundred at most', () => {
  const many = Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`x${i}`, i]));
  const files = [{ path: 'metrics.json', text: JSON.stringify({ ...many, ['y'.repeat(1000)]: 1 }) }];
  assert.equal(Object.keys(allFigures({ events: '', files, log: '' }, metric)).length, 100);
});
