/** `POST /webhooks/github`: a push becomes a run. */
import { isUtf8 } from 'node:buffer';
import { Webhooks } from '@octokit/webhooks';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { RouteOptions } from '../app.js';
import { findRepository } from '../config.js';
import { decidePush, type Push } from '../pipeline/push.js';
import { forgetHead, getHead, moveHead } from '../store/heads.js';
import { passOver } from '../store/pass-over.js';
import { isBotCommit } from '../store/runs.js';
import { newId, type Store, startRun } from '../store/start-run.js';
import { header } from './headers.js';
import { runUrl } from './urls.js';

/** GitHub never sends a larger payload: https://docs.github.com/webhooks/webhook-events-and-payloads */
const largestPayload = 25 * 1024 * 1024;

const sha = z.string().regex(/^[0-9a-f]{40}$/);

/** People may hide their address, and apps have none. */
const person = z.object({ name: z.string().nullish(), email: z.string().nullish() });

const paths = z.array(z.string()).default([]);

/** The part of GitHub's push event that Pushtune reads. Its URLs are not among it: they come from the configuration. */
const pushPayload = z.object({
  ref: z.string(),
  before: sha.nullish(),
  after: sha,
  deleted: z.boolean().default(false),
  forced: z.boolean().default(false),
  commits: z.array(z.object({ added: paths, modified: paths, removed: paths })).nullish(),
  repository: z.object({ full_name: z.string() }),
  pusher: person.nullish(),
  head_commit: z
    .object({
      message: z.string().default(''),
      author: person.nullish(),
    })
    .nullish(),
});

export async function webhookRoutes(app: FastifyInstance, options: RouteOptions): Promise<void> {
  const { webhook_secret: secret } = options.config.github;
  if (secret === '') {
    app.post('/webhooks/github', (_request, reply) =>
      reply.code(503).send({
        error: 'no webhook is configured: set github.webhook_secret; until then pushes are found by looking for them',
      }),
    );
    return;
  }
  const webhooks = new Webhooks({ secret });
  // The signature covers the bytes as they came, so nothing may parse them before it is checked.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));

  app.post('/webhooks/github', { bodyLimit: largestPayload }, async (request, reply) => {
    const body = utf8(request.body);
    const signature = header(request, 'x-hub-signature-256') ?? '';
    if (body === '' || signature === '' || !(await webhooks.verify(body, signature))) {
      request.log.warn({ ip: request.ip }, 'a webhook with a missing or wrong signature was refused');
      return reply
        .code(401)
        .send({ error: 'the signature (X-Hub-Signature-256) is missing or does not match the secret' });
    }
    const payload = parsePayload(body, request);
    if (payload === undefined) return reply.code(400).send({ error: 'the payload is not JSON' });
    return handleEvent(options, request, reply, payload);
  });
}

async function handleEvent(
  options: RouteOptions,
  request: FastifyRequest,
  reply: FastifyReply,
  payload: unknown,
): Promise<FastifyReply> {
  const event = header(request, 'x-github-event');
  if (event === 'ping') return reply.code(200).send({ message: 'pong: pushes will be tuned' });
  if (event !== 'push') return ignore(request, reply, `the event ${event ?? '(none)'} is not a push`);
  const parsed = pushPayload.safeParse(payload);
  if (!parsed.success)
    return reply.code(400).send({ error: `the payload is no push event: ${z.prettifyError(parsed.error)}` });
  return handlePush(options, request, reply, toPush(parsed.data));
}

async function handlePush(
  { config, store }: RouteOptions,
  request: FastifyRequest,
  reply: FastifyReply,
  push: Push,
): Promise<FastifyReply> {
  const settings = findRepository(config, push.repository);
  // Asked first: the bot's own commits carry the trailer that asks other CI to skip them.
  if (settings !== undefined && (await isBotCommit(store.redis, settings.name, push.sha))) {
    return ignore(request, reply, "the commit is Pushtune's own: its study starts the run itself");
  }
  const decision = decidePush(push, settings?.branches);
  if (settings !== undefined && !decision.accepted && decision.branch !== undefined) {
    const from = (await getHead(store.redis, settings.name, decision.branch))?.sha;
    if (push.deleted) await forgetHead(store.redis, settings.name, decision.branch);
    else await moveHead(store.redis, { repository: settings.name, branch: decision.branch, sha: push.sha, from });
  }
  if (!decision.accepted || settings === undefined) {
    return ignore(request, reply, decision.accepted ? `${push.repository} is not watched` : decision.reason);
  }
  const passedOver = await passOverReported(store, settings.name, decision.branch, push);
  if (passedOver !== undefined) return ignore(request, reply, passedOver);
  const delivery = header(request, 'x-github-delivery');
  const recorded = await startRun(
    store,
    {
      id: newId(),
      study: newId(),
      trial: 0,
      cause: 'push',
      repository: settings.name,
      branch: decision.branch,
      sha: push.sha,
      message: push.message.split('\n')[0] ?? '',
      createdAt: new Date().toISOString(),
      ...(push.author === undefined ? {} : { author: push.author }),
    },
    {
      push: push.before === undefined ? {} : { before: push.before },
      ...(delivery === undefined ? {} : { delivery }),
    },
  );
  request.log.info({ run: recorded.id, delivery, created: recorded.created }, 'a push was accepted');
  const url = runUrl(config, recorded.id);
  return reply.code(202).header('Location', url).send({ run: recorded.id, url, created: recorded.created });
}

/** GitHub lists what each commit of a push changes, unless there are too many of them. */
async function passOverReported(
  { redis }: Store,
  repository: string,
  branch: string,
  { before, sha, changes }: Push,
): Promise<string | undefined> {
  if (before === undefined || changes === undefined) return undefined;
  const from = (await getHead(redis, repository, branch))?.sha;
  const reason = await passOver(redis, { repository, branch, before, sha, changes });
  if (reason !== undefined) await moveHead(redis, { repository, branch, sha, from });
  return reason;
}

function ignore(request: FastifyRequest, reply: FastifyReply, reason: string): FastifyReply {
  request.log.info({ reason }, 'a webhook started nothing');
  return reply.code(202).send({ ignored: true, reason });
}

/**
 * The body as text, or empty when it is no UTF-8: the signature is checked over the text, and replaced bytes would let
 * another body pass as the signed one. GitHub sends UTF-8 only.
 */
function utf8(body: unknown): string {
  return Buffer.isBuffer(body) && isUtf8(body) ? body.toString('utf8') : '';
}

/** GitHub sends JSON, or a form with the JSON in its field `payload`, as the webhook's settings say. */
function parsePayload(body: string, request: FastifyRequest): unknown {
  const isForm = header(request, 'content-type')?.startsWith('application/x-www-form-urlencoded') === true;
  const text = isForm ? (new URLSearchParams(body).get('payload') ?? '') : body;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** More commits than these are not listed. */
const mostListed = 2048;

function changesOf({ commits, forced }: z.infer<typeof pushPayload>): Pick<Push, 'changes'> {
  const isWhole = commits !== undefined && commits !== null && commits.length > 0 && commits.length < mostListed;
  // Where history was rewritten, the commits do not tell what differs.
  if (!isWhole || forced) return {};
  const changes = commits.flatMap(({ added, modified, removed }) => [
    ...added.map((path) => ({ path, kind: 'added' as const })),
    ...removed.map((path) => ({ path, kind: 'removed' as const })),
    ...modified.map((path) => ({ path, kind: 'modified' as const })),
  ]);
  return { changes };
}

function toPush(payload: z.infer<typeof pushPayload>): Push {
  const { pusher, head_commit: head } = payload;
  const email = pusher?.email ?? head?.author?.email;
  const name = pusher?.name ?? head?.author?.name ?? '';
  return {
    repository: payload.repository.full_name,
    ref: payload.ref,
    sha: payload.after,
    ...(typeof payload.before === 'string' ? { before: payload.before } : {}),
    ...changesOf(payload),
    deleted: payload.deleted || /^0+$/.test(payload.after),
    message: head?.message ?? '',
    ...(email === undefined || email === null || email === '' ? {} : { author: { name, email } }),
  };
}
