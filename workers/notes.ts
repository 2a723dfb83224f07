/** Keeps the notes on a study's commits (`refs/notes/pushtune`) what the store says. The loop never waits for it. */
import { type Job, UnrecoverableError } from 'bullmq';
import { findRepository } from '../src/config.js';
import { ensureMirror } from '../src/git/mirror.js';
import { type NoteChange, type NotesOutcome, pushNotes } from '../src/git/notes.js';
import type { Study } from '../src/pipeline/study.js';
import { putTrialNote, trialNotes } from '../src/pipeline/trial-note.js';
import type { NotesJob } from '../src/store/queues.js';
import { getRun } from '../src/store/runs.js';
import { getStudy } from '../src/store/studies.js';
import { mirrorOf, type WorkerContext } from './context.js';
import { warn } from './warn.js';

/** Writes every note of the study that the remote lacks. What can't be written is told, and harms nothing. */
export async function writeNotes(context: WorkerContext, job: Job<NotesJob>): Promise<string> {
  const study = await getStudy(context.store.redis, job.data.study);
  if (study === undefined || findRepository(context.config, study.repository) === undefined) return 'nothing to do';
  try {
    const outcome = await push(context, study);
    if (outcome.kind === 'refused') throw new UnrecoverableError(outcome.message);
    return outcome.kind;
  } catch (error) {
    const isLast = error instanceof UnrecoverableError || job.attemptsMade + 1 >= (job.opts.attempts ?? 1);
    if (isLast) await tell(context, study, error);
    throw error;
  }
}

async function push(context: WorkerContext, study: Study): Promise<NotesOutcome> {
  const notes = trialNotes(study);
  if (notes.length === 0) return { kind: 'unchanged' };
  const mirror = await mirrorOf(context, study.repository);
  await ensureMirror(mirror);
  // A commit has a run of its own, so that no two of these trials share one.
  const changes = new Map<string, NoteChange>(notes.map((note) => [note.sha, (text) => putTrialNote(text, note)]));
  const { name, email } = context.config.bot;
  const message = `pushtune: ${notes.length} ${notes.length === 1 ? 'trial' : 'trials'} of study ${study.id}`;
  return pushNotes(mirror, changes, { message, author: { name, email } });
}

async function tell(context: WorkerContext, study: Study, error: unknown): Promise<void> {
  const reason = error instanceof Error ? error.message : String(error);
  context.log.warn({ error, study: study.id, repository: study.repository }, 'notes could not be written');
  const run = await getRun(context.store.redis, study.trials.at(-1)?.run ?? '');
  if (run === undefined) return;
  const text = `the notes on this study's commits could not be pushed, which changes nothing else: ${reason}`;
  await warn(context, run, text);
}
