import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { checkSpaceSize, spaceSize } from '../../src/tuning/check-space.js';
import { nearestWord } from '../../src/tuning/edit-distance.js';
import type { FeatureMap } from '../../src/tuning/feature-map.js';
import type { Parameter, SearchSpace } from '../../src/tuning/space.js';

const units: Parameter = { name: 'units', type: 'int', low: 16, high: 64, step: 16 };
const kernel: Parameter = { name: 'kernel', type: 'categorical', choices: [3, 5, 7] };
const rate: Parameter = { name: 'rate', type: 'float', low: 0.1, high: 0.2 };

/** One convolution over an image of that size. */
function image(size: number): FeatureMap {
  const steps = [{ window: { value: 3, parameter: 'kernel' }, stride: 1, padding: 'valid' as const }];
  return { size: [size], axes: 1, segments: [{ steps }] };
}

describe('spaceSize', () => {
  it('counts a small space', () => {
    assert.deepEqual(spaceSize({ parameters: [units, kernel] }), { combinations: 12, isExact: true, share: 1 });
  });

  it('counts combinations that differ in what has no effect once', () => {
    const blocks: Parameter = { name: 'blocks', type: 'int', low: 1, high: 2 };
    const second: Parameter = { ...units, name: 'second', when: { parameter: 'blocks', atLeast: 2 } };
    assert.equal(spaceSize({ parameters: [blocks, second] }).combinations, 5);
  });

  it('leaves out networks that can not be built', () => {
    const space: SearchSpace = { parameters: [units, kernel], featureMaps: [image(5)] };
    assert.deepEqual(spaceSize(space), { combinations: 8, isExact: true, share: 8 / 12 });
  });

  it('draws from a space that is too large to count', () => {
    const continuous = spaceSize({ parameters: [rate, kernel], featureMaps: [image(5)] });
    assert.equal(continuous.combinations, Number.POSITIVE_INFINITY);
    assert.equal(continuous.isExact, false);
    assert.ok(continuous.share > 0.6 && continuous.share < 0.74, `${continuous.share}`);
    assert.deepEqual(spaceSize({ parameters: [rate, kernel], featureMaps: [image(2)] }), {
      combinations: 0,
      isExact: false,
      share: 0,
    });
  });
});

describe('checkSpaceSize', () => {
  const fine = { combinations: 12, isExact: true, share: 1 };

  it('says nothing of a space that can be searched', () => {
    assert.deepEqual(checkSpaceSize(fine, { isStated: true, trials: 12 }), []);
    assert.deepEqual(checkSpaceSize({ ...fine, share: 0.01 }, { isStated: false }), []);
  });

  it('refuses a stated space in which no network can be built, and only warns of one that was found', () => {
    const none = { combinations: 0, isExact: false, share: 0 };
    const [refused] = checkSpaceSize(none, { isStated: true });
    assert.equal(refused?.severity, 'error');
    assert.match(refused.message, /no network of this space can be built/);
    assert.equal(checkSpaceSize(none, { isStated: false })[0]?.severity, 'warning');
  });

  it('warns of a space of which little can be built', () => {
    const [warning] = checkSpaceSize({ ...fine, share: 0.034 }, { isStated: true });
    assert.match(warning?.message ?? '', /only about 3\.4 %/);
  });

  it('warns when there is nothing to search, or less than the budget', () => {
    const [one] = checkSpaceSize({ ...fine, combinations: 1 }, { isStated: false, trials: 50 });
    assert.match(one?.message ?? '', /only one combination/);
    const [few] = checkSpaceSize(fine, { isStated: false, trials: 13 });
    assert.deepEqual(few?.key, ['budget', 'trials']);
    assert.match(few?.message ?? '', /only 12 combinations/);
  });
});

describe('nearestWord', () => {
  it('finds what was meant, and nothing when nothing is near', () => {
    const words = ['learning_rate', 'units', 'dropout_1', 'dropout_2'];
    assert.equal(nearestWord('lerning_rate', words), 'learning_rate');
    assert.equal(nearestWord('Unit', words), 'units');
    assert.equal(nearestWord('dropout_3', words), 'dropout_1');
    assert.equal(nearestWord('momentum', words), undefined);
  });
});
