/** What differs on Red Hat's systems: podman, SELinux, Valkey, dnf. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import Docker from 'dockerode';
import { containerName, ensureContainer } from '../../src/container/containers.js';
import { engineOptions, openEngine } from '../../src/container/engine-address.js';
import { packageRoot } from '../../src/package-root.js';
import { startEmbeddedRedis } from '../../src/store/embedded-redis.js';
import { connect } from '../../src/store/redis.js';
import { startEngineProxy } from '../support/engine-proxy.js';
import { startPushtune, until, untilEnded } from '../support/pushtune.js';
import { startHost, type TrainingHost } from '../support/training-host.js';

let folder: string;
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'pushtune-red-hat-'));
});
after(() => rmSync(folder, { recursive: true, force: true }));

describe('Red Hat: the engine', () => {
  it('is the one of DOCKER_HOST, through which a whole run goes', async () => {
    const socket = join(folder, 'podman.sock');
    const proxy = await startEngineProxy(socket);
    const server = await startPushtune({}, 'own', { DOCKER_HOST: `unix://${socket}` });
    try {
      const sha = await server.push({ 'train.py': 'print("val_accuracy: 0.9")\n', '.pushtune.yml': '' });
      const run = await untilEnded(server, sha);
      assert.equal(run.state, 'succeeded', run.reason);
      assert.ok(proxy.connections() > 0);
    } finally {
      await server.close();
      await proxy.close();
    }
  });

  it('without DOCKER_HOST is podman’s where there is no Docker', async () => {
    const runtime = join(folder, 'runtime');
    mkdirSync(join(runtime, 'podman'), { recursive: true });
    const proxy = await startEngineProxy(join(runtime, 'podman', 'podman.sock'));
    try {
      const engine = openEngine({ XDG_RUNTIME_DIR: runtime }, (path) => path.startsWith(runtime) && existsSync(path));
      assert.ok((await engine.version()).ApiVersion);
      assert.equal(proxy.connections(), 1);
    } finally {
      await proxy.close();
    }
  });

  it('of podman’s system service comes after Docker’s', () => {
    const among = (...sockets: string[]) => engineOptions({}, (path) => sockets.includes(path)).socketPath;
    assert.equal(among('/run/podman/podman.sock'), '/run/podman/podman.sock');
    assert.equal(among('/run/podman/podman.sock', '/var/run/docker.sock'), '/var/run/docker.sock');
    assert.equal(among(), '/var/run/docker.sock');
  });
});

describe('Red Hat: a container', () => {
  let host: TrainingHost;
  const docker = new Docker();
  before(async () => {
    host = await startHost();
  });
  after(() => host.close());

  it('has its health check from its creation, and turns healthy', async () => {
    const name = await ensureContainer(docker, host.request());
    const { Config: config } = await docker.getContainer(name).inspect();
    assert.match(config.Healthcheck?.Test?.join(' ') ?? '', /^CMD python3 .*\/agent\/heartbeat/);
    await until('it is healthy', async () => {
      const { State: state } = await docker.getContainer(name).inspect();
      return state.Health?.Status === 'healthy';
    });
  });

  it('has its mounts labelled: shared what others use, private what is its own', async () => {
    const data = join(folder, 'faces');
    mkdirSync(data);
    const request = { ...host.request({ readOnly: new Map([['/data/faces', data]]) }), selinux: true };
    const name = await ensureContainer(docker, request);
    const { HostConfig: config } = await docker.getContainer(name).inspect();
    const flags = new Map((config.Binds ?? []).map((bind) => [bind.split(':')[1], bind.split(':')[2]]));
    assert.equal(flags.get('/runs'), 'rw,z');
    assert.equal(flags.get('/agent'), 'rw,Z');
    assert.equal(flags.get('/opt/pushtune/trainer'), 'ro,z');
    assert.equal(flags.get('/tmp/home/.keras'), 'rw,z');
    assert.equal(flags.get('/data/faces'), 'ro,z');
    assert.notEqual(name, containerName({ ...request, selinux: false }));
  });

  it('can’t be given a folder with a colon and a label', () => {
    const request = { ...host.request({ readOnly: new Map([['/data/a', '/data/a:b']]) }), selinux: true };
    assert.throws(() => containerName(request), /container\.selinux.*colon in its path: \/data\/a:b/);
  });
});

/** A folder with nothing but these programs. */
function pathOf(name: string, real: readonly string[], fake: Readonly<Record<string, string>> = {}): string {
  const path = join(folder, name);
  mkdirSync(path);
  for (const program of real) symlinkSync(which(program), join(path, program));
  for (const [program, script] of Object.entries(fake)) {
    writeFileSync(join(path, program), `#!/bin/sh\n${script}\n`);
    chmodSync(join(path, program), 0o755);
  }
  return path;
}

function which(program: string): string {
  return spawnSync('sh', ['-c', `command -v ${program}`], { encoding: 'utf8' }).stdout.trim();
}

describe('Red Hat: Redis', () => {
  it('is valkey-server where there is no redis-server', async () => {
    const told = join(folder, 'valkey-was-started');
    const redis = which('valkey-server') || which('redis-server');
    const path = pathOf('valkey', ['sh'], { 'valkey-server': `: >'${told}'\nexec ${redis} "$@"` });
    const before = process.env.PATH;
    process.env.PATH = path;
    const embedded = await startEmbeddedRedis(join(folder, 'redis')).finally(() => {
      process.env.PATH = before;
    });
    try {
      const client = connect(embedded.url, { whileAway: 'wait' });
      assert.equal(await client.set('a', 'b'), 'OK');
      client.disconnect();
      assert.ok(existsSync(told));
    } finally {
      await embedded.stop();
    }
  });

  it('says which programs it looked for', async () => {
    const before = process.env.PATH;
    process.env.PATH = pathOf('nothing', []);
    await assert.rejects(
      startEmbeddedRedis(join(folder, 'none')).finally(() => {
        process.env.PATH = before;
      }),
      /neither redis-server nor valkey-server is on the PATH; install one of them, or set REDIS_URL/,
    );
  });
});

describe('Red Hat: script/bootstrap', () => {
  const present = ['bash', 'dirname', 'awk', 'id', 'node', 'npm'];

  function bootstrap(path: string): { readonly status: number | null; readonly lines: readonly string[] } {
    const env = { PATH: path, HOME: folder, XDG_RUNTIME_DIR: join(folder, 'no-runtime') };
    const script = join(packageRoot(), 'script', 'bootstrap');
    const { status, stderr } = spawnSync(which('bash'), [script], { encoding: 'utf8', env });
    const lines = stderr.split('\n').map((line) => line.replace(/^bootstrap: */, ''));
    return { status, lines: lines.map((line) => line.replace(/^sudo /, '')).filter((line) => line !== '') };
  }

  it('prints the exact dnf lines', () => {
    const path = pathOf('fedora', present, { dnf: '[ "$*" = "--quiet list valkey" ]' });
    const { status, lines } = bootstrap(path);
    assert.equal(status, 1);
    assert.equal(lines[1], 'dnf install --assumeyes git python3 python3-pip valkey podman podman-docker');
  });

  it('takes Redis and a newer Node.js where the release has those', () => {
    const modules =
      'case "$*" in *"module list nodejs") echo "nodejs 18 a"; echo "nodejs 22 b"; echo "nodejs 20 c";; *) exit 1;; esac';
    const path = pathOf('rhel-9', ['bash', 'dirname', 'awk', 'id', 'git', 'python3'], {
      dnf: modules,
      node: 'exit 1',
      npm: 'exit 0',
    });
    const { lines } = bootstrap(path);
    assert.equal(lines[1], 'dnf module enable --assumeyes nodejs:22');
    assert.match(lines[2] ?? '', /^dnf install --assumeyes nodejs npm (python3-pip )?redis podman podman-docker$/);
  });
});
