import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type ChangedFile, describePassedOver, whyItMatters } from '../../src/pipeline/push-matters.js';

const reach = {
  files: ['train.py', 'lib/model.py', 'params.yaml'],
  names: ['data', 'images/train', 'labels.csv'],
};

function matters(path: string, kind: ChangedFile['kind'] = 'modified'): string | undefined {
  return whyItMatters(
    [
      { path: 'README.md', kind: 'modified' },
      { path, kind },
    ],
    reach,
  );
}

describe('whyItMatters', () => {
  it('takes what the training reads, and what says how it is trained', () => {
    for (const path of ['train.py', 'lib/model.py', 'params.yaml'])
      assert.equal(matters(path), `the training reads ${path}`);
    for (const path of ['.pushtune.yml', 'requirements.txt', 'sub/requirements-dev.txt', 'environment.yaml', 'uv.lock'])
      assert.match(matters(path) ?? '', /say how it is trained/, path);
  });

  it('takes a script that is new or gone, and none that is changed and read by nobody', () => {
    assert.match(matters('tools/plot.py', 'added') ?? '', /was added/);
    assert.match(matters('keras.py', 'removed') ?? '', /was removed/);
    assert.equal(matters('tools/plot.py'), undefined);
  });

  it('takes all but words where a script lists its folder', () => {
    const listing = { files: [], names: ['*'] };
    assert.match(whyItMatters([{ path: 'other.csv', kind: 'added' }], listing) ?? '', /may list the folder/);
    for (const path of ['README.md', 'docs/a.png', 'LICENSE', '.github/workflows/ci.yml', '.gitignore'])
      assert.equal(whyItMatters([{ path, kind: 'modified' }], listing), undefined, path);
  });

  it('takes files and folders that the scripts name', () => {
    assert.equal(matters('data/7/a.png', 'added'), 'the script names data');
    assert.equal(matters('sets/images/train/a.png', 'added'), 'the script names images/train');
    assert.equal(matters('sets/labels.csv'), 'the script names labels.csv');
    for (const path of ['docs/data.md', 'images/test/a.png', '.github/workflows/ci.yml', 'other.csv'])
      assert.equal(matters(path), undefined, path);
  });
});

it('a person is told of the first files', () => {
  const changes = ['a', 'b', 'c', 'd', 'e'].map((path) => ({ path, kind: 'modified' as const }));
  assert.match(describePassedOver(changes), /^the push changes a, b, c and 2 more, which the training does not read/);
  assert.match(describePassedOver([]), /^the push changes no file/);
});
