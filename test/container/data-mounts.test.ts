import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { dataMounts } from '../../src/container/data-mounts.js';

let root: string;
before(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'pushtune-data-')));
  mkdirSync(join(root, 'root/datasets/faces'), { recursive: true });
  mkdirSync(join(root, 'root/datasets/a:b'));
  mkdirSync(join(root, 'outside'));
  symlinkSync('faces', join(root, 'root/datasets/latest'));
  symlinkSync('../outside', join(root, 'root/escape'));
});
after(() => rmSync(root, { recursive: true }));

function mounts(...names: readonly string[]): Promise<ReadonlyMap<string, string>> {
  return dataMounts(join(root, 'root'), names);
}

describe('data of the server', () => {
  it('is found below the data root and seen under /data, by each of its names', async () => {
    const folder = join(root, 'root/datasets');
    assert.deepEqual(
      [...(await mounts('datasets/faces', '/datasets/latest/', './datasets/a:b'))],
      [
        ['/data/datasets/faces', join(folder, 'faces')],
        ['/data/datasets/latest', join(folder, 'faces')],
        ['/data/datasets/a:b', join(folder, 'a:b')],
      ],
    );
    assert.equal((await dataMounts('', [])).size, 0);
  });

  it('is refused when it is missing, leads out of the data root, or would be seen elsewhere', async () => {
    const wrong: readonly (readonly [string, RegExp])[] = [
      ['nothing', /there is no nothing below/],
      ['escape', /leads out/],
      ['../outside', /names no folder below/],
      ['datasets/../../root/datasets', /names no folder below/],
      ['.', /names no folder below/],
    ];
    for (const [name, message] of wrong) await assert.rejects(mounts(name), { name: 'ContainerError', message });
    await assert.rejects(dataMounts('', ['faces']), /no training\.data_root/);
    await assert.rejects(dataMounts(join(root, 'gone'), ['faces']), /training\.data_root .*gone does not exist/);
  });
});
