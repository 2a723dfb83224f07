import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type ComparedTrial, type RunningTrial, reasonToPrune } from '../../src/tuning/pruning.js';

function finished(...curve: readonly number[]): ComparedTrial {
  return { curve, epochs: curve.length, final: curve.at(-1) };
}

/** Nine trials that end between 0.5 and 0.9; the worst starts so late that much is possible from each epoch. */
const usual = Array.from({ length: 9 }, (_, i) => {
  const end = 0.5 + i / 20;
  return i === 0 ? finished(0, 0, 0, end) : finished(end - 0.3, end - 0.2, end - 0.1, end);
});

function reason(curve: readonly number[], others: Partial<RunningTrial> = {}): string | undefined {
  return reasonToPrune({ name: 'val_accuracy', curve, epochs: 4, mode: 'max', target: 2, compared: usual, ...others });
}

const share = fc.double({ min: 0, max: 1, noNaN: true });
const curves = fc.array(share, { minLength: 1, maxLength: 6 });
const earlierTrials = fc.array(
  fc
    .record({
      curve: curves,
      longer: fc.nat(3),
      isFinished: fc.integer({ min: 0, max: 3 }).map((number) => number > 0),
    })
    .map(
      ({ curve, longer, isFinished }): ComparedTrial => ({
        curve,
        epochs: curve.length + longer,
        ...(isFinished ? { final: curve.at(-1) } : {}),
      }),
    ),
  { maxLength: 20 },
);
const running = fc.record({
  name: fc.constant('val_accuracy'),
  curve: curves,
  epochs: fc.integer({ min: 1, max: 9 }),
  mode: fc.constantFrom('max' as const, 'min' as const),
  compared: earlierTrials,
});
const unreachable = { max: 2, min: -2 } as const;

describe('a training that is compared', () => {
  it('is stopped below the median of what the others had by then', () => {
    assert.equal(
      reason([0.3]),
      'its best val_accuracy of 0.3 was behind the median of 0.4 that 9 earlier trials had by then',
    );
    assert.equal(
      reason([0.45, 0.3]),
      'its best val_accuracy of 0.45 was behind the median of 0.5 that 9 earlier trials had by then',
    );
  });

  it('is stopped behind all of the best trials', () => {
    const slow = Array.from({ length: 20 }, () => finished(0.1, 0.1, 0.1, 0.2));
    assert.match(
      reason([0.2], { compared: [...slow, ...usual] }) ?? '',
      /behind all of the 8 best trials, of which the last had 0.25/,
    );
    assert.equal(reason([0.26], { compared: [...slow, ...usual] }), undefined);
  });

  it('is stopped when the largest gain would not bring it to the best', () => {
    // The best began as high as it ended, and nobody gained more than 0.1.
    const flat = Array.from({ length: 9 }, (_, i) => finished(0.4, 0.4, 0.4, 0.5 - i / 1000));
    const compared = [...flat, finished(0.9, 0.9, 0.9, 0.9)];
    assert.match(reason([0.6], { compared }) ?? '', /would not reach the best of 0.9 even with a gain of 0.101/);
    assert.equal(reason([0.8], { compared }), undefined);
  });

  it('goes on between the median and the best', () => {
    assert.equal(reason([0.55]), undefined);
    assert.equal(reason([0.7 - 0.3]), undefined, 'the median itself is not below the median');
  });

  it('counts its best epoch, since curves are noisy', () => {
    assert.equal(reason([0.55, 0.1]), undefined);
  });

  it('is judged the other way round where less is better', () => {
    const compared = usual.map(({ curve }) => finished(...curve.map((value) => 1 - value)));
    assert.match(reason([0.7], { compared, mode: 'min', target: -1 }) ?? '', /of 0.7 was behind the median of 0.6 /);
    assert.equal(reason([0.5], { compared, mode: 'min', target: -1 }), undefined);
    const flat = [...Array.from({ length: 9 }, () => finished(0.6, 0.6, 0.6, 0.5)), finished(0.1, 0.1, 0.1, 0.1)];
    assert.match(
      reason([0.4], { compared: flat, mode: 'min', target: -1 }) ?? '',
      /reach the best of 0.1 even with .* of 0.1,/,
    );
    assert.equal(reason([0.19], { compared: flat, mode: 'min', target: -1 }), undefined);
  });

  it('goes on when it has reached the target, or its last epoch is through', () => {
    assert.equal(reason([0.3], { target: 0.3 }), undefined);
    assert.equal(reason([0.3, 0.3, 0.3, 0.3]), undefined);
  });

  it('is not judged where the number of epochs is not known', () => {
    assert.equal(reason([0.1], { epochs: undefined }), undefined);
  });
});

describe('a training at less than half the speed of the best', () => {
  const slow = 'its best val_accuracy of 0.1 was clearly behind what the best trial had after half as many epochs';

  it('is stopped from the second trial on, when half of its epochs are through', () => {
    const compared = [finished(0.4, 0.7, 0.8, 0.9)];
    assert.equal(reason([0.1], { compared }), undefined);
    assert.equal(reason([0.1, 0.1], { compared }), slow);
    assert.equal(reason([0.1, 0.35], { compared }), undefined);
    assert.equal(reason([0.1, 0.1], { compared, epochs: 5 }), undefined);
    assert.equal(reason([0.1, 0.1, 0.1], { compared, epochs: 5 }), slow);
  });

  it('is compared with the best trial alone', () => {
    const compared = [finished(0.05, 0.1, 0.2, 0.9), finished(0.8, 0.8, 0.8, 0.8)];
    assert.equal(reason([0.1, 0.1], { compared }), undefined);
    assert.equal(reason([0.1, 0.1], { compared: [...compared, finished(0.8, 0.8, 0.9, 0.95)] }), slow);
  });

  it('is not told from one of the same speed where curves are flat', () => {
    const compared = [finished(0.951, 0.952, 0.953, 0.96)];
    assert.equal(reason([0.948, 0.949], { compared }), undefined);
    assert.notEqual(reason([0.94, 0.94], { compared }), undefined);
  });

  it('is judged the other way round where less is better', () => {
    const compared = [finished(0.6, 0.3, 0.2, 0.1)];
    assert.match(reason([0.9, 0.9], { compared, mode: 'min', target: -1 }) ?? '', /of 0.9 was clearly behind/);
    assert.equal(reason([0.9, 0.65], { compared, mode: 'min', target: -1 }), undefined);
  });
});

describe('trials of different lengths', () => {
  it('are compared at the same share of the way where that is kinder', () => {
    // After 4 of 40 epochs the others are where they were after 1 of 4.
    assert.notEqual(reason([0.1, 0.2, 0.3], { epochs: 4 }), undefined);
    assert.equal(reason([0.1, 0.2, 0.3, 0.41], { epochs: 40 }), undefined);
    // After 1 of 2 epochs they are where they were after the first, not after half of their way.
    assert.equal(reason([0.41], { epochs: 2 }), undefined);
  });

  it('do not stop one that is ahead of all, when a shorter one ended better than it may', () => {
    const compared = [...Array.from({ length: 9 }, () => finished(0.4, 0.4, 0.4, 0.5)), finished(0.6, 0.9)];
    assert.equal(reason([0.7], { compared }), undefined);
    assert.notEqual(reason([0.55], { compared }), undefined);
  });

  it('tell nothing of the gain of a longer training', () => {
    const flat = Array.from({ length: 9 }, () => finished(0.4, 0.4, 0.4, 0.5));
    const compared = [...flat, finished(0.9, 0.9, 0.9, 0.9)];
    assert.equal(reason([0.6], { compared, epochs: 5 }), undefined);
    assert.notEqual(reason([0.6], { compared, epochs: 4 }), undefined);
  });

  it('count with what they had when they ended by themselves before their last epoch', () => {
    const compared = usual.map((trial) => ({ ...trial, epochs: 100 }));
    assert.match(reason([0.1, 0.1, 0.1, 0.1, 0.1, 0.2], { compared, epochs: 100 }) ?? '', /the median of 0.7 that 9 /);
  });

  it('are left out at an epoch that they never reached because they were stopped', () => {
    const stopped = Array.from({ length: 30 }, (): ComparedTrial => ({ curve: [0.1], epochs: 4 }));
    const compared = [...usual, ...stopped];
    assert.equal(reason([0.3], { compared }), undefined);
    assert.match(reason([0.3, 0.3], { compared }) ?? '', /the median of 0.5 that 9 /);
  });
});

describe('a training that diverges', () => {
  it('is stopped at once, also as one of the first', () => {
    assert.equal(reason([], { losses: [2, Number.NaN], compared: [] }), 'its loss became NaN in epoch 2');
    assert.equal(
      reason([0.5], { losses: [Number.POSITIVE_INFINITY], compared: [] }),
      'its loss became Infinity in epoch 1',
    );
  });

  it('is stopped when its loss has grown a hundredfold without a gain', () => {
    assert.equal(reason([0.4, 0.1], { losses: [2, 300], compared: [] }), 'its loss grew from 2 to 300 in epoch 2');
    assert.equal(reason([0.4, 0.6], { losses: [2, 300], compared: [] }), undefined);
    assert.equal(reason([0.4, 0.1], { losses: [2, 100], compared: [] }), undefined);
    assert.equal(reason([0.4, 0.4], { losses: [-2, 100], compared: [] }), undefined);
  });

  it('is seen by its metric at any epoch, whatever was before', () => {
    fc.assert(
      fc.property(
        running,
        fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY),
        (trial, value) => {
          const curve = [...trial.curve, value];
          assert.equal(
            reasonToPrune({ ...trial, curve, target: 0 }),
            `its val_accuracy became ${value} in epoch ${curve.length}`,
          );
        },
      ),
    );
  });
});

describe('whatever the trials are', () => {
  it('one that is as good as all were by then is never stopped', () => {
    fc.assert(
      fc.property(running, (trial) => {
        const all = [...trial.curve, ...trial.compared.flatMap(({ curve }) => curve)];
        const best = trial.mode === 'max' ? Math.max(...all) : Math.min(...all);
        const curve = trial.curve.with(-1, best);
        assert.equal(reasonToPrune({ ...trial, curve, target: unreachable[trial.mode] }), undefined);
      }),
    );
  });

  it('their order does not matter', () => {
    fc.assert(
      fc.property(running, fc.infiniteStream(fc.nat()), (trial, numbers) => {
        const shuffled = trial.compared
          .map((compared) => ({ compared, place: numbers.next().value ?? 0 }))
          .sort((a, b) => a.place - b.place)
          .map(({ compared }) => compared);
        const target = unreachable[trial.mode];
        assert.equal(reasonToPrune({ ...trial, target, compared: shuffled }), reasonToPrune({ ...trial, target }));
      }),
    );
  });

  it('close values are not compared with fewer than five that ended', () => {
    fc.assert(
      fc.property(running, (trial) => {
        const ended = trial.compared.filter(({ final }) => final !== undefined).slice(0, 4);
        const stopped = trial.compared.filter(({ final }) => final === undefined);
        const target = unreachable[trial.mode];
        const reason = reasonToPrune({ ...trial, target, compared: [...stopped, ...ended] });
        assert.match(reason ?? 'after half as many epochs', /after half as many epochs$/);
      }),
    );
  });

  it('those that were stopped are nothing to compare with', () => {
    fc.assert(
      fc.property(running, (trial) => {
        const stopped = trial.compared.filter(({ final }) => final === undefined);
        assert.equal(reasonToPrune({ ...trial, target: unreachable[trial.mode], compared: stopped }), undefined);
      }),
    );
  });

  it('a better curve is stopped at no epoch at which a worse one goes on', () => {
    fc.assert(
      fc.property(running, fc.double({ min: 0, max: 0.5, noNaN: true }), (trial, gain) => {
        const target = unreachable[trial.mode];
        const sign = trial.mode === 'max' ? 1 : -1;
        const better = trial.curve.map((value) => value + sign * gain);
        fc.pre(reasonToPrune({ ...trial, target }) === undefined);
        assert.equal(reasonToPrune({ ...trial, curve: better, target }), undefined);
      }),
    );
  });

  it('some of the random trials are stopped, so that the properties are about something', () => {
    const verdicts = fc
      .sample(running, { numRuns: 500, seed: 1 })
      .map((trial) => reasonToPrune({ ...trial, target: unreachable[trial.mode] }));
    const count = (words: string): number => verdicts.filter((verdict) => verdict?.includes(words)).length;
    assert.ok(count('median') > 20);
    assert.ok(count('even with a gain') > 0);
    assert.ok(count('half as many') > 0);
  });
});
