/** What a script can do in its container, and what it can't, seen from inside of it. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { containerName, ensureContainer, listContainers } from '../../src/container/containers.js';
import { containerOwner, removeFolder } from '../../src/container/folders.js';
import { ensureNamedImage } from '../../src/container/images.js';
import { foreignProgram, type ImageFile, makeImage } from '../support/bare-image.js';
import { printed, startHost, type TrainingHost } from '../support/training-host.js';

let host: TrainingHost;
before(async () => {
  host = await startHost();
});
after(() => host.close());

/** Of each expression its value, or the name of the error that it raises. */
function asking(expressions: Readonly<Record<string, string>>): string {
  return [
    'import glob, json, os, pathlib, socket, subprocess, urllib.request',
    'def write(path):',
    '  pathlib.Path(path).write_text("x")',
    '  return pathlib.Path(path).read_text()',
    'def cgroup(*paths):',
    '  return next(pathlib.Path("/sys/fs/cgroup", path).read_text().split() for path in paths if os.path.exists(f"/sys/fs/cgroup/{path}"))',
    'def status(name):',
    '  return next(line.split()[1] for line in open("/proc/self/status") if line.startswith(name + ":"))',
    'answers = {}',
    ...Object.entries(expressions).flatMap(([name, expression]) => [
      `try: answers[${JSON.stringify(name)}] = ${expression}`,
      `except Exception as error: answers[${JSON.stringify(name)}] = type(error).__name__ + ": " + str(error)`,
    ]),
    'print(json.dumps(answers))',
  ].join('\n');
}

describe('a training container', () => {
  it('runs as an ordinary user without capabilities, who can gain none', async () => {
    const training = await host.train(
      asking({
        user: 'os.getuid()',
        group: 'os.getgid()',
        groups: 'os.getgroups()',
        effective: 'int(status("CapEff"), 16)',
        bounding: 'int(status("CapBnd"), 16)',
        noNewPrivileges: 'status("NoNewPrivs")',
        seccomp: 'status("Seccomp")',
        becomesRoot: 'os.setuid(0)',
      }),
    );
    const { becomesRoot, groups, ...found } = printed(training);
    const { uid, gid } = containerOwner();
    assert.notEqual(uid, 0);
    const expected = { user: uid, group: gid, effective: 0, bounding: 0, noNewPrivileges: '1', seccomp: '2' };
    assert.deepEqual(found, expected);
    assert.ok(Array.isArray(groups) && !groups.includes(0));
    assert.match(String(becomesRoot), /PermissionError/);
  });

  it('has the limits that were asked for', async () => {
    const limits = { memory: 192 * 1024 ** 2, cpus: 0.5, processes: 50 };
    const training = await host.train(
      asking({
        memory: 'int(cgroup("memory.max", "memory/memory.limit_in_bytes")[0])',
        processes: 'int(cgroup("pids.max", "pids/pids.max")[0])',
        quota: 'int(cgroup("cpu.max", "cpu/cpu.cfs_quota_us")[0])',
      }),
      { limits },
    );
    assert.deepEqual(printed(training), { memory: limits.memory, processes: 50, quota: 50_000 });
  });

  it('can be written to where that is needed, and nowhere else', async () => {
    const places = [
      '/',
      '/etc/passwd',
      '/usr/local/bin/python3',
      '/opt/pushtune/trainer/agent.py',
      '/root/x',
      '/workspace/x',
    ];
    const writable = ['~/x', '/tmp/x', '/var/tmp/x', '/run/x', '/dev/shm/x', '~/.keras/x', '~/.cache/x', 'x'];
    const training = await host.train(
      asking({
        ...Object.fromEntries(places.map((path) => [path, `write(${JSON.stringify(path)})`])),
        ...Object.fromEntries(writable.map((path) => [path, `write(os.path.expanduser(${JSON.stringify(path)}))`])),
        // What anybody may write to in the image is read-only as well.
        closed: '[bool(os.statvfs(path).f_flag & os.ST_RDONLY) for path in ("/", "/opt/pushtune/trainer")]',
        home: 'os.path.expanduser("~")',
        user: '__import__("getpass").getuser()',
        runs: 'pathlib.Path("/tmp/x").write_text("#!/bin/sh\\necho yes") and os.chmod("/tmp/x", 0o700) or subprocess.check_output("/tmp/x").decode().strip()',
      }),
    );
    const answers = printed(training);
    for (const place of places) assert.match(String(answers[place]), /Error/, place);
    for (const place of writable) assert.equal(answers[place], 'x', place);
    assert.match(String(answers['/workspace/x']), /Read-only file system/);
    assert.deepEqual(
      [answers.home, answers.user, answers.runs, answers.closed],
      ['/tmp/home', 'pushtune', 'yes', [true, true]],
    );
  });

  it('holds no socket of the engine, no git and nothing of the server’s environment', async () => {
    process.env.PUSHTUNE_GITHUB_TOKEN = 'a secret of the server';
    try {
      const training = await host.train(
        asking({
          socket: '[path for path in ("/var/run/docker.sock", "/run/docker.sock") if os.path.exists(path)]',
          git: 'glob.glob("/runs/**/.git", recursive=True) + glob.glob("/runs/**/.git-credentials", recursive=True)',
          environment: 'sorted(name for name in os.environ if name.startswith("PUSHTUNE"))',
          secrets: '[name for name, value in os.environ.items() if "secret" in value]',
          others:
            '[path for path in glob.glob("/proc/[0-9]*/environ") if os.access(path, os.R_OK) and b"a secret" in open(path, "rb").read()]',
          mounts:
            'sorted(line.split()[4] for line in open("/proc/self/mountinfo") if line.split()[3].startswith("/") and "/data/" in line.split()[3])',
        }),
      );
      const { environment, mounts, ...found } = printed(training);
      assert.deepEqual(found, { socket: [], git: [], secrets: [], others: [] });
      const harmless = /^PUSHTUNE_(EVENTS|CHECKPOINT|ARTIFACTS|PRUNE|SEED|AUTOLOG|BEST|PROCESS)$/;
      assert.deepEqual(
        (environment as string[]).filter((name) => !harmless.test(name)),
        [],
      );
      const cache = ['.cache', '.keras', 'nltk_data', 'scikit_learn_data', 'tensorflow_datasets'];
      assert.deepEqual(mounts, ['/agent', '/runs', ...cache.map((name) => `/tmp/home/${name}`)]);
    } finally {
      delete process.env.PUSHTUNE_GITHUB_TOKEN;
    }
  });

  it('reaches no network with "none", and the engine’s network otherwise', async () => {
    const server = createServer((_request, response) => response.end('hello'));
    await new Promise<void>((resolve) => server.listen(0, '0.0.0.0', resolve));
    const { port } = server.address() as AddressInfo;
    const { IPAM } = await host.docker.getNetwork('bridge').inspect();
    const gateway = IPAM?.Config?.[0]?.Gateway;
    const script = asking({
      outside: `urllib.request.urlopen("http://${gateway}:${port}", timeout=5).read().decode()`,
      loopback:
        '(lambda s: (s.bind(("127.0.0.1", 0)), s.listen(), socket.create_connection(s.getsockname(), 5)) and "connected")(socket.socket())',
    });
    try {
      const without = printed(await host.train(script, { limits: { network: 'none' } }));
      assert.match(String(without.outside), /URLError.*unreachable/);
      assert.equal(without.loopback, 'connected');
      const having = printed(await host.train(script, { limits: { network: 'bridge' } }));
      assert.deepEqual(having, { outside: 'hello', loopback: 'connected' });
    } finally {
      server.close();
    }
  });

  it('reads folders of the server without writing to them', async () => {
    const folder = join(host.data, 'datasets', 'a:b');
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'labels.csv'), 'cat');
    const readOnly = new Map([['/data/faces', folder]]);
    const script = asking({ read: 'open("/data/faces/labels.csv").read()', write: 'write("/data/faces/x")' });
    const { read, write } = printed(await host.train(script, { readOnly }));
    assert.equal(read, 'cat');
    assert.match(String(write), /Read-only file system/);
  });

  it('keeps what was downloaded, for its own repository alone, and nothing else that a run left', async () => {
    const write =
      'import pathlib\nfor path in ("~/.keras/datasets/mnist.npz", "~/notes", "/tmp/x/y", "/dev/shm/z", "/var/tmp/z", "/run/z"):\n' +
      '  path = pathlib.Path(path).expanduser()\n  path.parent.mkdir(parents=True, exist_ok=True)\n  path.write_text("x")\n';
    const look = asking({
      datasets: 'glob.glob(os.path.expanduser("~/.keras/datasets/*"))',
      home: 'glob.glob(os.path.expanduser("~/*"))',
      temporary: 'glob.glob("/tmp/*") + glob.glob("/dev/shm/*") + glob.glob("/var/tmp/*") + glob.glob("/run/*")',
    });
    const first = await host.train(`${write}pathlib.Path("/tmp/x").chmod(0)\n`);
    assert.equal(first.end.exitCode, 0, first.log);
    const second = await host.train(look);
    assert.equal(second.container, first.container);
    const { datasets, home, temporary } = printed(second);
    assert.deepEqual(datasets, ['/tmp/home/.keras/datasets/mnist.npz']);
    assert.deepEqual((home as string[]).map((path) => path.slice('/tmp/home/'.length)).sort(), [
      'nltk_data',
      'scikit_learn_data',
      'tensorflow_datasets',
    ]);
    assert.deepEqual(temporary, ['/tmp/home']);
    // Another container of the repository has them too; another repository does not.
    const wider = await host.train(look, { limits: { processes: 100 } });
    assert.notEqual(wider.container, first.container);
    assert.deepEqual(printed(wider).datasets, ['/tmp/home/.keras/datasets/mnist.npz']);
    assert.deepEqual(printed(await host.train(look, { repository: 'other/model' })).datasets, []);
  });

  it('leaves nothing that the server can’t delete, root or not', async () => {
    const script = `import os, pathlib
os.makedirs("closed/inner")
pathlib.Path("closed/inner/file").write_text("x")
pathlib.Path("read-only").write_text("x")
os.chmod("read-only", 0o000)
os.symlink("/etc", "link")
os.mkfifo("pipe")
os.chmod("closed/inner", 0o000)
os.chmod("closed", 0o000)
for depth in range(300):
    os.mkdir("a-name-of-some-length")
    os.chdir("a-name-of-some-length")
`;
    for (const asOrdinaryUser of [false, true]) {
      const { end, folder, log } = await host.train(script);
      assert.equal(end.exitCode, 0, log);
      await as(asOrdinaryUser ? containerOwner().uid : process.getuid?.(), () =>
        removeFolder(join(folder, 'workspace')),
      );
      assert.ok(!existsSync(join(folder, 'workspace')));
    }
    assert.ok(statSync('/etc/passwd').isFile());
  });

  it('is another one when anything in how it is made differs, and the same one otherwise', async () => {
    const request = host.request();
    assert.equal(containerName({ ...request, readOnly: new Map() }), containerName(request));
    const different = [
      host.request({ limits: { memory: 512 * 1024 ** 2 } }),
      host.request({ limits: { gpus: 1 } }),
      host.request({ image: 'another' }),
      host.request({ repository: 'other/model' }),
      host.request({ readOnly: new Map([['/data/x', '/srv/x']]) }),
      { ...request, trainer: '/elsewhere' },
    ];
    const names = new Set([request, ...different].map(containerName));
    assert.equal(names.size, different.length + 1);
    assert.equal(await ensureContainer(host.docker, request), await ensureContainer(host.docker, request));
  });
});

describe('what can’t be a training container', () => {
  it('names the GPU that this host does not have', async () => {
    const request = host.request({ limits: { gpus: 1 } });
    await assert.rejects(ensureContainer(host.docker, request), {
      name: 'ContainerError',
      message:
        /^environment\.gpus asks for 1 GPU, which this host's .* can't give .*could not select device driver.*NVIDIA Container Toolkit/,
    });
    await assertRemoved(containerName(request));
  });

  it('names what an image lacks', async () => {
    const program = { text: '', mode: 0o755 };
    const script = { text: '#!/bin/python3\n', mode: 0o700 };
    const images: readonly (readonly [string, Readonly<Record<string, ImageFile>>, RegExp])[] = [
      ['empty', { file: program }, /the image pushtune-test\/empty can't be trained in: it has no python3 on its PATH/],
      [
        'foreign',
        { 'usr/bin/python3': foreignProgram(), 'bin/sh': foreignProgram() },
        /its programs are not for this host's processor \(the image is for .+, the host is .+\)/,
      ],
      ['private', { 'usr/bin/python3': script }, /only root may run its python3/],
    ];
    for (const [name, files, message] of images) {
      const image = `pushtune-test/${name}`;
      await makeImage(host.docker, image, files);
      const request = host.request({ image });
      try {
        await assert.rejects(ensureContainer(host.docker, request), { name: 'ContainerError', message });
        await assertRemoved(containerName(request));
      } finally {
        await host.docker.getImage(image).remove({ force: true });
      }
    }
  });

  it('shows what the image’s Python printed when it could not run the agent', async () => {
    const trainer = join(host.data, 'broken-trainer');
    mkdirSync(trainer);
    writeFileSync(join(trainer, '__main__.py'), 'import no_such_module\n');
    const request = { ...host.request(), trainer };
    await assert.rejects(ensureContainer(host.docker, request), {
      message: /its Python ended with exit code 1: .*No module named 'no_such_module'$/s,
    });
    await assertRemoved(containerName(request));
  });

  it('says that an image neither is there nor can be pulled', async () => {
    const image = 'registry.invalid/team/no-such-image:1';
    await assert.rejects(
      ensureNamedImage(host.docker, image, () => {}),
      {
        name: 'ImageError',
        message:
          /^there is no image registry\.invalid\/team\/no-such-image:1 on this host, and it can't be pulled \(.+\)/,
      },
    );
    await assert.rejects(ensureContainer(host.docker, host.request({ image })), {
      message: /^there is no image registry\.invalid\/team\/no-such-image:1 on this host/,
    });
    assert.equal(await ensureNamedImage(host.docker, host.image, () => {}), host.image);
  });
});

/** The monitor would start again and again what is left. */
async function assertRemoved(name: string): Promise<void> {
  const names = (await listContainers(host.docker, host.data)).map((container) => container.name);
  assert.ok(!names.includes(name), `${name} is still there`);
}

async function as(uid: number | undefined, work: () => Promise<void>): Promise<void> {
  const own = process.geteuid?.() ?? 0;
  if (uid === undefined || own !== 0) return work();
  process.seteuid?.(uid);
  try {
    await work();
  } finally {
    process.seteuid?.(own);
  }
}
