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
