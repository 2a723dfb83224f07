/** A whole Pushtune for a test: server, workers, Redis, a watched repository over a local path, and the real engine. */
import { execFileSync, spawn } from 'node:child_process';
import { createHmac, randomUUID } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import Docker from 'dockerode';
import { type ParsedMail, simpleParser } from 'mailparser';
import { pino } from 'pino';
import { stringify } from 'yaml';
import { type Config, parseConfig } from '../../src/config.js';
import { listContainers, removeContainer } from '../../src/container/containers.js';
import { repositoryFolders } from '../../src/container/folders.js';
import { packageRoot } from '../../src/package-root.js';
import type { Run } from '../../src/pipeline/run.js';
import type { Study } from '../../src/pipeline/study.js';
import { type RunningProcess, start } from '../../src/server.js';

const secret = 'a secret of the tests';
export const repository = 'team/model';

export interface TestServer {
  readonly config: Config;
  readonly url: string;
  readonly docker: Docker;
  /** The bare repository that stands for GitHub. */
  readonly remote: string;
  /** Commits files to the remote's main branch as a person, and reports the push. Returns the commit's SHA. */
  push(files: Readonly<Record<string, string | Uint8Array>>, message?: string): Promise<string>;
  /** The same without the report. */
  pushUnreported(files: Readonly<Record<string, string | Uint8Array>>, message?: string): string;
  /** Git in the person's clone, as it is. */
  person(...parameters: string[]): string;
  /** Sends the webhook that GitHub would send for the commit; every call is a delivery of its own, unless it is named. */
  report(sha: string, details?: PushDetails): Promise<{ readonly run?: string; readonly reason?: string }>;
  runs(): Promise<Run[]>;
  study(id: string): Promise<Study>;
  log(run: string): Promise<string>;
  mails(): Promise<ParsedMail[]>;
  /** Git in the person's clone, brought up to date. */
  git(...parameters: string[]): string;
  restart(): Promise<void>;
  /** Starts the server again with an empty Redis and no mirror, as on a new machine. */
  forget(): Promise<void>;
  /** Kills the server's process without a chance to clean up (`processes: 'own'` only), and starts another. */
  killAndRestart(): Promise<void>;
  close(): Promise<void>;
}

export interface PushDetails {
  readonly message?: string;
  /** Where the branch stood; by default it is new. */
  readonly before?: string;
  readonly delivery?: string;
  /** What the commits change, as GitHub lists it. */
  readonly commits?: readonly {
    readonly added?: string[];
    readonly modified?: string[];
    readonly removed?: string[];
  }[];
}

/**
 * Starts a server on a data directory of its own.
 *
 * @param settings laid over the test's configuration
 * @param processes `shared` runs it inside of the test; `own` as the command line does, so that it can be killed
 * @param environment on top of the test's, of a server with a process of its own; its `DOCKER_HOST` is the test's too
 */
export async function startPushtune(
  settings: Readonly<Record<string, unknown>> = {},
  processes: 'shared' | 'own' = 'shared',
  environment: Readonly<Record<string, string>> = {},
): Promise<TestServer> {
  const folder = mkdtempSync(join(tmpdir(), 'pushtune-test-'));
  // Containers run as another user and mount folders below this one.
  chmodSync(folder, 0o755);
  const remote = join(folder, 'remote.git');
  const clone = join(folder, 'clone');
  run(folder, 'git', 'init', '--quiet', '--bare', '--initial-branch=main', remote);
  run(folder, 'git', 'clone', '--quiet', remote, clone);
  run(clone, 'git', 'checkout', '--quiet', '-B', 'main');
  const written = {
    server: { port: await freePort() },
    data: join(folder, 'data'),
    github: { webhook_secret: secret },
    repositories: [{ name: repository, url: remote }],
    mail: { to: ['team@example.org'] },
    ...settings,
  };
  const config = parseConfig(written, 'the test');
  const { read_token: readToken } = config.server;
  const reader: Record<string, string> = readToken === '' ? {} : { authorization: `Bearer ${readToken}` };
  const configFile = join(folder, 'pushtune.yml');
  writeFileSync(configFile, stringify(written));
  const log = pino({ level: process.env.PUSHTUNE_TEST_LOG ?? 'silent' });
  const open = (): Promise<RunningProcess> =>
    processes === 'shared' ? start(config, log) : spawnServer(config, configFile, environment);
  let running = await open();
  const host = environment.DOCKER_HOST;
  const docker = new Docker(host === undefined ? {} : { socketPath: host.replace('unix://', '') });

  function git(...parameters: string[]): string {
    run(clone, 'git', 'fetch', '--quiet', 'origin');
    run(clone, 'git', 'reset', '--quiet', '--hard', 'origin/main');
    return run(clone, 'git', ...parameters);
  }

  function pushUnreported(files: Readonly<Record<string, string | Uint8Array>>, message = 'a person writes'): string {
    if (run(clone, 'git', 'ls-remote', 'origin', 'main') !== '') git('status');
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(clone, path)), { recursive: true });
      writeFileSync(join(clone, path), text);
    }
    run(clone, 'git', 'add', '--all');
    run(
      clone,
      'git',
      '-c',
      'user.name=Ada',
      '-c',
      'user.email=ada@example.org',
      'commit',
      '--quiet',
      '--allow-empty',
      '-m',
      message,
    );
    run(clone, 'git', 'push', '--quiet', 'origin', 'main');
    return run(clone, 'git', 'rev-parse', 'HEAD').trim();
  }

  return {
    config,
    url: running.url,
    docker,
    remote,
    git,
    person: (...parameters) => run(clone, 'git', ...parameters),
    report: (sha, details) => report(running.url, sha, details),
    async push(files, message = 'a person writes') {
      const sha = pushUnreported(files, message);
      await report(running.url, sha, { message });
      return sha;
    },
    pushUnreported,
    async runs() {
      const answer = await fetch(`${running.url}/api/runs?limit=200`, { headers: reader });
      return ((await answer.json()) as { runs: Run[] }).runs;
    },
    async study(id) {
      return (await (await fetch(`${running.url}/api/studies/${id}`, { headers: reader })).json()) as Study;
    },
    async log(id) {
      return (await fetch(`${running.url}/api/runs/${id}/log`, { headers: reader })).text();
    },
    async mails() {
      const box = join(config.data, 'mail');
      const names = (existsSync(box) ? readdirSync(box) : []).filter((name) => name.endsWith('.eml'));
      return Promise.all(names.sort().map((name) => simpleParser(readFileSync(join(box, name)))));
    },
    async restart() {
      await running.close();
      running = await open();
    },
    async forget() {
      await running.close();
      rmSync(join(config.data, 'redis'), { recursive: true });
      rmSync(repositoryFolders(config.data, repository).mirror, { recursive: true });
      running = await open();
    },
    async killAndRestart() {
      if (!isSpawned(running)) throw new Error('only a server in a process of its own can be killed');
      await running.kill();
      running = await open();
    },
    async close() {
      await running.close();
      for (const { name } of await listContainers(docker, config.data)) await removeContainer(docker, name);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

interface SpawnedServer extends RunningProcess {
  kill(): Promise<void>;
}

function isSpawned(server: RunningProcess): server is SpawnedServer {
  return 'kill' in server;
}

/** The server as `npm start` runs it. */
async function spawnServer(
  config: Config,
  configFile: string,
  environment: Readonly<Record<string, string>>,
): Promise<SpawnedServer> {
  const child = spawn(process.execPath, ['--import', 'tsx', join(packageRoot(), 'src', 'cli.ts'), 'start'], {
    env: { ...process.env, ...environment, PUSHTUNE_CONFIG: configFile },
    stdio: 'ignore',
  });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  const url = `http://127.0.0.1:${config.server.port}`;
  await until('the server answers', async () => (await fetch(`${url}/readyz`).catch(() => undefined))?.ok);

  async function end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    child.kill(signal);
    await ended;
  }
  return { url, close: () => end('SIGTERM'), kill: () => end('SIGKILL') };
}

/** Sends the webhook that GitHub would send. */
async function report(
  url: string,
  sha: string,
  { message = 'a person writes', before = '0'.repeat(40), delivery = randomUUID(), commits }: PushDetails = {},
): Promise<{ readonly run?: string; readonly reason?: string }> {
  const body = JSON.stringify({
    ref: 'refs/heads/main',
    before,
    after: sha,
    deleted: false,
    forced: false,
    commits: commits?.map((commit) => ({ added: [], modified: [], removed: [], ...commit })),
    repository: { full_name: repository, clone_url: 'https://evil.example/never.git' },
    pusher: { name: 'Ada', email: 'ada@example.org' },
    head_commit: { id: sha, message, author: { name: 'Ada', email: 'ada@example.org' } },
  });
  const response = await fetch(`${url}/webhooks/github`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'x-github-event': 'push',
      'x-github-delivery': delivery,
      'x-hub-signature-256': `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`,
    },
    body,
  });
  if (response.status !== 202)
    throw new Error(`the webhook was answered with ${response.status}: ${await response.text()}`);
  return (await response.json()) as { readonly run?: string; readonly reason?: string };
}

/** Waits for a condition; the limit is only there so that a test that fails ends. */
export async function until<T>(
  what: string,
  condition: () => Promise<T | undefined | false>,
  seconds = 90,
): Promise<T> {
  const deadline = Date.now() + seconds * 1000;
  while (Date.now() < deadline) {
    const found = await condition();
    if (found !== undefined && found !== false) return found;
    await delay(50);
  }
  throw new Error(`within ${seconds} s it did not happen that ${what}`);
}

/** Waits until the run of a commit has ended. */
export async function untilEnded(server: TestServer, sha: string, seconds = 90): Promise<Run> {
  return until(
    `the run of ${sha} ends`,
    async () => (await server.runs()).find((run) => run.sha === sha && run.finishedAt !== undefined),
    seconds,
  );
}

function run(folder: string, program: string, ...parameters: string[]): string {
  return execFileSync(program, parameters, { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no free port was found on 127.0.0.1');
  return address.port;
}
