import assert from 'node:assert/strict';
import { it } from 'node:test';
import { isSource } from '../../src/git/source-paths.js';

it('a file is a source by its name and its size, and a notebook may hold images', () => {
  const megabyte = 1024 * 1024;
  assert.deepEqual(
    [
      isSource('a/train.PY', megabyte),
      isSource('train.py', megabyte + 1),
      isSource('train.ipynb', 10 * megabyte),
      isSource('train.ipynb', 17 * megabyte),
      isSource('weights.h5', 1),
    ],
    [true, false, true, false, false],
  );
});
