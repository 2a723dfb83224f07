/** Summaries beside the event loop: what made the difference in a study of 150 trials takes most of a second to find. */
import type { summarise } from '../pipeline/study-summary.js';
import { inThread, threadFile } from './thread.js';

/** {@link summarise}, in a thread. Rejects with what it throws as the cause. */
export const summariseInThread = inThread<Parameters<typeof summarise>, ReturnType<typeof summarise>>(
  threadFile('summary-thread', import.meta.url),
);
