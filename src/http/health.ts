/** For load balancers and container engines: does the process live, and can it take pushes? */
import type { FastifyInstance } from 'fastify';
import type { RouteOptions } from '../app.js';

export async function healthRoutes(app: FastifyInstance, { store }: RouteOptions): Promise<void> {
  app.get('/healthz', async () => ({ status: 'ok' }));
  // A failed ping becomes a 503 in the application's error handler.
  app.get('/readyz', async () => {
    await store.redis.ping();
    return { status: 'ready' };
  });
}
