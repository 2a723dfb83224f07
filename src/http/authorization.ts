/** Who may look, and who may change something. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Config } from '../config.js';
import { hasBearerToken } from './headers.js';

/** Has the routes of `app` answer only those who may look, where the configuration names a token for that. */
export function closeToStrangers(app: FastifyInstance, { server }: Config): void {
  if (server.read_token === '') return;
  app.addHook('onRequest', async (request, reply) => {
    // Who may change things may look as well.
    if ([server.read_token, server.token].some((token) => hasBearerToken(request, token))) return;
    return reply
      .code(401)
      .header('WWW-Authenticate', 'Bearer realm="pushtune"')
      .send({ error: 'send the server.read_token of the configuration as "Authorization: Bearer …"' });
  });
}

/** Answers a request that may not change anything, and returns true then. `what` is for the sentence: `starting runs`. */
export function isRefused(config: Config, request: FastifyRequest, reply: FastifyReply, what: string): boolean {
  if (config.server.token === '') {
    reply.code(403).send({ error: `${what} by hand is switched off; set server.token in the configuration` });
    return true;
  }
  if (hasBearerToken(request, config.server.token)) return false;
  reply.code(401).send({ error: 'send the server.token of the configuration as "Authorization: Bearer …"' });
  return true;
}
