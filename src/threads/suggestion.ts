/** Suggestions beside the event loop: one of a long study takes seconds, and the worker has heartbeats to send. */
import type { suggest } from '../tuning/suggest.js';
import { inThread, threadFile } from './thread.js';

/** {@link suggest}, in a thread. Rejects with what it throws as the cause. */
export const suggestInThread = inThread<Parameters<typeof suggest>, ReturnType<typeof suggest>>(
  threadFile('suggestion-thread', import.meta.url),
);
