/** The HTTP application on a Redis of its own, and GitHub's side of a webhook. */
import { createHmac, randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PingEvent, PushEvent } from '@octokit/webhooks-types';
import type { FastifyInstance, InjectOptions } from 'fastify';
import { pino } from 'pino';
import { buildApp } from '../../src/app.js';
import { type Config, parseConfig } from '../../src/config.js';
import { startEmbeddedRedis } from '../../src/store/embedded-redis.js';
import { openQueues } from '../../src/store/queues.js';
import { connect, untilReady } from '../../src/store/redis.js';
import type { Store } from '../../src/store/start-run.js';

export const secret = 'a secret of the tests';
export const publicUrl = 'https://tune.example.com';

export interface HttpServer {
  readonly app: FastifyInstance;
  readonly config: Config;
  readonly store: Store;
  /** A folder that is removed with the server; the data directory lies in it. */
  readonly folder: string;
  /** Forgets all runs, queues and deliveries. */
  forget(): Promise<void>;
  stopRedis(): Promise<void>;
  /** Starts Redis again on the files that it left, and waits until the application has found it. */
  startRedis(): Promise<void>;
  close(): Promise<void>;
}

/** `settings` are laid over a configuration that watches `ada/digits`; they may name files below the server's folder. */
export async function openHttpServer(
  settings: (folder: string) => Readonly<Record<string, unknown>> = () => ({}),
): Promise<HttpServer> {
  const folder = mkdtempSync(join(tmpdir(), 'pushtune-http-'));
  const redisFolder = join(folder, 'redis');
  let running = await startEmbeddedRedis(redisFolder);
  const redis = connect(running.url, { whileAway: 'fail' });
  await untilReady(redis);
  const store = { redis, queues: openQueues(redis) };
  const config = parseConfig(
    {
      server: { url: publicUrl },
      data: join(folder, 'data'),
      github: { webhook_secret: secret },
      repositories: [{ name: 'ada/digits', branches: ['main', 'experiments/**'] }],
      ...settings(folder),
    },
    'the test',
  );
  const app = buildApp({ config, store, logger: pino({ level: 'silent' }) });
  await app.ready();
  return {
    app,
    config,
    store,
    folder,
    async forget() {
      await redis.flushall();
    },
    stopRedis: () => running.stop(),
    async startRedis() {
      running = await startEmbeddedRedis(redisFolder);
      await untilReady(redis);
    },
    async close() {
      await app.close();
      await store.queues.close();
      redis.disconnect();
      await running.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** A payload of `test/fixtures/github`, a fresh copy for each call. */
export function pushFixture(name: 'push' | 'push-tag' | 'push-branch-deleted' = 'push'): PushEvent {
  return JSON.parse(readFixture(name)) as PushEvent;
}

export function pingFixture(): PingEvent {
  return JSON.parse(readFixture('ping')) as PingEvent;
}

/** A push to the branch whose head is the commit with this message. */
export function pushOf(change: {
  readonly repository?: string;
  readonly branch?: string;
  readonly sha?: string;
  readonly message?: string;
}): PushEvent {
  const push = pushFixture();
  const { head_commit: head } = push;
  if (head === null) throw new Error('the fixture has no head commit');
  const sha = change.sha ?? push.after;
  return {
    ...push,
    ref: `refs/heads/${change.branch ?? 'main'}`,
    after: sha,
    repository: { ...push.repository, full_name: change.repository ?? push.repository.full_name },
    head_commit: { ...head, id: sha, message: change.message ?? head.message },
  };
}

export interface DeliveryOptions {
  readonly event?: string;
  readonly delivery?: string;
  /** The `X-Hub-Signature-256` header; null leaves it out, and by default it is the right one. */
  readonly signature?: string | null;
  readonly contentType?: string;
}

/** The request that GitHub sends for a payload; text and bytes are sent as they are. */
export function delivery(
  payload: object | string | Buffer,
  options: DeliveryOptions = {},
): InjectOptions & {
  readonly headers: Record<string, string>;
  readonly payload: string | Buffer;
} {
  const body = typeof payload === 'string' || Buffer.isBuffer(payload) ? payload : JSON.stringify(payload);
  const signature = options.signature === undefined ? signatureOf(body) : options.signature;
  return {
    method: 'POST',
    url: '/webhooks/github',
    headers: {
      'user-agent': 'GitHub-Hookshot/044aadd',
      'content-type': options.contentType ?? 'application/json',
      'x-github-event': options.event ?? 'push',
      'x-github-delivery': options.delivery ?? randomUUID(),
      ...(signature === null ? {} : { 'x-hub-signature-256': signature }),
    },
    payload: body,
  };
}

/** https://docs.github.com/webhooks/using-webhooks/validating-webhook-deliveries */
export function signatureOf(body: string | Buffer, withSecret: string = secret): string {
  return `sha256=${createHmac('sha256', withSecret).update(body).digest('hex')}`;
}

function readFixture(name: string): string {
  return readFileSync(new URL(`../fixtures/github/${name}.json`, import.meta.url), 'utf8');
}
