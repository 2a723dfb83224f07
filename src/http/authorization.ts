/** Who may change something. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Config } from '../config.js';
import { hasBearerToken } from './headers.js';

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
