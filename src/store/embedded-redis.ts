/** The Redis that Pushtune starts for itself when no URL is configured. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { access, constants, mkdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { connect } from './redis.js';

export interface EmbeddedRedis {
  /** Path of the unix socket, which `connect` takes as a URL. */
  readonly url: string;
  /** Saves and stops it. */
  stop(): Promise<void>;
}

/** Paths of unix sockets are limited to 107 bytes on Linux (`man 7 unix`). */
const longestSocketPath = 107;

/**
 * Starts `redis-server`, `valkey-server` where that is missing, or the command that is named, with its files below
 * `directory`: reachable through a unix socket only, append-only, so that a crash loses at most the last second. One that
 * a killed server left running is taken over.
 *
 * @throws {Error} when the program is missing or ends before it answers, with what it printed
 */
export async function startEmbeddedRedis(directory: string, command = ''): Promise<EmbeddedRedis> {
  await mkdir(directory, { recursive: true });
  const socket = socketPath(directory);
  if (!(await answers(socket))) await start(directory, socket, command === '' ? await findServer() : command);
  return { url: socket, stop: () => stop(socket) };
}

/** Distributions that have no Redis any more have Valkey, which is the same to Pushtune. */
async function findServer(): Promise<string> {
  const [redis, ...others] = servers;
  for (const name of servers) if (await isOnPath(name)) return name;
  throw new Error(`neither ${redis} nor ${others.join(' nor ')} is on the PATH; install one of them, or set REDIS_URL`);
}

const servers = ['redis-server', 'valkey-server'] as const;

async function isOnPath(name: string): Promise<boolean> {
  const folders = (process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== '');
  const found = await Promise.all(
    folders.map((folder) =>
      access(join(folder, name), constants.X_OK).then(
        () => true,
        () => false,
      ),
    ),
  );
  return found.includes(true);
}

function socketPath(directory: string): string {
  const inside = join(directory, 'redis.sock');
  if (Buffer.byteLength(inside) <= longestSocketPath) return inside;
  return join(tmpdir(), `pushtune-${createHash('sha256').update(directory).digest('hex').slice(0, 16)}.sock`);
}

async function start(directory: string, socket: string, command: string): Promise<void> {
  await rm(socket, { force: true });
  const child = spawn(command, redisArguments(directory, socket), {
    // Its own session: Ctrl-C in the terminal reaches the server, which stops its workers first and Redis last.
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output: string[] = [];
  const keep = (chunk: Buffer): void => void output.push(chunk.toString());
  child.stdout?.on('data', keep);
  child.stderr?.on('data', keep);
  const ended = new Promise<never>((_resolve, reject) => {
    child.once('error', (cause) =>
      reject(
        new Error(`${command} can't be started; install it, name another one as redis.command, or set REDIS_URL`, {
          cause,
        }),
      ),
    );
    child.once('exit', (code) =>
      reject(new Error(`${command} ended with code ${code}: ${output.join('').slice(-2000)}`)),
    );
  });
  // It may end at any later time, which is not this call's failure any more.
  ended.catch(() => undefined);
  const redis = connect(socket, { whileAway: 'wait' });
  redis.options.retryStrategy = () => 20;
  try {
    // While the append-only file is loaded Redis answers LOADING, on which ioredis waits by itself.
    const answered = redis.ping();
    // The connection is closed below, also when Redis never came: that is not this command's failure.
    answered.catch(() => undefined);
    await Promise.race([ended, answered]);
  } finally {
    redis.disconnect();
  }
  release(child);
}

function redisArguments(directory: string, socket: string): string[] {
  const settings = {
    port: '0',
    unixsocket: socket,
    unixsocketperm: '700',
    dir: directory,
    appendonly: 'yes',
    appendfsync: 'everysec',
    // BullMQ's queues must never be evicted.
    'maxmemory-policy': 'noeviction',
    // The append-only file is the persistence; snapshots would only write everything twice.
    save: '',
    daemonize: 'no',
  };
  return Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
}

/** Lets this process end while Redis still runs, after its start was seen. */
function release(child: ChildProcess): void {
  child.stdout?.removeAllListeners('data').resume();
  child.stderr?.removeAllListeners('data').resume();
  child.unref();
}

async function answers(socket: string): Promise<boolean> {
  const redis = connect(socket, { whileAway: 'wait' });
  redis.options.retryStrategy = () => null;
  try {
    return (await redis.ping()) === 'PONG';
  } catch {
    return false;
  } finally {
    redis.disconnect();
  }
}

async function stop(socket: string): Promise<void> {
  const redis = connect(socket, { whileAway: 'wait' });
  redis.options.retryStrategy = () => null;
  // Redis closes the connection instead of answering.
  await redis.shutdown().catch(() => undefined);
  redis.disconnect();
}
