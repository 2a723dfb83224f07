import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { normaliseMetric } from '../../src/pipeline/figure-names.js';
import {
  findMetric,
  hasTrainingEnded,
  MetricNotFoundError,
  type MetricRequest,
  type TrainingTraces,
} from '../../src/pipeline/metric.js';

interface Left {
  readonly events?: readonly object[];
  readonly files?: Readonly<Record<string, string>>;
  readonly log?: string;
}

function traces({ events = [], files = {}, log = '' }: Left): TrainingTraces {
  return {
    events: events.map((event) => `${JSON.stringify(event)}\n`).join(''),
    files: Object.entries(files).map(([path, text]) => ({ path, text })),
    log,
  };
}

function found(left: Left, request: MetricRequest = {}): string {
  const { metric, warning } = findMetric(traces(left), request);
  return `${metric.name} ${Number(metric.value.toFixed(6))} ${metric.source}${warning === undefined ? '' : ' !'}`;
}

function inLog(log: string, request: MetricRequest = {}): string {
  return found({ log }, request);
}

function fails(left: Left, message: RegExp, request: MetricRequest = {}): void {
  assert.throws(
    () => findMetric(traces(left), request),
    (error: unknown) => {
      assert.ok(error instanceof MetricNotFoundError);
      assert.match(error.message, message);
      return true;
    },
  );
}

const start = { at: 1, type: 'started', start: 1 };
const exit = { at: 9, type: 'exited', exitCode: 0, reason: 'exited' };
const epoch = (fit: number, number: number, metrics: object) => ({ at: 2, type: 'epoch', fit, epoch: number, metrics });
const validated = [
  start,
  { at: 1, type: 'fit_started', fit: 1, epochs: 2 },
  epoch(1, 1, { accuracy: 0.5, loss: 1.2, val_accuracy: 0.4, val_loss: 1.4 }),
  epoch(1, 2, { accuracy: 0.9, loss: 0.3, val_accuracy: 0.7, val_loss: 0.8 }),
  { at: 3, type: 'fit_ended', fit: 1, epochs: 2 },
  exit,
];
const unvalidated = [
  start,
  { at: 1, type: 'fit_started', fit: 1, epochs: 1 },
  epoch(1, 1, { accuracy: 0.987654, loss: 0.3 }),
  { at: 3, type: 'fit_ended', fit: 1, epochs: 1 },
  exit,
];

describe('the order of the sources', () => {
  const all: Left = {
    events: validated,
    files: {
      'metrics.json': '{"val_accuracy": 0.6}',
      'dvclive/metrics.json': '{"eval": {"accuracy": 0.55}}',
      'mlruns/0/abc/metrics/val_accuracy': '1700000000000 0.2 0\n1700000001000 0.5 1\n',
      'accuracy.txt': '45 %\n',
    },
    log: 'Test accuracy: 0.4\n',
  };
  it('is the history of Keras, metrics.json, DVCLive, MLflow, a text with a number, and the log', () => {
    const order = [
      ['events', 'val_accuracy 0.7 keras history'],
      ['metrics.json', 'val_accuracy 0.6 metrics.json'],
      ['dvclive/metrics.json', 'eval_accuracy 0.55 dvclive/metrics.json'],
      ['mlruns/0/abc/metrics/val_accuracy', 'val_accuracy 0.5 mlruns/0/abc/metrics/val_accuracy'],
      ['accuracy.txt', 'accuracy 0.45 accuracy.txt'],
      ['', 'test_accuracy 0.4 log'],
    ] as const;
    let files = { ...all.files };
    let events = validated;
    for (const [source, expected] of order) {
      assert.equal(found({ ...all, files, events }), expected);
      files = Object.fromEntries(Object.entries(files).filter(([path]) => path !== source));
      events = [];
    }
  });

  it('begins with the file that .pushtune.yml names, which must be there', () => {
    assert.equal(found(all, { source: 'accuracy.txt' }), 'accuracy 0.45 accuracy.txt');
    const trained = { files: { 'm.json': '{"train_accuracy": 0.99, "test_accuracy": 0.9}', 'train_acc.txt': '0.99' } };
    assert.equal(found(trained, { source: 'm.json' }), 'test_accuracy 0.9 m.json');
    assert.equal(found(trained, { source: 'train_acc.txt' }), 'training_accuracy 0.99 train_acc.txt !');
    fails(all, /wrote no out\/m\.json, which \.pushtune\.yml names/, { source: 'out/m.json' });
    fails({ files: { 'm.json': '{"loss": 1}' }, log: 'accuracy: 0.9' }, /m\.json holds no accuracy/, {
      source: 'm.json',
    });
  });

  it('puts held-out data before training data, wherever they stand', () => {
    const metrics = { 'metrics.json': '{"train_accuracy": 0.99, "loss": 0.1}' };
    assert.equal(found({ events: unvalidated, files: metrics, log: 'Test accuracy: 0.9' }), 'test_accuracy 0.9 log');
    assert.equal(inLog('val_accuracy: 0.6\naccuracy: 0.99'), 'val_accuracy 0.6 log');
  });

  it('takes the accuracy on the training data when there is no other, and warns', () => {
    const { warning } = findMetric(traces({ events: unvalidated }), {});
    assert.match(warning ?? '', /only the accuracy on the training data .*keras history.*validation_data/);
    assert.equal(inLog('Training accuracy: 0.99'), 'training_accuracy 0.99 log !');
    assert.equal(found({ files: { 'metrics.json': '{"train": {"acc": 0.99}}' } }), 'train_acc 0.99 metrics.json !');
  });

  it('knows the training accuracy again where it was written without a name', () => {
    // As scripts do that write history['accuracy'][-1] * 100, rounded or through int().
    for (const text of ['0.987654', '98.77', '98.8', '98', '99']) {
      assert.equal(
        found({ events: unvalidated, files: { 'accuracy.txt': text } }),
        'accuracy 0.987654 keras history !',
        text,
      );
    }
    assert.equal(found({ events: unvalidated, files: { 'accuracy.txt': '0.9312' } }), 'accuracy 0.9312 accuracy.txt');
  });
});

describe('the history of Keras', () => {
  it('counts by the last epoch of the last fit that was validated', () => {
    const second = [
      { at: 4, type: 'fit_started', fit: 2, epochs: 1 },
      epoch(2, 1, { accuracy: 0.95, val_accuracy: 0.75 }),
      { at: 5, type: 'fit_ended', fit: 2, epochs: 1 },
      { at: 6, type: 'fit_started', fit: 3, epochs: 1 },
      epoch(3, 1, { accuracy: 0.99 }),
    ];
    assert.equal(found({ events: [...validated, ...second] }), 'val_accuracy 0.75 keras history');
  });

  it('does not need every epoch to be validated', () => {
    const events = [...validated.slice(0, 4), epoch(1, 3, { accuracy: 0.95 })];
    assert.equal(found({ events }), 'val_accuracy 0.7 keras history');
  });

  it('knows the metric under the names that Keras gives it, and leaves top-k alone', () => {
    for (const name of ['val_acc', 'val_sparse_categorical_accuracy', 'val_binary_accuracy', 'val_accuracy_1']) {
      const events = [start, epoch(1, 1, { val_top_k_categorical_accuracy: 0.99, [name]: 0.8 })];
      assert.equal(found({ events }), `${name} 0.8 keras history`);
    }
  });

  it('falls back on the last evaluation of the script', () => {
    const evaluated = [
      { at: 5, type: 'evaluated', metrics: { loss: 0.9, accuracy: 0.5 } },
      { at: 6, type: 'evaluated', metrics: { loss: 0.4, accuracy: 0.8 } },
    ];
    assert.equal(found({ events: [...unvalidated, ...evaluated] }), 'accuracy 0.8 keras evaluate');
    assert.equal(found({ events: [...validated, ...evaluated] }), 'val_accuracy 0.7 keras history');
  });

  it('keeps the epochs of before a restart, of which the second start reports none', () => {
    const again = [start, { at: 7, type: 'fit_started', fit: 1 }, { at: 8, type: 'fit_ended', fit: 1 }];
    assert.equal(found({ events: [...validated.slice(0, 4), ...again] }), 'val_accuracy 0.7 keras history');
  });

  it('skips lines that are no events, and figures that are none', () => {
    const text = [
      'half a line", "metrics": {}}',
      JSON.stringify(epoch(1, 1, { val_accuracy: 0.6 })),
      '{"at": 2, "type": "epoch", "fit": 1, "epoch": 2, "metrics": {"loss": NaN, "val_loss": Infinity, "val_accuracy": 0.7}}',
      '{"type": "epoch", "fit": "x", "metrics": {"val_accuracy": 1}}',
      '{"type": "epoch", "fit": 1, "metrics": {"val_accuracy": "1", "loss": [3]}}',
      '[1, 2]',
      '{"type": "unheard of"}',
      '[['.repeat(20_000),
    ].join('\n');
    const { metric } = findMetric({ events: text, files: [], log: '' }, { name: 'val_accuracy' });
    assert.deepEqual(metric, { name: 'val_accuracy', value: 0.7, source: 'keras history' });
  });

  it('gives any metric that is asked for by name', () => {
    assert.equal(found({ events: validated }, { name: 'val_loss' }), 'val_loss 0.8 keras history');
    assert.equal(found({ events: validated }, { name: 'accuracy' }), 'accuracy 0.9 keras history');
    assert.equal(found({ events: validated }, { name: 'val_acc' }), 'val_accuracy 0.7 keras history');
    fails({ events: validated }, /no constructor was found/, { name: 'constructor' });
    const evaluated = { at: 5, type: 'evaluated', metrics: { loss: 0.9, accuracy: 0.5 } };
    assert.equal(found({ events: [evaluated] }, { name: 'test_accuracy' }), 'accuracy 0.5 keras evaluate');
  });
});

describe('a file with metrics', () => {
  const inFile = (text: string, request: MetricRequest = {}, path = 'metrics.json') =>
    found({ files: { [path]: text } }, request);

  it('may be nested, be a history, hold per cents, and what JSON does not know', () => {
    assert.equal(inFile('{"val_accuracy": 0.9, "loss": NaN}'), 'val_accuracy 0.9 metrics.json');
    assert.equal(
      inFile('{"train": {"accuracy": 0.99}, "test": {"accuracy": 93.1}}'),
      'test_accuracy 0.931 metrics.json',
    );
    assert.equal(inFile('{"accuracy": [0.5, 0.9], "val_accuracy": [0.4, 0.7]}'), 'val_accuracy 0.7 metrics.json');
    assert.equal(inFile('[{"epoch": 1, "val_acc": 0.4}, {"epoch": 2, "val_acc": 0.7}]'), 'val_acc 0.7 metrics.json');
    assert.equal(inFile('{"testAccuracy": "93.1 %"}'), 'test_accuracy 0.931 metrics.json');
    assert.equal(inFile('{"test": {"f1": 0.7}}', { name: 'f1' }), 'f1 0.7 metrics.json');
  });

  it('prefers the validation data, and the plain figure to the best one and to that of a class', () => {
    assert.equal(inFile('{"test_accuracy": 0.8, "val_accuracy": 0.7}'), 'val_accuracy 0.7 metrics.json');
    assert.equal(
      inFile('{"best_val_accuracy": 0.8, "final_val_accuracy": 0.7}'),
      'final_val_accuracy 0.7 metrics.json',
    );
    assert.equal(inFile('{"balanced_accuracy": 0.8, "accuracy": 0.7}'), 'accuracy 0.7 metrics.json');
  });

  it('does not give a wish, an impossible figure, or what is only near an accuracy', () => {
    for (const text of [
      '{"target_accuracy": 0.9}',
      '{"accuracy": 250}',
      '{"accuracy": -1}',
      '{"accuracy": {"loss": 0.3}}',
    ]) {
      fails({ files: { 'metrics.json': text } }, /metrics\.json holds none/);
    }
  });

  it('does not hide what stands elsewhere when it holds no accuracy', () => {
    assert.equal(found({ files: { 'metrics.json': '{"loss": 1}' }, log: 'val_accuracy: 0.8' }), 'val_accuracy 0.8 log');
  });

  it('of MLflow is one for each metric, whose names may be nested', () => {
    const run = 'mlruns/0/abc/metrics';
    assert.equal(inFile('1 0.5 0\n2 0.8 1\n', {}, `${run}/val/accuracy`), `val_accuracy 0.8 ${run}/val/accuracy`);
    assert.equal(inFile('1 0.5 0\n', {}, `${run}/accuracy`), `accuracy 0.5 ${run}/accuracy`);
    assert.equal(inFile('1 0.5 0\n2 0.8 1\n', {}, `${run}/accuracy`), `accuracy 0.8 ${run}/accuracy !`);
    assert.equal(inFile('1 0.5 0\n', { name: 'val_loss' }, `${run}/val_loss`), `val_loss 0.5 ${run}/val_loss`);
  });

  it('may be a text with a number, or with a line as scripts print it', () => {
    assert.equal(inFile('0.87\n', {}, 'accuracy.txt'), 'accuracy 0.87 accuracy.txt');
    assert.equal(inFile('87', {}, 'accuracy.txt'), 'accuracy 0.87 accuracy.txt');
    assert.equal(inFile('Loss: 0.3\tAccuracy: 0.87', {}, 'results/accuracy.txt'), 'accuracy 0.87 results/accuracy.txt');
    assert.equal(inFile('99.0', {}, 'train_accuracy.txt'), 'training_accuracy 0.99 train_accuracy.txt !');
    assert.equal(
      inFile('Train Accuracy: 0.99\nTest Accuracy: 0.9\n', {}, 'accuracy.txt'),
      'test_accuracy 0.9 accuracy.txt',
    );
    assert.equal(inFile('2.5', { name: 'rmse', source: 'rmse.txt' }, 'rmse.txt'), 'rmse 2.5 rmse.txt');
  });
});

describe('the log', () => {
  it('gives the same for 93.1, 93.1 % and 0.931', () => {
    for (const written of ['93.1', '93.1 %', '93.1%', '0.931']) {
      assert.equal(inLog(`val_accuracy: ${written}\n`), 'val_accuracy 0.931 log', written);
    }
    assert.equal(normaliseMetric('val_loss', 2.5), 2.5, 'a loss is no accuracy');
    assert.equal(normaliseMetric('accuracy', 1), 1);
  });

  it('gives any figure that is asked for by name', () => {
    assert.equal(inLog('my_score = 4.2e-1', { name: 'my_score' }), 'my_score 0.42 log');
    assert.equal(inLog('loss: 0.3 - val_loss: 0.5', { name: 'loss' }), 'loss 0.3 log');
    assert.equal(inLog('Test loss: 0.3\nTest loss: -0.4', { name: 'test_loss' }), 'test_loss -0.4 log');
    assert.equal(inLog('Validation accuracy: 91 %', { name: 'val_accuracy' }), 'val_accuracy 0.91 log');
    fails({ log: 'Test accuracy: 0.9' }, /no val_accuracy was found/, { name: 'val_accuracy' });
  });

  it('can be read by a pattern, in which the last match counts', () => {
    assert.equal(inLog('score 0.1\nscore 0.7\n', { pattern: '^score ([0-9.]+)$' }), 'accuracy 0.7 log');
    fails({ log: 'x' }, /metric\.pattern.*no regular expression/, { pattern: '(' });
    fails({ log: 'x' }, /log holds no accuracy/, { pattern: 'y' });
    const files = { 'out.txt': 'score 0.6' };
    assert.equal(
      found({ files, log: 'score 0.7' }, { source: 'out.txt', pattern: 'score (.*)' }),
      'accuracy 0.6 out.txt',
    );
  });

  it('never makes the worker hang, whatever the pattern', () => {
    assert.throws(() => inLog('a'.repeat(100_000), { pattern: '(a+)+$b' }), MetricNotFoundError);
  });
});

describe('what is no result', () => {
  it('is a figure that is not finite, and an earlier one does not stand for it', () => {
    fails({ log: 'val_accuracy: 0.5\nval_accuracy: nan' }, /val_accuracy in log is NaN/);
    fails({ files: { 'metrics.json': '{"val_accuracy": Infinity}' } }, /val_accuracy in metrics\.json is Infinity/);
    fails({ log: 'val_loss: 0.5\nval_loss: inf' }, /val_loss in log is Infinity/, { name: 'val_loss' });
    const text = '{"type": "epoch", "fit": 1, "metrics": {"val_loss": NaN}}';
    assert.throws(() => findMetric({ events: text, files: [], log: '' }, { name: 'val_loss' }), /keras history is NaN/);
  });

  it('is neither a fit nor a figure: the message says so, and where it looked', () => {
    fails(
      { events: [start, exit], log: 'loss: 0.3\nlr: 0.1\n' },
      /neither a fit nor a figure was seen: Keras reported no fit, there is no metrics\.json, and the log names only loss, lr/,
    );
  });

  it('is a fit without an accuracy: the message names what the history holds', () => {
    const events = [start, epoch(1, 1, { loss: 1, mae: 2 })];
    fails(
      { events, files: { 'metrics.json': '{}' } },
      /no accuracy was found: the history of Keras holds only loss, mae, metrics\.json holds none/,
    );
  });
});

describe('a training whose script failed', () => {
  const error = 'Traceback (most recent call last):\n  ...\nOSError: no route\n';
  const ended = (left: Left, request: MetricRequest = {}): boolean => hasTrainingEnded(traces(left), request);

  it('had ended when the last fit has, and had not in the middle of one', () => {
    assert.ok(ended({ events: validated }));
    assert.ok(!ended({ events: validated.slice(0, 4), log: `Test accuracy: 0.9\n${error}` }));
    const second = { at: 4, type: 'fit_started', fit: 2 };
    assert.ok(!ended({ events: [...validated, second] }));
    const again = [start, { at: 7, type: 'fit_started', fit: 1 }];
    assert.ok(!ended({ events: [...validated, ...again] }), 'it was started again');
    assert.ok(!ended({ events: [...validated, start], log: `Test accuracy: 0.9\n${error}` }));
  });

  it('had ended when it wrote or printed a final figure', () => {
    assert.ok(ended({ files: { 'metrics.json': '{"val_accuracy": 0.9}' } }));
    assert.ok(ended({ files: { 'accuracy.txt': '91' } }));
    assert.ok(ended({ files: { 'rmse.txt': '912' } }, { name: 'rmse', source: 'rmse.txt' }));
    assert.ok(!ended({ files: { 'rmse.txt': '912' } }));
    assert.ok(ended({ log: `Test accuracy: 0.9\n${error}` }));
    assert.ok(ended({ log: `Accuracy: 0.9\n${error}` }));
    assert.ok(ended({ log: `Epoch 3/3\nloss: 0.3\nTest accuracy: 0.9\n${error}` }));
  });

  it('had not when its figures are those of an epoch', () => {
    assert.ok(!ended({ log: error }));
    assert.ok(!ended({ log: `Epoch 1/3 val acc: 0.9\nEpoch 2/3 val acc: 0.91\n${error}` }));
    assert.ok(!ended({ log: `Epoch 2\nTest accuracy: 0.9\nEpoch 3\n${error}` }));
    assert.ok(!ended({ log: `Epoch 2/3\nTest accuracy: 0.9\n${error}` }), 'the third epoch was to follow');
    assert.ok(!ended({ log: `Epoch 3\nAccuracy: 0.9\n${error}` }));
    assert.ok(!ended({ files: { 'dvclive/metrics.json': '{"val_accuracy": 0.9}' }, log: error }));
    assert.ok(!ended({ files: { 'mlruns/0/a/metrics/val_accuracy': '1 0.9 1\n' }, log: error }));
    assert.ok(!ended({ log: `Training accuracy: 0.9\n${error}` }));
  });
});
