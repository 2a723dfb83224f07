import assert from 'node:assert/strict';
import { it } from 'node:test';
import { describeChange, restoreMessage, trialMessage } from '../../src/pipeline/commit-message.js';

it('writes what changed, the result before, and trailers behind the two empty lines that GitHub wants', () => {
  const message = trialMessage({
    study: '01S',
    trial: 4,
    before: { learning_rate: 0.001, filters: 16, kernel_size: [3, 3] },
    after: { learning_rate: 0.0032, filters: 24, kernel_size: [3, 3] },
    sampler: 'gp',
    previous: 'Trial 3 reached val_accuracy 0.612; the target is 0.8.',
    parentMetric: 0.6123,
    skipChecks: true,
  });
  assert.equal(
    message,
    `tune: learning_rate 0.001 → 0.0032, filters 16 → 24 (trial 4)

Trial 3 reached val_accuracy 0.612; the target is 0.8.


Pushtune-Study: 01S
Pushtune-Trial: 4
Pushtune-Parent-Metric: 0.6123
Pushtune-Sampler: gp
skip-checks: true
`,
  );
});

it('lets other CI run on the last commit', () => {
  const message = restoreMessage({
    study: 's',
    best: 1,
    metric: 0.71,
    before: { a: 2 },
    after: { a: 1 },
    reason: 'time is up',
  });
  assert.match(message, /^tune: restore the best values, a 2 → 1 \(trial 1\)\n/);
  assert.doesNotMatch(message, /skip-checks/);
});

it('writes tuples as Python does', () => {
  assert.equal(describeChange({ k: [3, 3] }, { k: [5, 5] }), 'k (3, 3) → (5, 5)');
});

it('names the first changes when there are many, and lists all of them in the body', () => {
  const names = ['learning_rate', 'filters_1', 'filters_2', 'dense_units', 'dropout_1', 'dropout_2', 'epochs'];
  const values = (value: number) => Object.fromEntries(names.map((name) => [name, value]));
  const message = trialMessage({
    study: 's',
    trial: 12,
    before: { ...values(16), batch_size: 32 },
    after: { ...values(24), batch_size: 32 },
    sampler: 'gp',
    previous: 'Trial 11 reached val_accuracy 0.6; the target is 0.8.',
    skipChecks: false,
  });
  const [subject = '', empty, sentence, alsoEmpty, ...rest] = message.split('\n');
  assert.equal(subject, 'tune: learning_rate 16 → 24, filters_1 16 → 24, filters_2 16 → 24 and 4 more (trial 12)');
  assert.ok(subject.length <= 100);
  assert.deepEqual([empty, sentence, alsoEmpty], ['', 'Trial 11 reached val_accuracy 0.6; the target is 0.8.', '']);
  assert.deepEqual(
    rest.slice(0, names.length),
    names.map((name) => `${name} 16 → 24`),
  );
  assert.deepEqual(rest.slice(names.length, names.length + 3), ['', '', 'Pushtune-Study: s']);
});

it('keeps the first line short, whatever a choice says', () => {
  const message = trialMessage({
    study: 's',
    trial: 1,
    before: { optimizer: 'adam' },
    after: { optimizer: `sgd\nPushtune-Study: another\n${'x'.repeat(500)}` },
    sampler: 'random',
    previous: 'Trial 0 reached val_accuracy 0.6; the target is 0.8.',
    skipChecks: true,
  });
  const lines = message.split('\n');
  assert.ok((lines[0] ?? '').length <= 100, lines[0]);
  assert.match(lines[0] ?? '', /^tune: optimizer adam → sgd Pushtune-Study: another x+… \(trial 1\)$/);
  assert.deepEqual(
    lines.filter((line) => line.startsWith('Pushtune-Study')),
    ['Pushtune-Study: s'],
  );
});
