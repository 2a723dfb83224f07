/** Reports the outcome of stages to the repository's host as commit statuses. */
import type { Job } from 'bullmq';
import { findRepository } from '../src/config.js';
import type { StatusReporter } from '../src/git/commit-status.js';
import type { StatusJob } from '../src/store/queues.js';
import type { WorkerContext } from './context.js';

export async function reportStatus(
  context: WorkerContext,
  report: StatusReporter | undefined,
  job: Job<StatusJob>,
): Promise<void> {
  const { repository, ...status } = job.data;
  const settings = findRepository(context.config, repository);
  if (report === undefined || settings === undefined) return;
  await report(settings, status);
}
