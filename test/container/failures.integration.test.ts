/** Trainings that go wrong in a real container: each ends within its limits, with its cause, and the next one works. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, it } from 'node:test';
import { repositoryFolders } from '../../src/container/folders.js';
import type { EndedTraining } from '../../src/pipeline/training-end.js';
import { startHost, type Training, type TrainingHost, type TrainingSettings } from '../support/training-host.js';

let host: TrainingHost;
before(async () => {
  host = await startHost();
});
after(() => host.close());

const mebibyte = 1024 ** 2;

// The scripts stop by themselves some way beyond their limit, or look whether it is there: one that does not work is to
// fail its test, and not to use up the machine on which that runs.

/** Trains what fails, then what must work in the same container, in which nothing of the first is left. */
async function failing(script: string, settings: TrainingSettings): Promise<Training> {
  const training = await host.train(script, settings);
  const next = await host.train('import time\nprint("fine")\n', settings);
  assert.equal(next.container, training.container);
  assert.deepEqual([next.log, next.end.exitCode, next.end.cause], ['fine\n', 0, undefined]);
  const { State: state, RestartCount: restarts } = await host.docker.getContainer(training.container).inspect();
  assert.deepEqual([state.Running, restarts], [true, 0]);
  const left = execFileSync('docker', ['top', training.container, '-eo', 'pid,args'], { encoding: 'utf8' });
  assert.doesNotMatch(left, /train\.py|sleep/);
  return training;
}

function essence({ end }: Training): Omit<EndedTraining, 'starts'> {
  const { reason, exitCode, signal, cause } = end;
  return {
    reason,
    ...(exitCode === undefined ? {} : { exitCode }),
    ...(signal === undefined ? {} : { signal }),
    ...(cause === undefined ? {} : { cause }),
  };
}

/** Raises an error in a container whose processes are not bounded. */
const hasProcessLimit = `import glob
assert int(open(glob.glob("/sys/fs/cgroup/pids/pids.max")[0] if glob.glob("/sys/fs/cgroup/pids") else "/sys/fs/cgroup/pids.max").read()) < 100
`;
const eatMemory = 'blocks = []\nfor _ in range(128):\n  blocks.append(b"x" * (8 << 20))\n';

it('names memory when the kernel kills the script', async () => {
  const training = await failing(eatMemory, { limits: { memory: 128 * mebibyte } });
  assert.deepEqual(essence(training), { reason: 'exited', signal: 9, cause: { kind: 'out_of_memory' } });
});

it('names memory when the kernel kills a child of the script, and not the agent', async () => {
  const script = `import subprocess, sys
child = subprocess.run([sys.executable, "-c", ${JSON.stringify(eatMemory)}])
sys.exit(f"the child ended with {child.returncode}")
`;
  const training = await failing(script, { limits: { memory: 128 * mebibyte } });
  assert.deepEqual(essence(training), { reason: 'exited', exitCode: 1, cause: { kind: 'out_of_memory' } });
  assert.equal(training.log, 'the child ended with -9\n');
});

it('says nothing of memory when a script survives that a child was killed', async () => {
  const script = `import subprocess, sys\nsubprocess.run([sys.executable, "-c", ${JSON.stringify(eatMemory)}])\n`;
  const training = await failing(script, { limits: { memory: 128 * mebibyte } });
  assert.deepEqual(essence(training), { reason: 'exited', exitCode: 0 });
});

for (const place of ['/tmp', '/dev/shm', '/tmp/home']) {
  it(`names ${place} when that is full, and empties it`, async () => {
    const script = `with open("${place}/large", "wb") as file:\n  for _ in range(16384):\n    file.write(b"x" * 65536)\n`;
    const training = await failing(script, { limits: { memory: 256 * mebibyte } });
    const { cause, ...rest } = essence(training);
    const bytes = { '/tmp': 128, '/dev/shm': 64, '/tmp/home': 32 }[place] ?? 0;
    assert.deepEqual(rest, { reason: 'exited', exitCode: 1 });
    assert.deepEqual(cause, { kind: 'disk_full', place, bytes: bytes * mebibyte });
    assert.match(training.log, /No space left on device/);
  });
}

it('names the disk when the script could not write but has made room again', async () => {
  const script = `import os
try:
  with open("/tmp/large", "wb") as file:
    for _ in range(16384): file.write(b"x" * 65536)
finally:
  os.remove("/tmp/large")
`;
  const training = await failing(script, { limits: { memory: 256 * mebibyte } });
  assert.deepEqual(essence(training).cause, { kind: 'disk_full' });
});

it('names the disk of the host when that is full, and still writes the result', async (t) => {
  if (process.getuid?.() !== 0) return t.skip('needs root for a small disk');
  const folder = host.prepare('small/disk');
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=8m,mode=0755', 'pushtune-test', folder]);
  try {
    const script = 'with open("large", "wb") as file:\n  for _ in range(1024):\n    file.write(b"x" * 65536)\n';
    const training = await host.train(script, { repository: 'small/disk' });
    assert.deepEqual(essence(training), { reason: 'exited', exitCode: 1, cause: { kind: 'disk_full' } });
  } finally {
    for (const { Id } of await host.docker.listContainers({ filters: { label: ['pushtune.repository=small/disk'] } }))
      await host.docker.getContainer(Id).remove({ force: true });
    execFileSync('umount', [folder]);
  }
  assert.equal((await host.train('print("fine")\n', { repository: 'small/disk' })).end.exitCode, 0);
});

it('ends a script that writes more than it may to its folder', async () => {
  const script = `for number in range(1024):
  with open(f"part-{number}", "wb") as file: file.write(b"x" * (1 << 20))
`;
  const training = await failing(script, { limits: { disk: 64 * mebibyte } });
  assert.deepEqual(essence(training), { reason: 'exceeded', signal: 9, cause: { kind: 'too_much_written' } });
});

it('counts what a script puts into the caches, and not what others did', async () => {
  const limits = { disk: 32 * mebibyte };
  const before = await host.train(
    'import pathlib\npathlib.Path("~/.keras/old").expanduser().write_bytes(bytes(48 << 20))\n',
    { repository: 'large/cache' },
  );
  assert.equal(before.end.exitCode, 0, before.log);
  const quiet = await host.train('import time\ntime.sleep(2.5)\n', { repository: 'large/cache', limits });
  assert.deepEqual(essence(quiet), { reason: 'exited', exitCode: 0 });
  // The first walk, after two seconds, tells old from new.
  const script = `import pathlib, time
time.sleep(2.5)
for _ in range(512):
  with pathlib.Path("~/.keras/new").expanduser().open("ab") as file: file.write(bytes(1 << 20))
  time.sleep(0.01)
`;
  const training = await host.train(script, { repository: 'large/cache', limits });
  assert.deepEqual(essence(training).cause, { kind: 'too_much_written' });
  assert.ok(existsSync(join(repositoryFolders(host.data, 'large/cache').cache, '.keras', 'old')));
});

it('ends a script that prints without end, and bounds its log', async () => {
  const output = 8 * mebibyte;
  const training = await failing('for _ in range(16384):\n  print("x" * 65536)\n', {
    limits: { output, disk: 4096 * mebibyte },
  });
  assert.deepEqual(essence(training), { reason: 'exceeded', signal: 9, cause: { kind: 'too_much_output' } });
  assert.ok(statSync(join(training.folder, 'log')).size < 512 * mebibyte);
});

it('ends all processes of a script that forks without end', async () => {
  const script = `${hasProcessLimit}import os\nwhile True:\n  os.fork()\n`;
  const training = await failing(script, { limits: { processes: 48 } });
  const { cause, reason, exitCode } = essence(training);
  assert.deepEqual(
    { cause, reason, exitCode },
    { cause: { kind: 'too_many_processes' }, reason: 'exited', exitCode: 1 },
  );
});

it('ends a script that goes on forking although it is refused, each process in a session of its own', async () => {
  const script = `${hasProcessLimit}import os
while True:
  try:
    if os.fork() == 0: os.setsid()
  except OSError: pass
`;
  const training = await failing(script, { limits: { processes: 48 } });
  assert.deepEqual(essence(training), { reason: 'exceeded', signal: 9, cause: { kind: 'too_many_processes' } });
});

it('ends processes that have made a session of their own when the script ends', async () => {
  const script = `import subprocess
subprocess.Popen(["sh", "-c", "sleep 981 & exec sleep 982"], start_new_session=True)
print("done")
`;
  const training = await failing(script, {});
  assert.deepEqual(essence(training), { reason: 'exited', exitCode: 0 });
});

it('kills a script that ignores SIGTERM, with what it started', async () => {
  const script = `import pathlib, signal, subprocess, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
subprocess.Popen(["sleep", "983"], start_new_session=True)
pathlib.Path("ready").touch()
time.sleep(600)
`;
  const stopped = await host.train(script, {
    shouldStop: async (folder) => existsSync(join(folder, 'workspace', 'ready')),
  });
  assert.deepEqual(essence(stopped), { reason: 'stopped', signal: 9 });
  const training = await failing(script, { timeoutSeconds: 1 });
  assert.deepEqual(essence(training), { reason: 'timeout', signal: 9 });
});

it('buries the orphans of a script while it runs', async () => {
  // Nobody but the agent takes the end of these; unburied they would use up what the script may start.
  const script = `import glob, subprocess, time
def dead():
  found = 0
  for path in glob.glob("/proc/[0-9]*/stat"):
    try: found += open(path).read().rpartition(")")[2].split()[0] == "Z"
    except OSError: pass
  return found
for _ in range(400): subprocess.run(["sh", "-c", "true & true"], check=True)
while dead(): time.sleep(0.02)
`;
  const training = await failing(script, { limits: { processes: 128 }, timeoutSeconds: 20 });
  assert.deepEqual(essence(training), { reason: 'exited', exitCode: 0 });
});

it('has the kernel kill the script and what it starts, rather than the agent', async () => {
  const script = `import os, subprocess, sys
for process in os.getppid(), "self": print(open(f"/proc/{process}/oom_score_adj").read().strip(), flush=True)
subprocess.run(["cat", "/proc/self/oom_score_adj"])
`;
  const training = await failing(script, {});
  assert.equal(training.log, '0\n1000\n1000\n');
});

it('writes the cause where people who look at the files find it', async () => {
  const training = await host.train(eatMemory, { limits: { memory: 128 * mebibyte } });
  const result = JSON.parse(readFileSync(join(training.folder, 'result.json'), 'utf8'));
  assert.deepEqual(result.cause, { kind: 'out_of_memory' });
});
