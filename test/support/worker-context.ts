/** What a worker has, without its queues being worked on: for tests of parts of it with real Redis and Docker. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Docker from 'dockerode';
import { pino } from 'pino';
import { parseConfig } from '../../src/config.js';
import { type ContainerRequest, listContainers, removeContainer } from '../../src/container/containers.js';
import { packageRoot } from '../../src/package-root.js';
import { newRun, type Run } from '../../src/pipeline/run.js';
import { startEmbeddedRedis } from '../../src/store/embedded-redis.js';
import type { MailJob } from '../../src/store/queues.js';
import { openQueues } from '../../src/store/queues.js';
import { connect } from '../../src/store/redis.js';
import { createRun, getRun, updateRun } from '../../src/store/runs.js';
import { newId } from '../../src/store/start-run.js';
import type { WorkerContext } from '../../workers/context.js';
import { type EngineProxy, startEngineProxy } from './engine-proxy.js';

export const repository = 'team/model';
export const host = 'the-host';

/** Lives until it is asked to end, and ends with the code that stands in `/agent/crash`. */
const agent = `import os, pathlib, signal, sys, time
agent = pathlib.Path("/agent")
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
while True:
    (agent / "heartbeat").touch()
    if (agent / "crash").exists():
        os._exit(int((agent / "crash").read_text()))
    time.sleep(0.05)
`;

export interface TestWorker {
  readonly context: WorkerContext;
  /** The engine as the context sees it. */
  readonly engine: EngineProxy;
  /** The engine itself. */
  readonly docker: Docker;
  /** Lines of the log at level info and above. */
  readonly logged: string[];
  request(change?: Partial<ContainerRequest>): ContainerRequest;
  /** A run whose training in the container runs. */
  trainingRun(container: string, change?: Partial<Run>): Promise<Run>;
  run(id: string): Promise<Run>;
  mails(): Promise<readonly MailJob[]>;
  close(): Promise<void>;
}

/** @param settings laid over the test's configuration */
export async function startTestWorker(settings: Readonly<Record<string, unknown>> = {}): Promise<TestWorker> {
  const folder = mkdtempSync(join(tmpdir(), 'pushtune-worker-'));
  chmodSync(folder, 0o755);
  const data = join(folder, 'data');
  const trainer = join(folder, 'trainer');
  mkdirSync(trainer);
  writeFileSync(join(trainer, '__main__.py'), agent);
  const image = baseImage();
  const config = parseConfig(
    {
      data,
      worker: { name: host },
      repositories: [{ name: repository }],
      mail: { to: ['team@example.org'] },
      ...settings,
    },
    'the test',
  );
  const redis = await startEmbeddedRedis(join(data, 'redis'));
  const connection = connect(redis.url, { whileAway: 'wait' });
  const store = { redis: connection, queues: openQueues(connection) };
  const engine = await startEngineProxy(join(folder, 'engine.sock'));
  const docker = new Docker();
  const logged: string[] = [];
  const context: WorkerContext = {
    config,
    store,
    docker: engine.docker,
    credentials: async () => ({}),
    log: pino({ level: 'info' }, { write: (line: string) => void logged.push(line) }),
    trainer,
  };

  return {
    context,
    engine,
    docker,
    logged,
    request: (change = {}) => ({
      data,
      repository,
      image,
      limits: { memory: 256 * 1024 ** 2, cpus: 1, processes: 64, network: 'none', gpus: 0 },
      trainer,
      readOnly: new Map(),
      ...change,
    }),
    async trainingRun(container, change = {}) {
      const id = newId();
      const known = { id, repository, branch: 'main', sha: id, cause: 'push', message: '', study: newId() } as const;
      const run = newRun({ ...known, trial: 0, createdAt: new Date().toISOString() });
      await createRun(store.redis, run);
      const build = { main: 'train.py', environment: 'sklearn', image, container };
      const succeeded = { state: 'succeeded' } as const;
      const stages = { ...run.stages, pull: succeeded, build: succeeded, train: { state: 'running' } as const };
      return updateRun(store.redis, id, (current) => ({
        ...current,
        state: 'running',
        host,
        build,
        stages,
        ...change,
      }));
    },
    async run(id) {
      const run = await getRun(store.redis, id);
      if (run === undefined) throw new Error(`the run ${id} is not in the store`);
      return run;
    },
    async mails() {
      const jobs = await store.queues.get('mail').getJobs();
      return jobs.map((job) => job.data as MailJob);
    },
    async close() {
      for (const { name } of await listContainers(docker, data)) await removeContainer(docker, name);
      await store.queues.close();
      connection.disconnect();
      await redis.stop();
      await engine.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Debian's Python and nothing else; it is made when it is missing. */
function baseImage(): string {
  const script = join(packageRoot(), 'docker', 'base', 'build');
  const tag = `pushtune/base:${createHash('sha256').update(readFileSync(script)).digest('hex').slice(0, 12)}`;
  execFileSync(script, [tag]);
  return tag;
}
