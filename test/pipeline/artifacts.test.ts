import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { chooseArtifacts, isModel, type LeftFile } from '../../src/pipeline/artifacts.js';

const limits = { file: 1000, run: 2000 };

function file(path: string, size = 10, modifiedAt = 5): LeftFile {
  return { path, size, modifiedAt };
}

function choose(files: readonly LeftFile[], globs?: readonly string[]) {
  const { kept, leftOut } = chooseArtifacts(files, globs, { since: 5, limits });
  return { kept: kept.map(({ path }) => path), leftOut };
}

describe('chooseArtifacts', () => {
  it('keeps models first, then plots and reports, and nothing that came with the commit', () => {
    const files = [
      file('train.py'),
      file('report.csv'),
      file('plots/roc.png'),
      file('out/best.pt'),
      file('old.png', 1, 4),
    ];
    assert.deepEqual(choose(files), { kept: ['out/best.pt', 'plots/roc.png', 'report.csv'], leftOut: [] });
  });

  it('keeps what the repository names in place of that', () => {
    const files = [file('weights.bin'), file('a.png'), file('out/log.npz')];
    assert.deepEqual(choose(files, ['*.bin', 'out/**']).kept, ['out/log.npz', 'weights.bin']);
    assert.deepEqual(choose(files, []).kept, []);
  });

  it('takes a folder of many files for data, unless the repository names them', () => {
    const faces = Array.from({ length: 31 }, (_, i) => file(`faces/${i}.png`));
    const found = choose([...faces, file('faces/model.h5'), file('loss.png')]);
    assert.deepEqual(found.kept, ['faces/model.h5', 'loss.png']);
    assert.equal(found.leftOut[0]?.name, 'faces/');
    assert.match(found.leftOut[0]?.reason ?? '', /31 files in one folder look like data/);
    assert.equal(choose(faces, ['faces/*.png']).kept.length, 31);
  });

  it('says what is too large, alone or together', () => {
    const { kept, leftOut } = choose([file('a.pt', 1001), file('b.pt', 900), file('c.pt', 900), file('d.pt', 900)]);
    assert.deepEqual(kept, ['b.pt', 'c.pt']);
    assert.deepEqual(
      leftOut.map(({ name, reason }) => [name, /artifacts\.(file|run)/.exec(reason)?.[1]]),
      [
        ['a.pt', 'file'],
        ['d.pt', 'run'],
      ],
    );
  });
});

it('a model is known by its ending', () => {
  assert.ok(isModel('deep/er/model.KERAS'.toLowerCase()) && isModel('m.joblib'));
  assert.ok(!isModel('model.txt') && !isModel('keras'));
});
