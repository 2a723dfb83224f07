import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type FeatureMap, survives, withMeasuredInput } from '../../src/tuning/feature-map.js';
import { activeValues, type SearchSpace } from '../../src/tuning/space.js';

/** A convolution of 3 and a pooling of 2, which `blocks` counts. */
const block: FeatureMap = {
  axes: 2,
  segments: [
    {
      steps: [
        { window: { value: 3, parameter: 'kernel' }, stride: 1, padding: 'valid' },
        { window: { value: [2, 2] }, padding: 'valid' },
      ],
      counted: { parameter: 'blocks', block: 0, isLast: true },
    },
  ],
};

describe('a feature map', () => {
  it('shrinks as Keras computes it, block by block', () => {
    // 10 → 8 → 4 → 2 → 1
    const map = { ...block, size: [10, 10] };
    assert.equal(survives(map, { blocks: 2 }), true);
    assert.equal(survives(map, { blocks: 3 }), false);
    assert.equal(survives(map, { blocks: 2, kernel: 5 }), false);
    assert.equal(survives(map, { blocks: 1, kernel: 9 }), true);
    assert.equal(survives(map, { blocks: 1, kernel: [9, 11] }), false);
  });

  it('has the shorter axis to lose', () => {
    assert.equal(survives({ ...block, size: [40, 3] }, { blocks: 1 }), false);
  });

  it('keeps its size with same padding, but for the strides', () => {
    const same: FeatureMap = {
      axes: 1,
      size: [5],
      segments: [{ steps: [{ window: { value: 9 }, stride: 2, padding: 'same' }], passes: 20 }],
    };
    assert.equal(survives(same, {}), true);
  });

  it('of unknown size allows what the written network surely allows', () => {
    assert.equal(survives(block, {}), true);
    assert.equal(survives(block, { blocks: 1, kernel: 2 }), true);
    assert.equal(survives(block, { blocks: 1, kernel: 5 }), false);
  });
});

describe('a measured input', () => {
  it('says what the script does not', () => {
    assert.deepEqual(withMeasuredInput([block], [28, 30, 3]), [{ ...block, size: [28, 30] }]);
  });

  it('does not count where it does not fit: stated sizes, several networks, other axes, channels first', () => {
    const stated = { ...block, size: [9, 9] };
    assert.deepEqual(withMeasuredInput([stated], [28, 28, 3]), [stated]);
    assert.deepEqual(withMeasuredInput([block, block], [28, 28, 3]), [block, block]);
    assert.deepEqual(withMeasuredInput([block], [28, 28]), [block]);
    assert.deepEqual(withMeasuredInput([block], [1, 28, 28]), [block]);
    assert.deepEqual(withMeasuredInput([block], undefined), [block]);
  });
});

describe('values that depend on another', () => {
  const space: SearchSpace = {
    parameters: [
      { name: 'blocks', type: 'int', low: 1, high: 4 },
      { name: 'filters', type: 'int', low: 8, high: 32, when: { parameter: 'blocks', atLeast: 2 } },
    ],
  };

  it('are there only while they mean something', () => {
    assert.deepEqual(activeValues(space, { blocks: 1, filters: 9 }), { blocks: 1 });
    assert.deepEqual(activeValues(space, { blocks: 2, filters: 9 }), { blocks: 2, filters: 9 });
    assert.deepEqual(activeValues(space, { filters: 9 }), { filters: 9 });
  });
});
