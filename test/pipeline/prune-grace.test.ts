import assert from 'node:assert/strict';
import { test } from 'node:test';
import { secondsToEndEpoch } from '../../src/pipeline/prune-grace.js';

test('a training may take twice its longest epoch and ten seconds to end', () => {
  const events = [
    '{"type":"started","start":1}',
    '{"type":"epoch","fit":1,"epoch":1,"metrics":{"loss":NaN},"seconds":7.5}',
    '{"type":"epoch","fit":1,"epoch":2,"metrics":{},"seconds":3}',
    '{"type":"epoch","fit":1,"epoch":3,"metrics":{},"seconds":"99"}',
    '{"type":"epoch","fit":1,',
  ];
  assert.equal(secondsToEndEpoch(events.join('\n')), 25);
  assert.equal(secondsToEndEpoch(''), 10);
});
