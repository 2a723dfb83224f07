import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { packageRoot } from '../src/package-root.js';

let folder: string;
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'pushtune-cli-'));
});
after(() => rmSync(folder, { recursive: true, force: true }));

function pushtune(...parameters: string[]) {
  const cli = join(packageRoot(), 'src', 'cli.ts');
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--import', 'tsx', cli, ...parameters], {
    encoding: 'utf8',
  });
  return { status, stdout, stderr };
}

describe('pushtune inspect', () => {
  it('prints one object with --json', () => {
    writeFileSync(join(folder, 'train.py'), 'import keras\nmodel.fit(x, y, epochs=10)\n');
    const { status, stdout } = pushtune('inspect', folder, '--json');
    assert.equal(status, 0);
    const { hyperparameters, ...rest } = JSON.parse(stdout);
    assert.deepEqual(rest, {
      main: 'train.py',
      candidates: ['train.py'],
      framework: 'tensorflow',
      imports: ['keras'],
      packages: ['tensorflow'],
      environment: 'tensorflow',
      metric: { name: 'val_accuracy', source: 'keras-history' },
      warnings: [],
    });
    const expected = { name: 'epochs', kind: 'epochs', file: 'train.py', line: 2, column: 23, value: 10 };
    assert.deepEqual(hyperparameters, [{ ...expected, type: 'int', low: 5, high: 20, log: true }]);
  });

  it('says in one line where a script is no Python, and exits with 2', () => {
    writeFileSync(join(folder, 'train.py'), 'import keras\n\nmodel.fit(x, y\n');
    const { status, stdout, stderr } = pushtune('inspect', folder);
    assert.deepEqual([status, stdout], [2, '']);
    assert.match(stderr, /^pushtune: train\.py:\d+: this is not valid Python 3\n$/);
  });
});

describe('pushtune init', () => {
  it('writes .pushtune.yml, and replaces one only when it is told to', () => {
    writeFileSync(join(folder, 'train.py'), 'import keras\nmodel.fit(x, y, epochs=10)\n');
    const file = join(folder, '.pushtune.yml');
    assert.equal(pushtune('init', folder).status, 0);
    assert.match(readFileSync(file, 'utf8'), /^#main: train\.py$/m);

    writeFileSync(file, 'budget: {trials: 3}\n');
    const { status, stderr } = pushtune('init', folder);
    assert.deepEqual([status, stderr], [1, `pushtune: ${file} is there already; use --force to replace it\n`]);
    assert.equal(readFileSync(file, 'utf8'), 'budget: {trials: 3}\n');

    assert.equal(pushtune('init', folder, '--force').status, 0);
    assert.match(readFileSync(file, 'utf8'), /^#main: train\.py$/m);
  });
});

describe('pushtune space check', () => {
  const script = 'import keras\nmodel.fit(x, y, epochs=10)\n';

  it('shows the space, and exits with 0 when nothing is wrong with it', () => {
    const clean = join(folder, 'clean');
    mkdirSync(clean);
    writeFileSync(join(clean, 'train.py'), script);
    const { status, stdout } = pushtune('space', 'check', clean);
    assert.equal(status, 0);
    assert.match(stdout, /│ epochs │ train\.py:2 │ 10 {4}│ 5 … 20 \(int, log\) │/);
    assert.match(stdout, /^metric {8}val_accuracy, at least 0\.8\n/m);
    assert.match(stdout, /^combinations {2}16\n/m);
    assert.doesNotMatch(stdout, /Errors|Warnings/);
  });

  it('names each mistake with its line, and exits with 1', () => {
    const wrong = join(folder, 'wrong');
    mkdirSync(wrong);
    writeFileSync(join(wrong, 'train.py'), script);
    writeFileSync(join(wrong, '.pushtune.yml'), 'hyperparameters:\n  epoch: off\n  epochs: {low: 12, high: 14}\n');
    const { status, stdout } = pushtune('space', 'check', wrong);
    assert.equal(status, 1);
    const [, findings = ''] = stdout.split('\nErrors\n');
    assert.equal(
      findings,
      '  .pushtune.yml:2: hyperparameters.epoch: no hyperparameter is called so; did you mean epochs?\n\nWarnings\n' +
        '  .pushtune.yml:3: hyperparameters.epochs: leaves out 10, which stands in train.py:2; only trial 0 is trained with it\n',
    );

    const json = pushtune('space', 'check', wrong, '--json');
    assert.equal(json.status, 1);
    const { errors, warnings, hyperparameters, ...rest } = JSON.parse(json.stdout);
    assert.equal(errors[0].line, 2);
    assert.equal(errors[0].key, 'hyperparameters.epoch');
    assert.equal(warnings.length, 1);
    assert.deepEqual(hyperparameters[0].low, 12);
    assert.deepEqual(rest, {
      main: 'train.py',
      metric: { name: 'val_accuracy', mode: 'max', target: 0.8 },
      budget: { trials: 50, hours: 12, patience: 15 },
      combinations: null,
    });
  });
});

describe('pushtune study', () => {
  it('says in one line that the server does not answer, and how to name another', () => {
    const parameters = ['extend', 'ID', '--trials', '5', '--server', 'http://127.0.0.1:1', '--token', 'x'];
    const { status, stdout, stderr } = pushtune('study', ...parameters);
    assert.deepEqual([status, stdout], [1, '']);
    assert.match(stderr, /^pushtune: http:\/\/127\.0\.0\.1:1 does not answer; .*--server.*\n$/);
    assert.match(pushtune('study', 'extend', 'ID', '--trials', 'many').stderr, /a positive number is expected/);
  });
});
