/** `pushtune study pause | resume | extend`. */
import { z } from 'zod';
import type { StudyBudget } from './pipeline/study.js';
import { askServer, type Server, ServerError } from './server-client.js';

export interface StudyRequest {
  readonly action: 'pause' | 'resume' | 'extend';
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
