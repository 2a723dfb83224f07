import assert from 'node:assert/strict';
import { test } from 'node:test';
import { missingRequirements, RequirementError } from '../../src/container/requirements.js';

const lock = 'keras==3.15.1\nopencv-python-headless==5.0.0.93\nscikit-learn==1.9.1\ntensorflow-cpu==2.21.0\n';
const nothing = { missing: [], outvoted: [] };

test('a package of the environment is not asked for again, however its name is written', () => {
  assert.deepEqual(missingRequirements(['Keras>=3', 'scikit_learn', 'scikit-learn==1.9.1'], lock), nothing);
});

test('a package that the environment holds under another name is not asked for', () => {
  assert.deepEqual(missingRequirements(['tensorflow>=2.15', 'opencv-python', 'sklearn'], lock), nothing);
});

test('further packages keep their versions and extras', () => {
  const wanted = ['keras', 'albumentations==1.4.0', 'ray[tune]>=2'];
  assert.deepEqual(missingRequirements(wanted, lock).missing, ['albumentations==1.4.0', 'ray[tune]>=2']);
});

test('comments and blank lines ask for nothing', () => {
  assert.deepEqual(missingRequirements(['# for training', '', '  '], lock), nothing);
});

test('what pip would have to run to read it is refused', () => {
  const hostile = [
    'evil @ https://example.org/evil.tar.gz',
    'evil@git+https://example.org/evil.git',
    'folder/of/the/server',
    'name --index-url=http://example.org',
    'a b',
  ];
  for (const line of hostile) assert.throws(() => missingRequirements([line], ''), RequirementError, line);
});

test('versions, extras, markers and comments are no reason to refuse', () => {
  const plain = ['a', 'a==1.0', 'a>=1,<2', 'a[x,y] ~= 1.4.2', 'a!=1.*; python_version < "3.12"', 'a==1.0+cpu  # why'];
  assert.deepEqual(missingRequirements(plain, '').missing, plain);
});

test('a pin that the environment does not meet gives way to it, or comes on top where that is wanted', () => {
  const frozen = ['tensorflow==2.3', 'Keras==2.4.3', 'scikit-learn>=1,<2', 'opencv-python==5.0.0.93', 'keras~=3.15.0'];
  assert.deepEqual(missingRequirements(frozen, lock), {
    missing: [],
    outvoted: ['tensorflow==2.3 → 2.21.0', 'Keras==2.4.3 → 3.15.1'],
  });
  assert.deepEqual(missingRequirements(frozen, lock, true), {
    missing: ['tensorflow==2.3', 'Keras==2.4.3'],
    outvoted: [],
  });
  const old = 'tensorflow==1.15; python_version < "3.8"';
  assert.deepEqual(missingRequirements([old], lock), nothing, 'pip knows that it is not meant');
});
