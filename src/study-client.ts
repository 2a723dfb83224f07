/** `pushtune study stop | pause | resume | extend` and `pushtune cancel`. */
import { z } from 'zod';
import type { StudyBudget } from './pipeline/study.js';
import { askServer, type Server, ServerError } from './server-client.js';

export interface StudyRequest {
  readonly action: 'stop' | 'pause' | 'resume' | 'extend';
  readonly id: string;
  /** What an extension adds. */
  readonly more?: Partial<StudyBudget>;
}

const answeredStudy = z.object({
  id: z.string(),
  state: z.string(),
  trials: z.array(z.unknown()),
  budget: z.object({ trials: z.number(), hours: z.number(), patience: z.number() }),
});

const answeredRun = z.object({ number: z.number(), state: z.string(), study: z.string() });

/**
 * Cancels a run. Returns a line that says how it stands.
 *
 * @throws {ServerError}
 */
export async function cancelRun(server: Server, id: string): Promise<string> {
  const answer = answeredRun.safeParse(await askServer(server, `/api/runs/${encodeURIComponent(id)}/cancel`, {}));
  if (!answer.success) throw new ServerError(`${server.url} answers with something that is no run`);
  const { number, state, study } = answer.data;
  return `run ${number} is ${state}, and its study ${study} has ended`;
}

/**
 * Returns a line that says how the study stands.
 *
 * @throws {ServerError}
 */
export async function controlStudy(server: Server, { action, id, more = {} }: StudyRequest): Promise<string> {
  const path = `/api/studies/${encodeURIComponent(id)}/${action}`;
  const answer = answeredStudy.safeParse(await askServer(server, path, more));
  if (!answer.success) throw new ServerError(`${server.url} answers with something that is no study`);
  const { id: study, state, trials, budget } = answer.data;
  return `${study} is ${state}: ${trials.length} of ${budget.trials} trials, ${budget.hours} hours, patience ${budget.patience}`;
}
