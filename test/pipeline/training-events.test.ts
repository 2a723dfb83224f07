import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readHistory } from '../../src/pipeline/training-events.js';

function lines(...events: readonly object[]): string {
  return events.map((event) => `${JSON.stringify(event)}\n`).join('');
}

describe('the shape of the input', () => {
  it('is what the last fit saw', () => {
    const text = lines(
      { type: 'fit_ended', fit: 1, inputShape: [8, 8, 1] },
      { type: 'fit_ended', fit: 2, inputShape: [16, 16, 3] },
    );
    assert.deepEqual(readHistory(text).inputShape, [16, 16, 3]);
  });

  it('is not known where an axis is not, or something else stands there', () => {
    for (const inputShape of [[null, null, 3], null, 'wide', [1.5], undefined]) {
      const { inputShape: found, isEnded } = readHistory(lines({ type: 'fit_ended', fit: 1, inputShape }));
      assert.equal(found, undefined);
      assert.equal(isEnded, true);
    }
  });
});
