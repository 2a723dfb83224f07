import assert from 'node:assert/strict';
import { it } from 'node:test';
import { isLeftBehind, temporaryName } from '../../src/container/temporary.js';

const now = Date.now();
const longAgo = now - 25 * 3600 * 1000;

it('knows what a process of this host left behind, however long that lived', () => {
  const mine = temporaryName('image');
  assert.match(mine, /^image-[A-Za-z0-9_.-]+$/);
  assert.ok(!isLeftBehind(mine, longAgo, now), 'this process lives');
  assert.ok(isLeftBehind(mine.replace(`.${process.pid}.`, '.999999999.'), now, now), 'no such process');
  assert.ok(isLeftBehind(mine.replace(/\.\d+-/, '.1-'), now, now), 'another process with that number');
});

it('waits a day with what another host or an unknown process made', () => {
  const elsewhere = 'image-elsewhere.1.1-00000000-0000-4000-8000-000000000000';
  for (const name of [elsewhere, 'index-123', 'git-askpass']) {
    assert.ok(!isLeftBehind(name, now, now));
    assert.ok(isLeftBehind(name, longAgo, now));
  }
});
