/** A Docker engine of the test's own, which it may kill: the machine's engine serves all other tests. */
import { execFile, spawn } from 'node:child_process';
import { createWriteStream, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Docker from 'dockerode';
import { until } from './pushtune.js';

export interface OwnEngine {
  /** What a process sees of it: `DOCKER_HOST`. */
  readonly host: string;
  readonly docker: Docker;
  /** Copies an image of the machine's engine. */
  copyImage(name: string): Promise<void>;
  /** Kills the engine without a chance to clean up. Without live-restore, the next start ends its containers. */
  kill(): Promise<void>;
  start(): Promise<void>;
  close(): Promise<void>;
}

/** Needs root, as an engine does. */
export async function startEngine(): Promise<OwnEngine> {
  const folder = mkdtempSync(join(tmpdir(), 'pushtune-engine-'));
  const socketPath = join(folder, 'docker.sock');
  const host = `unix://${socketPath}`;
  const docker = new Docker({ socketPath });
  let engine = await run();

  async function run(): Promise<Ended> {
    const started = startDaemon(join(folder, 'log'), [
      ...['--data-root', join(folder, 'data'), '--exec-root', join(folder, 'exec')],
      ...['--pidfile', join(folder, 'pid'), '--host', host],
      ...['--bridge', 'none', '--iptables=false', '--ip6tables=false'],
    ]);
    await until('the engine answers', () => docker.ping().catch(() => undefined));
    return started;
  }

  return {
    host,
    docker,
    copyImage: (name) => pipeline(['docker', 'save', name], ['docker', '--host', host, 'load']),
    async kill() {
      await engine.end('SIGKILL');
    },
    async start() {
      // The engine's containerd dies with it; where nobody has buried it yet, the engine would take it to be alive.
      rmSync(join(folder, 'exec/containerd/containerd.pid'), { force: true });
      engine = await run();
    },
    async close() {
      const left = await docker.listContainers({ all: true });
      await Promise.all(left.map(({ Id }) => docker.getContainer(Id).remove({ force: true })));
      await engine.end('SIGTERM');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

interface Ended {
  end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void>;
}

function startDaemon(log: string, options: readonly string[]): Ended {
  const output = createWriteStream(log, { flags: 'a' });
  // In a network of its own: it would take the bridge and the rules of the machine's engine away. Its mounts end with it.
  const child = spawn('unshare', ['--net', '--mount', 'dockerd', ...options], { stdio: ['ignore', 'pipe', 'pipe'] });
  child.stdout.pipe(output, { end: false });
  child.stderr.pipe(output, { end: false });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  return {
    async end(signal) {
      child.kill(signal);
      await ended;
    },
  };
}

function pipeline([from = '', ...give]: readonly string[], [to = '', ...take]: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const source = spawn(from, give, { stdio: ['ignore', 'pipe', 'inherit'] });
    const sink = execFile(to, take, (error) => (error === null ? resolve() : reject(error)));
    if (sink.stdin !== null) source.stdout.pipe(sink.stdin);
  });
}
