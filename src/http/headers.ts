import { createHash, timingSafeEqual } from 'node:crypto';
import type { FastifyRequest } from 'fastify';

/** The header's value, or undefined; of a repeated header the first. */
export function header(request: FastifyRequest, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value[0] : value;
}

/** Whether the request carries the bearer token. Takes the same time whatever is wrong with it. */
export function hasBearerToken(request: FastifyRequest, token: string): boolean {
  const given = header(request, 'authorization')?.replace(/^Bearer /i, '') ?? '';
  return token !== '' && timingSafeEqual(digest(given), digest(token));
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
