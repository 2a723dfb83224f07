import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, beforeEach, describe, it } from 'node:test';
import {
  copyGuarded,
  listGuarded,
  modifiedGuarded,
  readGuarded,
  sizeGuarded,
  UnsafeFileError,
  writeGuarded,
} from '../../src/container/guarded-files.js';

describe('a folder that a script may write to', () => {
  const outside = mkdtempSync(join(tmpdir(), 'pushtune-outside-'));
  let root = mkdtempSync(join(tmpdir(), 'pushtune-guarded-'));
  const roots = [outside, root];
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'pushtune-guarded-'));
    roots.push(root);
    mkdirSync(join(root, 'run'));
    writeFileSync(join(outside, 'secret'), 'secret');
  });
  after(() => {
    for (const folder of roots) rmSync(folder, { recursive: true, force: true });
  });

  it('gives bytes from an offset, and nothing for what is not there', async () => {
    writeFileSync(join(root, 'run/log'), '0123456789');
    assert.equal((await readGuarded(root, 'run/log', 3, 4))?.toString(), '3456');
    assert.equal((await readGuarded(root, 'run/log', 10, 4))?.length, 0);
    assert.equal(await readGuarded(root, 'run/none', 0, 4), undefined);
    assert.equal(await readGuarded(root, 'gone/log', 0, 4), undefined);
    assert.equal(await sizeGuarded(root, 'run/log'), 10);
  });

  it('refuses a link, a linked folder, a pipe and a folder instead of a file', async () => {
    symlinkSync(join(outside, 'secret'), join(root, 'run/link'));
    symlinkSync(outside, join(root, 'linked'));
    execFileSync('mkfifo', [join(root, 'run/pipe')]);
    for (const path of ['run/link', 'linked/secret', 'run/pipe', 'run', '../x', 'run/..']) {
      await assert.rejects(readGuarded(root, path, 0, 10), UnsafeFileError, path);
    }
  });

  it('is copied from file by file, up to a size, and never through a link', async () => {
    const target = join(outside, 'copy');
    const content = Buffer.alloc(3 * 1024 * 1024 + 5, 'abc');
    writeFileSync(join(root, 'run/model'), content);
    assert.equal(await copyGuarded(root, 'run/model', target, content.length - 1), false);
    assert.equal(await copyGuarded(root, 'run/none', target, 10), false);
    assert.ok(!readdirSync(outside).includes('copy'));
    assert.equal(await copyGuarded(root, 'run/model', target, content.length), true);
    assert.ok(readFileSync(target).equals(content));
    symlinkSync(join(outside, 'secret'), join(root, 'run/link'));
    await assert.rejects(copyGuarded(root, 'run/link', join(outside, 'other'), 10), UnsafeFileError);
    rmSync(target);
  });

  it('is never left by a write', async () => {
    symlinkSync(outside, join(root, 'linked'));
    symlinkSync(join(outside, 'secret'), join(root, 'run/stop'));
    await assert.rejects(writeGuarded(root, 'linked/new', 'x'), UnsafeFileError);
    await writeGuarded(root, 'run/stop', 'replaced');
    assert.equal(readFileSync(join(outside, 'secret'), 'utf8'), 'secret', 'the link itself is replaced');
    assert.equal(readFileSync(join(root, 'run/stop'), 'utf8'), 'replaced');
  });

  it('says when a file was written, and lists a folder up to a limit', async () => {
    for (const name of ['a', 'b', 'c']) writeFileSync(join(root, 'run', name), name);
    utimesSync(join(root, 'run/a'), 1, 1234.5);
    assert.equal(await modifiedGuarded(root, 'run/a'), 1_234_500);
    assert.equal(await modifiedGuarded(root, 'run/none'), undefined);
    assert.deepEqual([...(await listGuarded(root, 'run', 10))].sort(), ['a', 'b', 'c']);
    assert.equal((await listGuarded(root, 'run', 2)).length, 2);
    assert.deepEqual(await listGuarded(root, 'none', 10), []);
  });

  it('is never left by a listing', async () => {
    symlinkSync(outside, join(root, 'linked'));
    writeFileSync(join(root, 'file'), '');
    for (const path of ['linked', 'file', '..', 'run/..']) {
      await assert.rejects(listGuarded(root, path, 10), UnsafeFileError, path);
    }
    await assert.rejects(modifiedGuarded(root, 'linked/secret'), UnsafeFileError);
  });

  it('shows a file whole or not at all, and nothing else meanwhile', async () => {
    await writeGuarded(root, 'run/request.json', '{}');
    assert.deepEqual(readdirSync(join(root, 'run')), ['request.json']);
  });
});
