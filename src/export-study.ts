/** `pushtune study export`: the history of a study, from a running server or from a clone with its notes alone. */
import { stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { GitError } from './git/client.js';
import { readNotes } from './git/notes.js';
import { textTable } from './http/text-table.js';
import { formatMetric, formatValue } from './pipeline/commit-message.js';
import type { Study } from './pipeline/study.js';
import { historiesFromNotes, historyOf, type StudyHistory, studyHistorySchema } from './pipeline/study-history.js';
import { askServer, type Server, ServerError } from './server-client.js';

/** There is no such study, or no folder that could tell; the message says what to do. */
export class ExportError extends Error {
  override readonly name = 'ExportError';
}

/** Which study; without an id the latest one, of the repository if one is named. */
export interface StudySelection {
  readonly study?: string | undefined;
  readonly repository?: string | undefined;
}

/**
 * Puts the study together from the notes of a clone.
 *
 * @param directory the clone, or a folder in it
 * @throws {ExportError}
 */
export async function studyFromGit(directory: string, selection: StudySelection): Promise<StudyHistory> {
  const notes = await readClone(directory);
  if (notes === undefined) {
    throw new ExportError(
      `${directory} has no notes of Pushtune, which git fetches only when it is told to: git -C ${directory} fetch origin refs/notes/pushtune:refs/notes/pushtune`,
    );
  }
  const fitting = historiesFromNotes(notes).filter(({ repository }) => isSame(repository, selection.repository));
  const found = selection.study === undefined ? fitting.at(-1) : fitting.find(({ id }) => isSame(id, selection.study));
  if (found !== undefined) return found;
  const known = fitting.map(({ id }) => id).slice(-10);
  throw new ExportError(
    `the notes in ${directory} hold no study${selection.study === undefined ? '' : ` ${selection.study}`}${selection.repository === undefined ? '' : ` of ${selection.repository}`}; ${known.length === 0 ? 'they may be older than the study: fetch them again' : `they hold ${known.join(', ')}`}`,
  );
}

/** The person's own git settings count: they say whose folders are safe to read. */
async function readClone(directory: string): ReturnType<typeof readNotes> {
  if (!(await isDirectory(directory)))
    throw new ExportError(`${directory} is no folder; name a clone of the repository`);
  try {
    return await readNotes(directory, {
      GIT_CONFIG_GLOBAL: process.env.GIT_CONFIG_GLOBAL ?? join(homedir(), '.gitconfig'),
    });
  } catch (error) {
    if (!(error instanceof GitError)) throw error;
    throw new ExportError(error.message, { cause: error });
  }
}

export async function isDirectory(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

/** The part of a study that is looked into before its history is taken from it. */
const answeredStudy = z.looseObject({
  reason: z.string().optional(),
  trials: z.array(z.looseObject({ error: z.string().optional(), curve: z.array(z.unknown()).optional() })),
});
const runList = z.object({ runs: z.array(z.object({ study: z.string() })) });

/**
 * Asks a server for the study.
 *
 * @throws {ServerError}
 * @throws {ExportError} when it has no study yet
 */
export async function studyFromServer(server: Server, selection: StudySelection): Promise<StudyHistory> {
  const id = selection.study ?? (await latestStudy(server, selection.repository));
  const answer = answeredStudy
    .transform((study) => historyOf(study as unknown as Study))
    .pipe(studyHistorySchema)
    .safeParse(await askServer(server, `/api/studies/${encodeURIComponent(id)}`));
  if (answer.success) return answer.data;
  throw new ServerError(`${server.url} answers with something that is no study: ${z.prettifyError(answer.error)}`);
}

async function latestStudy(server: Server, repository: string | undefined): Promise<string> {
  const filter = repository === undefined ? '' : `&repository=${encodeURIComponent(repository)}`;
  const { data } = runList.safeParse(await askServer(server, `/api/runs?limit=1${filter}`));
  const study = data?.runs[0]?.study;
  if (study !== undefined) return study;
  throw new ExportError(`${server.url} knows no study${repository === undefined ? '' : ` of ${repository}`} yet`);
}

function isSame(name: string, wanted: string | undefined): boolean {
  return wanted === undefined || name.toLowerCase() === wanted.toLowerCase();
}

/** The history as a table for people. */
export function renderHistory(history: StudyHistory): string {
  const { id, repository, branch, state, reason, mode, target, trials } = history;
  const outcome = `${state.replace('_', ' ')}${reason === undefined ? '' : `: ${reason}`}`;
  const heading = `${repository} ${branch}, study ${id}: ${outcome}\nThe target is ${mode === 'max' ? 'at least' : 'at most'} ${target}.\n`;
  const rows = trials.map((trial) => [
    String(trial.number),
    trial.state,
    trial.metric === undefined ? '-' : `${trial.metric.name} ${formatMetric(trial.metric.value)}`,
    trial.seconds === undefined ? '-' : trial.seconds.toFixed(1),
    trial.sha.slice(0, 10),
    Object.entries(trial.values)
      .map(([name, value]) => `${name} ${formatValue(value)}`)
      .join(', '),
  ]);
  return `${heading}\n${textTable([['TRIAL', 'STATE', 'METRIC', 'SECONDS', 'COMMIT', 'VALUES'], ...rows])}`;
}
