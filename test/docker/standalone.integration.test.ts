/** The training image by itself, as a person uses it with `docker run`. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chownSync } from 'node:fs';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, before, beforeEach, test } from 'node:test';
import Docker from 'dockerode';
import { ensureEnvironmentImage } from '../../src/container/images.js';

let image: string;
let workspace: string;

before(async () => {
  const dataDirectory = join(tmpdir(), 'pushtune-standalone');
  const options = { environment: 'tensorflow', dataDirectory, onProgress: () => {} } as const;
  image = (await ensureEnvironmentImage(new Docker(), options)).tag;
});

beforeEach(async () => {
  workspace = await mkdtemp(join(tmpdir(), 'pushtune-workspace-'));
});

afterEach(() => rm(workspace, { recursive: true, force: true }));

function dockerRun(parameters: readonly string[], flags: readonly string[] = []) {
  const all = ['run', '--rm', '--network', 'none', ...flags, '-v', `${workspace}:/workspace`, image, ...parameters];
  const { status, stdout, stderr } = spawnSync('docker', all, { encoding: 'utf8' });
  return { status, stdout, stderr };
}

test('a mounted repository is trained at once, and its exit code is the container’s', async () => {
  await writeFile(join(workspace, 'train.py'), 'import os\nprint(os.getcwd(), __name__)\nraise SystemExit(7)\n');
  const { status, stdout } = dockerRun([]);
  assert.deepEqual({ status, stdout }, { status: 7, stdout: '/workspace __main__\n' });
});

test('.pushtune.yml names the main script', async () => {
  await writeFile(join(workspace, 'train.py'), 'print("the usual one")\n');
  await writeFile(join(workspace, 'fit_model.py'), 'print("the named one")\n');
  await writeFile(join(workspace, '.pushtune.yml'), 'main: fit_model.py\n');
  assert.equal(dockerRun([]).stdout, 'the named one\n');
});

test('.pushtune.yml says what the script is given, word by word as it is written', async () => {
  await writeFile(join(workspace, 'train.py'), 'import os, sys\nprint(sys.argv[1:], os.environ["RATE"])\n');
  await writeFile(join(workspace, '.pushtune.yml'), 'arguments: [--lr, 0.010, "7"]\nvariables: {RATE: 1e-3}\n');
  assert.equal(dockerRun([]).stdout, "['--lr', '0.010', '7'] 1e-3\n");
});

test('without a script it says where it looked', () => {
  const { status, stderr } = dockerRun([]);
  assert.equal(status, 2);
  assert.match(stderr, /train\.py, main\.py, model\.py/);
});

test('what a training writes belongs to the owner of the repository', async (context) => {
  if (process.getuid?.() !== 0) return context.skip('only root can give a folder away');
  await writeFile(join(workspace, 'train.py'), 'open("weights", "w").close()\n');
  chownSync(workspace, 4321, 8765);
  assert.equal(dockerRun([]).status, 0);
  const { uid, gid } = await stat(join(workspace, 'weights'));
  assert.deepEqual({ uid, gid }, { uid: 4321, gid: 8765 });
});

test('any user has all packages and a home that can be written', () => {
  const code = 'import cv2, keras, tensorflow, numpy, pandas, sklearn, matplotlib, yaml, pathlib; '.concat(
    '(pathlib.Path.home() / "probe").mkdir(); print(tensorflow.__version__, keras.__version__)',
  );
  const { status, stdout } = dockerRun(['python', '-c', code], ['--user', '12345:12345']);
  assert.equal(status, 0);
  assert.match(stdout, /^2\.21\.\d+ 3\.15\.\d+\n$/);
});

test('the notebook server is there, and listens to the outside', () => {
  assert.match(dockerRun(['jupyter', 'notebook', '--version']).stdout, /^7\./);
  const config = dockerRun(['jupyter', 'notebook', '--show-config']).stdout;
  assert.match(config, /\.ip = '0\.0\.0\.0'/);
});
