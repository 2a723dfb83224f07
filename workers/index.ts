/** A worker process: takes every stage's jobs, and looks after its host's containers. */
import { createHash } from 'node:crypto';
import { cp, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type ConnectionOptions, type Job, type Queue, Worker, type WorkerOptions } from 'bullmq';
import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import type { Config } from '../src/config.js';
import { openEngine } from '../src/container/engine-address.js';
import { filesIn } from '../src/container/folders.js';
import { statusReporter } from '../src/git/commit-status.js';
import { credentialSource } from '../src/git/credentials.js';
import { packageRoot } from '../src/package-root.js';
import type { StageName } from '../src/pipeline/run.js';
import { beat } from '../src/store/heartbeats.js';
import {
  cleanUpQueueName,
  mailBackoff,
  monitorQueueName,
  openQueues,
  queuePrefix,
  type StageJob,
  stageQueueName,
} from '../src/store/queues.js';
import type { Store } from '../src/store/start-run.js';
import { build } from './build.js';
import { cleanUp } from './clean-up.js';
import type { WorkerContext } from './context.js';
import { evaluate } from './evaluate.js';
import { mailSender } from './mail.js';
import { monitor, requeueLostRuns } from './monitor.js';
import { writeNotes } from './notes.js';
import { poll } from './poll.js';
import { pull } from './pull.js';
import { runStage, type StageWork } from './stage.js';
import { reportStatus } from './status.js';
import { train } from './train.js';
import { tune } from './tune.js';
import { startWatch } from './watch.js';

export interface RunningWorkers {
  /** Lets short stages end, hands trainings over to the next worker, and returns within about ten seconds. */
  close(): Promise<void>;
}

const monitorEvery = 60_000;
const cleanUpEvery = 3_600_000;
const kept = { removeOnComplete: 10, removeOnFail: 100 };
/** Schedulers have been seen to stop when several processes wrote them at once; this puts one back. */
const watchSchedulerEvery = 5 * 60_000;
/** Seconds that short stages get to end by themselves on shutdown. */
const closeLimit = 10_000;

/**
 * A worker that was killed is noticed within about 20 s: its job's lock ends after 15 s, and every 5 s somebody looks.
 * A stage is idempotent, so it may be lost this way any number of times.
 */
const liveness = { lockDuration: 15_000, stalledInterval: 5_000, maxStalledCount: 1000 };

/** `connection` waits while Redis is away. */
export async function startWorkers(config: Config, connection: Redis, log: Logger): Promise<RunningWorkers> {
  const store: Store = { redis: connection, queues: openQueues(connection) };
  const context: WorkerContext = {
    config,
    store,
    docker: openEngine(),
    credentials: credentialSource(config),
    log,
    trainer: await installTrainer(config.data),
  };
  const shutdown = new AbortController();
  const options: WorkerOptions = { connection: connection as ConnectionOptions, prefix: queuePrefix, ...liveness };
  const host = config.worker.name;

  function stageWorker(stage: StageName, work: StageWork, concurrency: number): Worker {
    const process = (job: Job<StageJob>, token?: string): Promise<void> =>
      runStage(context, stage, work, job, token, shutdown.signal);
    return new Worker(stageQueueName(stage, host), process, { ...options, concurrency });
  }

  const watch = startWatch(context);
  const send = mailSender(config);
  const report = statusReporter(config);
  const failedPolls = new Map<string, string>();
  const workers = [
    stageWorker('pull', pull, 4),
    stageWorker('build', build, 2),
    stageWorker('train', train, config.worker.trainings),
    stageWorker('evaluate', evaluate, 4),
    stageWorker('tune', tune, 2),
    new Worker(monitorQueueName(host), () => monitor(context, watch), options),
    new Worker('poll', () => poll(context, failedPolls), options),
    new Worker(cleanUpQueueName(host), () => cleanUp(context), options),
    new Worker('mail', (job) => send(job), { ...options, settings: { backoffStrategy: mailBackoff } }),
    new Worker('notes', (job) => writeNotes(context, job), options),
    new Worker('status', (job) => reportStatus(context, report, job), { ...options, concurrency: 4 }),
  ];
  for (const worker of workers) {
    worker.on('error', (error) => log.error({ error, queue: worker.name }, 'a worker failed'));
    worker.on('failed', (job, error) => log.warn({ error, queue: worker.name, job: job?.id }, 'a job failed'));
  }
  await beat(connection, host);
  await requeueLostRuns(context);
  await scheduleJobs(store, config);
  // What a killed process left behind is not left for the rest of the hour.
  await store.queues.get(cleanUpQueueName(host)).add('clean-up', {}, kept);
  const schedulers = setInterval(() => {
    scheduleJobs(store, config).catch((error: unknown) => log.error({ error }, 'the monitor could not be scheduled'));
  }, watchSchedulerEvery);

  return {
    async close() {
      clearInterval(schedulers);
      shutdown.abort();
      const limit = new Promise((resolve) => setTimeout(resolve, closeLimit).unref());
      await Promise.race([Promise.all([watch.close(), ...workers.map((worker) => worker.close())]), limit]);
      await store.queues.close();
    },
  };
}

async function schedule(queue: Queue, name: string, every: number): Promise<void> {
  const scheduler = await queue.getJobScheduler(name);
  const isDue = scheduler?.next !== undefined && scheduler.next > Date.now() - every;
  if (isDue && scheduler.every === every) return;
  await queue.upsertJobScheduler(name, { every }, { name, opts: kept });
}

async function scheduleJobs(store: Store, { worker: { name: host }, poll }: Config): Promise<void> {
  await schedule(store.queues.get(monitorQueueName(host)), 'monitor', monitorEvery);
  await schedule(store.queues.get(cleanUpQueueName(host)), 'clean-up', cleanUpEvery);
  // Any host may look for pushes: one look serves all of them.
  const polls = store.queues.get('poll');
  if (poll.every === 0) await polls.removeJobScheduler('poll');
  else await schedule(polls, 'poll', poll.every * 1000);
}

/**
 * Copies the agent's package to the data directory, under a name of its content: containers mount it from there, since
 * that path means the same to the Docker engine when the worker itself runs in a container.
 */
async function installTrainer(data: string): Promise<string> {
  const source = join(packageRoot(), 'docker', 'tensorflow', 'trainer');
  const paths = await filesIn(source);
  const hash = createHash('sha256');
  for (const path of paths) hash.update(path).update(await readFile(join(source, path)));
  const target = join(data, 'trainer', hash.digest('hex').slice(0, 12));
  const temporary = `${target}.${process.pid}`;
  for (const path of paths) await cp(join(source, path), join(temporary, path));
  // Another worker may have installed the same content already.
  await rename(temporary, target).catch(() => rm(temporary, { recursive: true, force: true }));
  return target;
}
