/** The agent in a real container, driven through its files as a worker drives it. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import Docker from 'dockerode';
import { ensureEnvironmentImage } from '../../src/container/images.js';
import { packageRoot } from '../../src/package-root.js';
import { removeAgent, startAgent } from '../support/agent-container.js';

const docker = new Docker();
let image: string;
let folder: string;
let container: Docker.Container;

before(async () => {
  const dataDirectory = join(tmpdir(), 'pushtune-agent');
  image = (await ensureEnvironmentImage(docker, { environment: 'tensorflow', dataDirectory, onProgress: () => {} }))
    .tag;
});

beforeEach(async () => {
  ({ folder, container } = await startAgent(docker, image, {
    Entrypoint: ['python3', '/opt/pushtune/trainer'],
    binds: [`${join(packageRoot(), 'docker', 'tensorflow', 'trainer')}:/opt/pushtune/trainer:ro`],
  }));
});

afterEach(() => removeAgent({ folder, container }));

after(() => rm(join(tmpdir(), 'pushtune-agent'), { recursive: true, force: true }));

interface Result {
  readonly exitCode: number | null;
  readonly signal: number | null;
  readonly reason: string;
  readonly starts: number;
  readonly seconds: number;
  readonly peakMemoryBytes?: number;
}

function run(name: string): string {
  return join(folder, 'runs', name);
}

async function request(name: string, script: string, settings: Readonly<Record<string, unknown>> = {}): Promise<void> {
  await mkdir(join(run(name), 'workspace'), { recursive: true });
  await writeFile(join(run(name), 'workspace', 'train.py'), script);
  const whole = { run: name, main: 'train.py', arguments: [], timeoutSeconds: 60, environment: {}, maximumStarts: 3 };
  await writeFile(join(run(name), 'request.json'), JSON.stringify({ ...whole, ...settings }));
  await writeFile(join(folder, 'agent', 'requests', name), '');
}

/** Waits for a file that the agent or the script makes; the container's log explains when it never comes. */
async function appears(path: string): Promise<string> {
  const deadline = Date.now() + 30_000;
  while (Date.now() < deadline) {
    const text = await readFile(path, 'utf8').catch(() => undefined);
    if (text !== undefined) return text;
    await delay(20);
  }
  throw new Error(`${path} did not appear: ${(await container.logs({ stdout: true, stderr: true })).toString()}`);
}

async function resultOf(name: string): Promise<Result> {
  return JSON.parse(await appears(join(run(name), 'result.json')));
}

function processes(): string {
  return execFileSync('docker', ['top', container.id, '-eo', 'pid,args']).toString();
}

test('a script’s output comes in order and its exit code is kept', async () => {
  await request(
    'r1',
    'import sys\nfor i in range(3):\n  print("out", i)\n  print("error", i, file=sys.stderr)\nsys.exit(3)\n',
  );
  const { exitCode, signal, reason, starts, peakMemoryBytes } = await resultOf('r1');
  assert.deepEqual({ exitCode, signal, reason, starts }, { exitCode: 3, signal: null, reason: 'exited', starts: 1 });
  assert.ok((peakMemoryBytes ?? 0) > 1024 * 1024);
  const log = await readFile(join(run('r1'), 'log'), 'utf8');
  assert.equal(log, 'out 0\nerror 0\nout 1\nerror 1\nout 2\nerror 2\n');
});

test('a script sees what it would see in a plain run', async () => {
  const script = [
    'import os, sys',
    'print(sys.argv, __name__, __file__ == os.path.abspath("train.py"), os.getcwd(), sys.path[0])',
    'print(os.environ["EXTRA"], "PUSHTUNE_RUNS" in os.environ, "trainer" in sys.modules)',
    'try:',
    '  input()',
    'except EOFError:',
    '  print("end of file")',
    'def fails():',
    '  raise ValueError("broken")',
    'fails()',
  ].join('\n');
  await request('r1', script, { arguments: ['--epochs', '2'], environment: { EXTRA: 'yes' } });
  assert.equal((await resultOf('r1')).exitCode, 1);
  const lines = (await readFile(join(run('r1'), 'log'), 'utf8')).trimEnd().split('\n');
  assert.equal(lines[0], "['train.py', '--epochs', '2'] __main__ True /runs/r1/workspace /runs/r1/workspace");
  assert.deepEqual(lines.slice(1, 4), ['yes False False', 'end of file', 'Traceback (most recent call last):']);
  assert.equal(lines.filter((line) => line.trimStart().startsWith('File ')).length, 2, 'only frames of the script');
  assert.equal(lines.at(-1), 'ValueError: broken');
});

test('a script that ignores SIGTERM is stopped all the same', async () => {
  const script = [
    'import signal, time',
    'signal.signal(signal.SIGTERM, signal.SIG_IGN)',
    'open("ready", "w").close()',
    'time.sleep(600)',
  ].join('\n');
  await request('r1', script);
  await appears(join(run('r1'), 'workspace', 'ready'));
  await writeFile(join(run('r1'), 'stop'), '');
  const { signal, reason } = await resultOf('r1');
  assert.deepEqual({ signal, reason }, { signal: 9, reason: 'stopped' });
});

test('a script that is not worth its remaining epochs ends as pruned, with all of its processes', async () => {
  const script = [
    'import subprocess, time',
    'subprocess.Popen(["sleep", "986"])',
    'open("ready", "w").close()',
    'time.sleep(600)',
    'print("after the training")',
  ].join('\n');
  await request('r1', script);
  await appears(join(run('r1'), 'workspace', 'ready'));
  await writeFile(join(run('r1'), 'prune'), JSON.stringify({ graceSeconds: 0.1 }));
  const { signal, reason } = await resultOf('r1');
  assert.deepEqual({ signal, reason }, { signal: 15, reason: 'pruned' });
  assert.equal(await readFile(join(run('r1'), 'log'), 'utf8'), '');
  assert.doesNotMatch(processes(), /sleep 986/);
});

test('a training that is given up ends by itself in time, whatever its exit code', async () => {
  const script = [
    'import os, signal, sys, time',
    'signal.signal(signal.SIGTERM, lambda *_: print("SIGTERM"))',
    'open("ready", "w").close()',
    'while not os.path.exists(os.environ["PUSHTUNE_PRUNE"]): time.sleep(0.01)',
    'time.sleep(0.2)',
    'print("epoch ended")',
    'sys.exit(3)',
  ].join('\n');
  await request('r1', script);
  await appears(join(run('r1'), 'workspace', 'ready'));
  await writeFile(join(run('r1'), 'prune'), '');
  const { exitCode, reason } = await resultOf('r1');
  assert.deepEqual({ exitCode, reason }, { exitCode: 3, reason: 'pruned' });
  assert.equal(await readFile(join(run('r1'), 'log'), 'utf8'), 'epoch ended\n');
});

test('what was given up before its container died is not trained again', async () => {
  await request('r1', 'import time\nopen("ready", "w").close()\ntime.sleep(600)\n');
  await appears(join(run('r1'), 'workspace', 'ready'));
  await container.kill();
  await writeFile(join(run('r1'), 'prune'), '');
  await container.start();
  const { reason, starts } = await resultOf('r1');
  assert.deepEqual({ reason, starts }, { reason: 'pruned', starts: 1 });
});

test('a training that takes too long ends as a timeout', async () => {
  await request('r1', 'import time\ntime.sleep(600)\n', { timeoutSeconds: 0.3 });
  assert.equal((await resultOf('r1')).reason, 'timeout');
});

test('a script’s left-over children end with it', async () => {
  await request('r1', 'import subprocess\nsubprocess.Popen(["sleep", "987"])\nprint("done")\n');
  assert.equal((await resultOf('r1')).exitCode, 0);
  // The kernel takes a moment to end what was killed.
  const deadline = Date.now() + 5000;
  while (processes().includes('sleep 987') && Date.now() < deadline) await delay(20);
  assert.doesNotMatch(processes(), /sleep 987/);
});

test('a container that is killed during a training starts it again, and its log goes on', async () => {
  const script = [
    'import os, time',
    'again = os.path.exists("ready")',
    'print("again" if again else "first")',
    'open("ready", "w").close()',
    'time.sleep(0 if again else 600)',
  ].join('\n');
  await request('r1', script);
  await appears(join(run('r1'), 'workspace', 'ready'));
  await container.kill();
  await container.start();
  const { exitCode, starts } = await resultOf('r1');
  assert.deepEqual({ exitCode, starts }, { exitCode: 0, starts: 2 });
  assert.equal(await readFile(join(run('r1'), 'log'), 'utf8'), 'first\nagain\n');
});

test('a training that takes its container down each time is given up', async () => {
  await request('r1', 'import time\nopen("ready", "w").close()\ntime.sleep(600)\n', { maximumStarts: 1 });
  await appears(join(run('r1'), 'workspace', 'ready'));
  await container.kill();
  await container.start();
  const { reason, starts } = await resultOf('r1');
  assert.deepEqual({ reason, starts }, { reason: 'crashed_too_often', starts: 1 });
});

test('a run that has a result is not trained again, and the next one is', async () => {
  await request('r1', 'print("once")\n');
  await resultOf('r1');
  await request('r1', 'print("twice")\n');
  await request('r2', 'print("next")\n');
  await resultOf('r2');
  assert.equal(await readFile(join(run('r1'), 'log'), 'utf8'), 'once\n');
});

test('a broken request ends its run and leaves the agent alive', async () => {
  await request('r1', '', { timeoutSeconds: 'soon' });
  await resultOf('r1');
  await request('r2', 'print("alive")\n');
  assert.equal((await resultOf('r2')).exitCode, 0);
});

test('the heartbeat goes on while a training uses every core', async () => {
  const script = 'import multiprocessing\nopen("ready", "w").close()\n'.concat(
    'def burn(_):\n  while True: pass\nmultiprocessing.Pool().map(burn, range(64))\n',
  );
  await request('r1', script, { timeoutSeconds: 20 });
  await appears(join(run('r1'), 'workspace', 'ready'));
  const heartbeat = join(folder, 'agent', 'heartbeat');
  const first = (await stat(heartbeat)).mtimeMs;
  for (let beats = 0, last = first; beats < 2; ) {
    const { mtimeMs } = await stat(heartbeat);
    if (mtimeMs > last) beats += 1;
    last = mtimeMs;
    await delay(50);
  }
  await writeFile(join(run('r1'), 'stop'), '');
  assert.equal((await resultOf('r1')).reason, 'stopped');
});
