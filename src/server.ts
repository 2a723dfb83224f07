/** The process that listens, and the one that works: opened and closed as a whole. */
import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import { startWorkers } from '../workers/index.js';
import { buildApp } from './app.js';
import { type Config, ConfigError } from './config.js';
import { startEmbeddedRedis } from './store/embedded-redis.js';
import { hasHeartbeat } from './store/heartbeats.js';
import { openQueues } from './store/queues.js';
import { connect, untilReady } from './store/redis.js';

export interface RunningProcess {
  /** The address that answers, such as `http://127.0.0.1:8080`; empty for workers alone. */
  readonly url: string;
  close(): Promise<void>;
}

/** Server, workers and, where no URL is configured, Redis, in one process. */
export async function start(config: Config, log: Logger): Promise<RunningProcess> {
  assertReadyToServe(config);
  const redis = await openRedis(config, log);
  const server = await serve(config, redis.url, log);
  const worker = await work({ ...config, server: { ...config.server, url: server.url } }, redis.url, log);
  return {
    url: server.url,
    async close() {
      await server.close();
      await worker.close();
      await redis.stop();
    },
  };
}

/** The HTTP server alone. */
export async function serve(config: Config, redisUrl: string, log: Logger): Promise<RunningProcess> {
  assertReadyToServe(config);
  const redis = openConnection(redisUrl, 'fail', log);
  await untilReady(redis);
  const store = { redis, queues: openQueues(redis) };
  const url = config.server.url === '' ? `http://${config.server.host}:${config.server.port}` : config.server.url;
  const app = buildApp({ config: { ...config, server: { ...config.server, url } }, store, logger: log });
  await app.listen({ host: config.server.host, port: config.server.port });
  log.info({ url, repositories: config.repositories.map(({ name }) => name) }, 'Pushtune listens');
  return {
    url,
    async close() {
      await app.close();
      await store.queues.close();
      redis.disconnect();
    },
  };
}

/** The workers alone. */
export async function work(config: Config, redisUrl: string, log: Logger): Promise<RunningProcess> {
  const redis = openConnection(redisUrl, 'wait', log);
  if (config.smtp.host === '') {
    log.warn({ folder: `${config.data}/mail` }, 'no smtp.host is configured: e-mails become files in this folder');
  }
  const workers = await startWorkers(config, redis, log);
  log.info({ host: config.worker.name, trainings: config.worker.trainings }, 'Pushtune works');
  return {
    url: '',
    async close() {
      await workers.close();
      redis.disconnect();
    },
  };
}

/** Addresses that only this machine reaches. */
const ownAddress = /^(127\.\d+\.\d+\.\d+|::1|localhost)$/i;

/** @throws {ConfigError} naming what is missing */
export function assertReadyToServe(config: Config): void {
  const { host, read_token: readToken, public: isPublic } = config.server;
  if (!ownAddress.test(host) && readToken === '' && !isPublic) {
    throw new ConfigError(
      `server.host is ${host}, which other machines reach, and anybody there could read runs, logs and code: set server.read_token or PUSHTUNE_SERVER_READ_TOKEN (openssl rand -hex 32 makes one), or server.public to true where that is meant`,
    );
  }
  if (config.github.webhook_secret === '' && config.poll.every === 0) {
    throw new ConfigError(
      'no push would ever be noticed: set github.webhook_secret in the configuration or as PUSHTUNE_GITHUB_WEBHOOK_SECRET, to the secret of the webhook on GitHub (openssl rand -hex 32 makes one), or poll.every to a duration',
    );
  }
}

/** The URL that `serve` and `work` share. @throws {ConfigError} */
export function sharedRedisUrl(config: Config): string {
  if (config.redis.url !== '') return config.redis.url;
  throw new ConfigError(
    'redis.url is missing: server and workers that run apart meet in Redis; set it or REDIS_URL, or use "pushtune start"',
  );
}

/** Whether a worker of the host has run its monitor within the last three minutes; it comes every minute. */
export async function isWorkerAlive(redisUrl: string, host: string): Promise<boolean> {
  const redis = connect(redisUrl, { whileAway: 'fail' });
  try {
    await untilReady(redis);
    return await hasHeartbeat(redis, host);
  } finally {
    redis.disconnect();
  }
}

async function openRedis(config: Config, log: Logger): Promise<{ readonly url: string; stop(): Promise<void> }> {
  if (config.redis.url !== '') return { url: config.redis.url, stop: async () => undefined };
  const embedded = await startEmbeddedRedis(`${config.data}/redis`, config.redis.command);
  log.info({ socket: embedded.url }, 'Redis was started');
  return embedded;
}

function openConnection(url: string, whileAway: 'fail' | 'wait', log: Logger): Redis {
  return connect(url, { whileAway, onError: (error) => log.warn({ error: error.message }, 'Redis does not answer') });
}
