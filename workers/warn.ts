/** Notes on the run's page, once each. */
import { addEventsOnce, type Run } from '../src/pipeline/run.js';
import { updateRun } from '../src/store/runs.js';
import { now, type WorkerContext } from './context.js';

export async function note(context: WorkerContext, run: Run, texts: readonly string[]): Promise<void> {
  if (texts.length === 0) return;
  const events = texts.map((text) => ({ text }));
  await updateRun(context.store.redis, run.id, (current) => addEventsOnce(current, now(), events));
}

/** A note that the e-mails about the run tell as well. */
export async function warn(context: WorkerContext, run: Run, text: string): Promise<void> {
  await updateRun(context.store.redis, run.id, (current) => addEventsOnce(current, now(), [{ text, isWarning: true }]));
}
