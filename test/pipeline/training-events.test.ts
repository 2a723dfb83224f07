import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readHistory } from '../../src/pipeline/training-events.js';

function lines(...events: readonly object[]): string {
  return events.map((event) => `${JSON.stringify(event)}\n`).join('');
}

describe('the epochs', () => {
  const epoch = (number: number, loss: number) => ({ type: 'epoch', fit: 1, epoch: number, metrics: { loss } });
  const started = { type: 'fit_started', fit: 1, epochs: 8 };

  it('are those of the last fit, with how many there will be', () => {
    const { epochs, plannedEpochs, fits } = readHistory(
      lines(started, epoch(1, 2), { ...started, fit: 2, epochs: 3 }, { ...epoch(1, 1), fit: 2 }),
    );
    assert.deepEqual(
      { epochs, plannedEpochs, fits },
      { epochs: [{ number: 1, metrics: { loss: 1 } }], plannedEpochs: 3, fits: 2 },
    );
  });

  it('of a training that goes on or begins anew are each counted once', () => {
    const again = { type: 'started' };
    const goesOn = lines(started, epoch(1, 3), epoch(2, 2), again, started, epoch(3, 1));
    assert.deepEqual(
      readHistory(goesOn).epochs.map(({ number, metrics }) => [number, metrics.loss]),
      [
        [1, 3],
        [2, 2],
        [3, 1],
      ],
    );
    const anew = readHistory(lines(started, epoch(1, 3), epoch(2, 2), again, started, epoch(1, 1)));
    assert.deepEqual(anew.epochs, [{ number: 1, metrics: { loss: 1 } }]);
    assert.equal(anew.fits, 1);
    assert.equal(readHistory(lines(started, epoch(1, 3), again)).epochs.length, 1, 'nothing was heard yet');
  });

  it('end where the hook was asked to end the training, whatever the script trains after that', () => {
    const pruned = { type: 'pruned', fit: 1, epoch: 2 };
    const ended = { type: 'fit_ended', fit: 1 };
    const after = [{ ...started, fit: 2 }, { ...epoch(1, 9), fit: 2 }, { type: 'started' }, started, epoch(3, 9)];
    const history = readHistory(lines(started, epoch(1, 3), epoch(2, 2), pruned, ended, ...after));
    const { fits, isEnded, isPruned, plannedEpochs } = history;
    assert.deepEqual(
      { fits, isEnded, isPruned, plannedEpochs },
      { fits: 1, isEnded: false, isPruned: true, plannedEpochs: 8 },
    );
    assert.deepEqual(
      history.epochs.map(({ metrics }) => metrics.loss),
      [3, 2],
    );
    assert.equal(readHistory(lines(started, epoch(1, 3), ended)).isPruned, false);
  });

  it('are numbered by us where their number is none', () => {
    const text = lines({ type: 'epoch', fit: 1, metrics: {} }, { ...epoch(0, 1) }, { ...epoch(7, 1) });
    assert.deepEqual(
      readHistory(text).epochs.map(({ number }) => number),
      [1, 2, 7],
    );
    assert.equal(readHistory(text).plannedEpochs, undefined);
  });
});

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
