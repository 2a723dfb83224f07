import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { filesIn } from '../../src/container/folders.js';

test('files of a folder are found below it too, without what Python compiled, always in the same order', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'pushtune-folders-'));
  try {
    await mkdir(join(folder, 'hooks', '__pycache__'), { recursive: true });
    for (const path of ['b.py', 'a.py', 'hooks/a.py', 'hooks/__pycache__/a.pyc'])
      await writeFile(join(folder, path), '');
    assert.deepEqual(await filesIn(folder), ['a.py', 'b.py', 'hooks/a.py']);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
