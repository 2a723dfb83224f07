/** Studies: what was tried on a branch, and what came of it. */
import type { FastifyInstance } from 'fastify';
import type { RouteOptions } from '../app.js';
import type { Config } from '../config.js';
import { bestTrial, type Study } from '../pipeline/study.js';
import { getStudy } from '../store/studies.js';
import { runUrl, studyUrl } from './urls.js';

interface StudyParams {
  readonly Params: { readonly id: string };
}

export async function studyRoutes(app: FastifyInstance, { config, store }: RouteOptions): Promise<void> {
  app.get<StudyParams>('/api/studies/:id', async (request, reply) => {
    const study = await getStudy(store.redis, request.params.id);
    if (study === undefined) return reply.code(404).send({ error: `there is no study ${request.params.id}` });
    return presentStudy(config, study);
  });
}

function presentStudy(config: Config, study: Study) {
  return {
    ...study,
    url: studyUrl(config, study.id),
    best: bestTrial(study) ?? null,
    trials: study.trials.map((trial) => ({ ...trial, runUrl: runUrl(config, trial.run) })),
  };
}
