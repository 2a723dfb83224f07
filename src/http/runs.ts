/** Runs: listed, shown with their log, and started and cancelled by hand. */
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { RouteOptions } from '../app.js';
import { type Config, findRepository } from '../config.js';
import { readRunLog } from '../container/run-log.js';
import { credentialSource } from '../git/credentials.js';
import type { Run } from '../pipeline/run.js';
import { cancelRun } from '../store/control-study.js';
import { readLog } from '../store/logs.js';
import { getRun, listRuns } from '../store/runs.js';
import { newId, startRun } from '../store/start-run.js';
import { isRefused } from './authorization.js';
import { askForHead } from './remote-branch.js';
import { runArtifactsUrl, runLogUrl, runUrl, studyUrl } from './urls.js';

const listQuery = z.object({
  repository: z.string().optional(),
  branch: z.string().optional(),
  state: z.enum(['waiting', 'running', 'succeeded', 'failed', 'superseded', 'cancelled']).optional(),
  before: z.string().optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
});

const startBody = z.strictObject({ repository: z.string(), branch: z.string() });
const logQuery = z.object({ offset: z.coerce.number().int().min(0).default(0) });

interface RunParams {
  readonly Params: { readonly id: string };
}

export async function runRoutes(app: FastifyInstance, { config, store }: RouteOptions): Promise<void> {
  const credentials = credentialSource(config);

  app.get('/api/runs', async (request, reply) => {
    const query = listQuery.safeParse(request.query);
    if (!query.success) return reply.code(400).send({ error: z.prettifyError(query.error) });
    const runs = await listRuns(store.redis, query.data);
    return { runs: runs.map((run) => presentRun(config, run)) };
  });

  app.get<RunParams>('/api/runs/:id', async (request, reply) => {
    const run = await getRun(store.redis, request.params.id);
    if (run === undefined) return reply.code(404).send({ error: `there is no run ${request.params.id}` });
    return presentRun(config, run);
  });

  app.get<RunParams>('/api/runs/:id/log', async (request, reply) => {
    const run = await getRun(store.redis, request.params.id);
    if (run === undefined) return reply.code(404).send({ error: `there is no run ${request.params.id}` });
    const query = logQuery.safeParse(request.query);
    if (!query.success) return reply.code(400).send({ error: z.prettifyError(query.error) });
    const { offset } = query.data;
    // Redis holds the log while it is young; after that the run's folder does, on the host that trained it.
    const live = await readLog(store.redis, run.id, offset);
    const bytes = live.length > 0 ? live : await readRunLog(config.data, run.repository, run.id, offset);
    return reply.type('text/plain; charset=utf-8').send(bytes);
  });

  app.post<RunParams>('/api/runs/:id/cancel', async (request, reply) => {
    if (isRefused(config, request, reply, 'cancelling runs')) return reply;
    const run = await cancelRun(store, request.params.id);
    if (run === undefined) return reply.code(404).send({ error: `there is no run ${request.params.id}` });
    if (run.state !== 'cancelled')
      return reply.code(409).send({ error: `run ${run.number} has ended (${run.state}); there is nothing to cancel` });
    return presentRun(config, run);
  });

  app.post('/api/runs', async (request, reply) => {
    if (isRefused(config, request, reply, 'starting runs')) return reply;
    const body = startBody.safeParse(request.body);
    if (!body.success) return reply.code(400).send({ error: z.prettifyError(body.error) });
    const { repository, branch } = body.data;
    const settings = findRepository(config, repository);
    if (settings === undefined) return reply.code(404).send({ error: `${repository} is not watched` });
    const sha = await askForHead(config, credentials, settings, branch);
    if (sha === undefined) return reply.code(404).send({ error: `${repository} has no branch ${branch}` });

    const { id } = await startRun(store, {
      id: newId(),
      study: newId(),
      trial: 0,
      cause: 'manual',
      repository: settings.name,
      branch,
      sha,
      message: 'started by hand',
      createdAt: new Date().toISOString(),
    });
    const url = runUrl(config, id);
    return reply.code(202).header('Location', url).send({ run: id, url });
  });
}

/** A run as the API shows it, with links. */
export function presentRun(config: Config, run: Run) {
  return {
    ...run,
    url: runUrl(config, run.id),
    logUrl: runLogUrl(config, run.id),
    artifactsUrl: runArtifactsUrl(config, run.id),
    studyUrl: studyUrl(config, run.study),
  };
}
