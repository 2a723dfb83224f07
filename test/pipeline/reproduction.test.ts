import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { reproductionScript, type TrialToReproduce } from '../../src/pipeline/reproduction.js';

const trial: TrialToReproduce = {
  study: 's-1',
  trial: 3,
  metric: { name: 'val_accuracy', value: 0.93, source: 'keras history' },
  sha: 'a'.repeat(40),
  url: 'https://person:secret@git.example/owner/name.git',
  image: 'pushtune/tensorflow:abc',
  main: 'train.py',
  arguments: [],
  variables: {},
  seed: 7,
  network: 'bridge',
  data: new Map(),
};

/** What the script calls, with a git and a Docker that only write down their arguments. */
function calls(script: string): readonly (readonly string[])[] {
  const folder = mkdtempSync(join(tmpdir(), 'pushtune-reproduction-'));
  try {
    for (const name of ['git', 'docker']) {
      const path = join(folder, name);
      writeFileSync(path, `#!/bin/sh\n{ printf '%s\\n' ${name} "$@"; echo; } >> ${join(folder, 'calls')}\n`);
      chmodSync(path, 0o755);
    }
    writeFileSync(join(folder, 'reproduce.sh'), script);
    const environment = { ...process.env, PATH: `${folder}:${process.env.PATH}`, TMPDIR: folder };
    const { status, stderr } = spawnSync('bash', [join(folder, 'reproduce.sh')], {
      env: environment,
      encoding: 'utf8',
    });
    assert.equal(status, 0, stderr);
    const written = readFileSync(join(folder, 'calls'), 'utf8')
      .trimEnd()
      .replaceAll(/\S+\/tmp\.\w+/g, 'CLONE');
    return written.split('\n\n').map((call) => call.split('\n'));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const owner = `${process.getuid?.()}:${process.getgid?.()}`;
const run = ['docker', 'run', '--rm', '--entrypoint', 'python3', '--workdir', '/workspace', '--user', owner];
const hooks = ['--env', 'PYTHONPATH=/opt/pushtune/trainer/hooks'];

it('clones the commit and trains it with its seed, without the credentials of the server', () => {
  const script = reproductionScript(trial);
  assert.doesNotMatch(script, /secret/);
  assert.match(script, /^# Trains trial 3 of the study s-1 once more, which reached val_accuracy 0\.93\.$/m);
  assert.deepEqual(calls(script), [
    ['git', 'clone', '--quiet', '--', 'https://git.example/owner/name.git', 'CLONE'],
    ['git', '-C', 'CLONE', 'checkout', '--quiet', '--detach', trial.sha],
    [...run, '--volume', 'CLONE:/workspace', '--env', 'PUSHTUNE_SEED=7', ...hooks, trial.image, '-u', 'train.py'],
  ]);
});

it('gives what a repository says to no shell', () => {
  const script = reproductionScript({
    ...trial,
    metric: { ...trial.metric, name: 'a\rb\n$(touch here)' },
    seed: undefined,
    network: 'none',
    main: "it's $(here).ipynb",
    arguments: ['--lr', '0.1; rm -rf /', '`x`'],
    variables: { NAME: '"a b" \\ $HOME' },
    data: new Map([['/srv/my data', '/data/faces']]),
  });
  const [, , docker] = calls(script);
  assert.deepEqual(docker, [
    ...run,
    '--network',
    'none',
    '--volume',
    'CLONE:/workspace',
    '--volume',
    '/srv/my data:/data/faces:ro',
    '--env',
    'NAME="a b" \\ $HOME',
    ...hooks,
    trial.image,
    '-c',
    '__import__("pushtune_hooks.cells").cells.run_file()',
    "it's $(here).ipynb",
    '--lr',
    '0.1; rm -rf /',
    '`x`',
  ]);
  assert.match(script, /No seed was set/);
});
