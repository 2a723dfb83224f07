/** Files that trainings left: models, plots, reports. */
import type { FastifyInstance, FastifyReply } from 'fastify';
import type { RouteOptions } from '../app.js';
import { type OpenFile, openArtifact, openStudyModel, readArtifacts } from '../container/artifacts.js';
import { isModel } from '../pipeline/artifacts.js';
import { bestTrial } from '../pipeline/study.js';
import { getRun } from '../store/runs.js';
import { getStudy } from '../store/studies.js';
import { runArtifactsUrl } from './urls.js';

interface RunParams {
  readonly Params: { readonly id: string };
}

interface ArtifactParams {
  readonly Params: { readonly id: string; readonly '*': string };
}

export async function artifactRoutes(app: FastifyInstance, { config, store }: RouteOptions): Promise<void> {
  app.get<RunParams>('/api/runs/:id/artifacts', async (request, reply) => {
    const run = await getRun(store.redis, request.params.id);
    if (run === undefined) return reply.code(404).send({ error: `there is no run ${request.params.id}` });
    const { artifacts, leftOut } = await readArtifacts(config.data, run.repository, run.id);
    const url = runArtifactsUrl(config, run.id);
    return {
      artifacts: artifacts.map((artifact) => ({ ...artifact, url: `${url}/${encodePath(artifact.name)}` })),
      leftOut,
    };
  });

  app.get<ArtifactParams>('/api/runs/:id/artifacts/*', async (request, reply) => {
    const { id, '*': name } = request.params;
    const run = await getRun(store.redis, id);
    if (run === undefined) return reply.code(404).send({ error: `there is no run ${id}` });
    const { artifacts } = await readArtifacts(config.data, run.repository, id);
    // Only a name that is listed becomes a path.
    const isListed = artifacts.some((artifact) => artifact.name === name);
    const file = isListed ? await openArtifact(config.data, run.repository, id, name) : undefined;
    if (file === undefined)
      return reply.code(404).send({ error: `nothing called ${name} is kept of run ${run.number}` });
    return send(reply, file, name.split('/').at(-1) ?? name);
  });

  app.get<RunParams>('/api/studies/:id/model', async (request, reply) => {
    const study = await getStudy(store.redis, request.params.id);
    if (study === undefined) return reply.code(404).send({ error: `there is no study ${request.params.id}` });
    const best = bestTrial(study);
    if (best === undefined) return reply.code(404).send({ error: 'no trial of the study was measured yet' });
    const ofKeras = await openStudyModel(config.data, study.repository, study.id);
    if (ofKeras !== undefined) return send(reply, ofKeras, `${study.id}.keras`);
    const { artifacts } = await readArtifacts(config.data, study.repository, best.run);
    const model = artifacts.find(({ name }) => isModel(name));
    const file = model && (await openArtifact(config.data, study.repository, best.run, model.name));
    if (model !== undefined && file !== undefined) return send(reply, file, model.name.split('/').at(-1) ?? model.name);
    return reply.code(404).send({
      error: `no model is kept of trial ${best.number}, the best: its script saved none that artifacts: in .pushtune.yml matches, or it was removed (clean_up.artifacts_age, artifacts_size)`,
    });
  });
}

/** Always a download: what a script wrote is never shown as a page of this server. */
function send(reply: FastifyReply, { stream, size }: OpenFile, name: string): FastifyReply {
  return reply
    .type('application/octet-stream')
    .header('Content-Length', size)
    .header('Content-Disposition', `attachment; filename*=UTF-8''${encodeURIComponent(name)}`)
    .send(stream);
}

function encodePath(name: string): string {
  return name.split('/').map(encodeURIComponent).join('/');
}
