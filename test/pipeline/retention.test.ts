import assert from 'node:assert/strict';
import { it } from 'node:test';
import { addedSize, isBaseOfAnother, type LayeredImage, toBeRemoved } from '../../src/pipeline/retention.js';

const now = Date.UTC(2026, 0, 1);

function thing(name: string, secondsAgo: number | undefined, size = 10) {
  return { name, size, usedAt: secondsAgo === undefined ? undefined : now - secondsAgo * 1000 };
}

function names(things: readonly { readonly name: string }[]): string[] {
  return things.map(({ name }) => name);
}

it('removes what was not needed for longer than its age', () => {
  const things = [thing('new', 59), thing('old', 60), thing('needed', undefined)];
  assert.deepEqual(names(toBeRemoved(things, { age: 60, size: 1000 }, now)), ['old']);
});

it('removes what was needed longest ago while all together are too large', () => {
  const things = [thing('b', 20), thing('needed', undefined), thing('a', 30), thing('c', 10)];
  assert.deepEqual(names(toBeRemoved(things, { age: 60, size: 40 }, now)), []);
  assert.deepEqual(names(toBeRemoved(things, { age: 60, size: 39 }, now)), ['a']);
  assert.deepEqual(names(toBeRemoved(things, { age: 60, size: 20 }, now)), ['a', 'b']);
  assert.deepEqual(names(toBeRemoved(things, { age: 60, size: 1 }, now)), ['a', 'b', 'c'], 'what is needed stays');
});

it('counts what goes by its age first', () => {
  const things = [thing('old', 100), thing('new', 1), thing('newer', 0)];
  assert.deepEqual(names(toBeRemoved(things, { age: 60, size: 20 }, now)), ['old']);
});

function image(id: string, size: number, ...layers: readonly string[]): LayeredImage {
  return { id, size, layers };
}

it('knows which image lies upon which, and what it adds', () => {
  const base = image('base', 100, 'a');
  const packages = image('packages', 500, 'a', 'b');
  const first = image('first', 501, 'a', 'b', 'c');
  const second = image('second', 502, 'a', 'b', 'd');
  const all = [second, packages, first, base];
  assert.ok(isBaseOfAnother(base, all));
  assert.ok(isBaseOfAnother(packages, all));
  assert.ok(!isBaseOfAnother(first, all));
  assert.ok(!isBaseOfAnother(image('same', 501, 'a', 'b', 'c'), [first]), 'the same layers');
  assert.deepEqual(
    all.map((one) => addedSize(one, all)),
    [2, 400, 1, 100],
  );
});
