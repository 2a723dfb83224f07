/** The HTTP application, without a port: `server.ts` listens, tests call `inject()`. */
import Fastify, { type FastifyBaseLogger, type FastifyError, type FastifyInstance, LogController } from 'fastify';
import type { Config } from './config.js';
import { artifactRoutes } from './http/artifacts.js';
import { closeToStrangers } from './http/authorization.js';
import { healthRoutes } from './http/health.js';
import { runRoutes } from './http/runs.js';
import { statusRoutes } from './http/status.js';
import { studyRoutes } from './http/studies.js';
import { webhookRoutes } from './http/webhook.js';
import { isStoreFailure } from './store/redis.js';
import type { Store } from './store/start-run.js';

export interface AppOptions {
  readonly config: Config;
  /** With a connection that fails at once while Redis is away, so that a webhook is answered with 503. */
  readonly store: Store;
  readonly logger: FastifyBaseLogger;
}

/** What the routes share. */
export interface RouteOptions {
  readonly config: Config;
  readonly store: Store;
}

export function buildApp({ config, store, logger }: AppOptions): FastifyInstance {
  const app: FastifyInstance = Fastify({
    loggerInstance: logger,
    // One line per request would fill the disk with health checks; routes log what matters.
    logController: new LogController({ disableRequestLogging: true }),
    // GitHub gives up on a delivery after 10 s.
    requestTimeout: 30_000,
  });

  app.setErrorHandler((error: FastifyError, request, reply) => {
    if (isStoreFailure(error)) {
      request.log.error({ error }, 'Redis is away');
      return reply
        .code(503)
        .header('Retry-After', '10')
        .send({ error: 'Redis is away; nothing was stored; try again' });
    }
    const status = error.statusCode ?? 500;
    if (status >= 500) request.log.error({ error }, 'a request failed');
    // A 500 is a fault of ours, whose text is for the log; others were written for the caller.
    return reply.code(status).send({ error: status === 500 ? 'the server failed; its log says why' : error.message });
  });
  app.setNotFoundHandler((request, reply) =>
    reply.code(404).send({ error: `there is no ${request.method} ${request.url}` }),
  );
  // What scripts print and people write is shown as it is, never run.
  app.addHook('onSend', async (_request, reply) => {
    reply.header('X-Content-Type-Options', 'nosniff');
  });

  const options: RouteOptions = { config, store };
  app.register(webhookRoutes, options);
  app.register(healthRoutes, options);
  app.register(async (closed) => {
    closeToStrangers(closed, config);
    closed.register(runRoutes, options);
    closed.register(studyRoutes, options);
    closed.register(artifactRoutes, options);
    closed.register(statusRoutes, options);
  });
  return app;
}
