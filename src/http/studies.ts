/** Studies: what was tried on a branch, what came of it, and what people may do with one. */
import type { FastifyInstance, FastifyReply } from 'fastify';
import { z } from 'zod';
import type { RouteOptions } from '../app.js';
import { type Config, findRepository } from '../config.js';
import { credentialSource } from '../git/credentials.js';
import { bestTrial, isOpen, lastCommit, type Study } from '../pipeline/study.js';
import { extendStudy, pauseStudy, resumeStudy, StudyControlError } from '../pipeline/study-control.js';
import type { StudySummary } from '../pipeline/study-summary.js';
import { controlStudy, stopStudyNow } from '../store/control-study.js';
import { branchStudy, getStudy } from '../store/studies.js';
import { summariseInThread } from '../threads/summary.js';
import { isRefused } from './authorization.js';
import { askForHead } from './remote-branch.js';
import { runUrl, studyModelUrl, studyUrl } from './urls.js';

const extendBody = z
  .strictObject({
    trials: z.int().min(1).optional(),
    hours: z.number().positive().optional(),
    patience: z.int().min(1).optional(),
  })
  .refine((more) => Object.keys(more).length > 0, 'say how much more: trials, hours or patience');

interface StudyParams {
  readonly Params: { readonly id: string };
}

export async function studyRoutes(app: FastifyInstance, { config, store }: RouteOptions): Promise<void> {
  const credentials = credentialSource(config);
  const summaryOf = rememberingSummaries();

  app.get<StudyParams>('/api/studies/:id', async (request, reply) => {
    const study = await getStudy(store.redis, request.params.id);
    if (study === undefined) return noStudy(reply, request.params.id);
    return presentStudy(config, study, await summaryOf(study));
  });

  app.post<StudyParams>('/api/studies/:id/stop', async (request, reply) => {
    if (isRefused(config, request, reply, 'stopping studies')) return reply;
    const { id } = request.params;
    return answer(reply, id, () => stopStudyNow(store, id));
  });

  app.post<StudyParams>('/api/studies/:id/pause', async (request, reply) => {
    if (isRefused(config, request, reply, 'pausing studies')) return reply;
    return change(reply, request.params.id, (study) => pauseStudy(study, now()));
  });

  app.post<StudyParams>('/api/studies/:id/resume', async (request, reply) => {
    if (isRefused(config, request, reply, 'resuming studies')) return reply;
    return change(reply, request.params.id, (study) => resumeStudy(study, now()));
  });

  app.post<StudyParams>('/api/studies/:id/extend', async (request, reply) => {
    if (isRefused(config, request, reply, 'extending studies')) return reply;
    const body = extendBody.safeParse(request.body);
    if (!body.success) return reply.code(400).send({ error: z.prettifyError(body.error) });
    const { trials, hours, patience } = body.data;
    const more = {
      ...(trials === undefined ? {} : { trials }),
      ...(hours === undefined ? {} : { hours }),
      ...(patience === undefined ? {} : { patience }),
    };
    return change(reply, request.params.id, (study) => extendStudy(study, more, now()));
  });

  async function change(reply: FastifyReply, id: string, transition: (study: Study) => Study) {
    return answer(reply, id, async (study) => {
      // What the study's own state forbids is said before its host is asked.
      if (!isOpen(study) && isOpen(transition(study))) await assertBranchIsOurs(study);
      return controlStudy(store, study, transition);
    });
  }

  async function answer(reply: FastifyReply, id: string, work: (study: Study) => Promise<Study>) {
    const study = await getStudy(store.redis, id);
    if (study === undefined) return noStudy(reply, id);
    try {
      const changed = await work(study);
      return presentStudy(config, changed, await summaryOf(changed));
    } catch (error) {
      if (error instanceof StudyControlError) return reply.code(409).send({ error: error.message });
      throw error;
    }
  }

  /** An ended study goes on only where it stopped. */
  async function assertBranchIsOurs(study: Study): Promise<void> {
    const { repository, branch } = study;
    const settings = findRepository(config, repository);
    if (settings === undefined) throw new StudyControlError(`${repository} is not watched any more`);
    const holder = await branchStudy(store.redis, repository, branch);
    if (holder !== study.id)
      throw new StudyControlError(`another study holds ${branch} by now (${holder ?? 'none'}); extend that one`);
    const head = await askForHead(config, credentials, settings, branch);
    if (head !== lastCommit(study)) {
      throw new StudyControlError(
        `${branch} stands at ${head?.slice(0, 10) ?? 'nothing'}, and the study's last commit is ${lastCommit(study).slice(0, 10)}; what was pushed since has a study of its own`,
      );
    }
  }
}

function noStudy(reply: FastifyReply, id: string): FastifyReply {
  return reply.code(404).send({ error: `there is no study ${id}` });
}

function now(): string {
  return new Date().toISOString();
}

/** Studies are looked at every few seconds while they run, and a summary takes longer than all the rest of an answer. */
const rememberedSummaries = 100;

function rememberingSummaries(): (study: Study) => Promise<StudySummary> {
  const known = new Map<string, { readonly trials: string; readonly summary: Promise<StudySummary> }>();
  return (study) => {
    const trials = JSON.stringify([study.space, study.trials]);
    const before = known.get(study.id);
    if (before?.trials === trials) return before.summary;
    const summary = summariseInThread(study);
    summary.catch(() => known.delete(study.id));
    known.delete(study.id);
    known.set(study.id, { trials, summary });
    const [oldest] = known.keys();
    if (known.size > rememberedSummaries && oldest !== undefined) known.delete(oldest);
    return summary;
  };
}

function presentStudy(config: Config, study: Study, { bestSoFar, importance, difference, progress }: StudySummary) {
  return {
    ...study,
    url: studyUrl(config, study.id),
    modelUrl: studyModelUrl(config, study.id),
    best: bestTrial(study) ?? null,
    // Null where nothing was measured yet, and where the trials do not tell.
    bestSoFar: bestSoFar.map((metric) => metric ?? null),
    importance: importance ?? null,
    summary: [difference, progress].filter((sentence) => sentence !== undefined).join(' '),
    trials: study.trials.map((trial) => ({ ...trial, runUrl: runUrl(config, trial.run) })),
  };
}
