/** What a study learns from the studies before it: from the store, and from git where the store does not know them. */
import type { Mirror } from '../src/git/mirror.js';
import { fetchNotes, readNotes } from '../src/git/notes.js';
import { earlierTrials } from '../src/pipeline/earlier-trials.js';
import type { Study } from '../src/pipeline/study.js';
import { historiesFromNotes, historyOf, type StudyHistory } from '../src/pipeline/study-history.js';
import { listStudies, updateStudy } from '../src/store/studies.js';
import type { Trial } from '../src/tuning/suggest.js';
import type { WorkerContext } from './context.js';
import type { Project } from './project.js';

/** Studies that the store is asked for; not every one of them fits. */
const mostAsked = 50;

/**
 * The trials of earlier studies that this one learns from. They are looked for when its first suggestion is due, and
 * kept in the study: a worker that goes on with it suggests the same.
 */
export async function earlierTrialsOf(
  context: WorkerContext,
  mirror: Mirror,
  study: Study,
  project: Project,
): Promise<readonly Trial[]> {
  if (study.earlier !== undefined) return study.earlier;
  const metric = study.trials.find((trial) => trial.metric !== undefined)?.metric?.name;
  if (metric === undefined) return [];
  const { space, values } = project;
  const histories = await otherStudies(context, mirror, study);
  const found = earlierTrials(histories, { space, values, metric, mode: study.mode });
  const kept = await updateStudy(context.store.redis, study.id, (current) =>
    current.earlier === undefined ? { ...current, earlier: found } : current,
  );
  return kept.earlier ?? found;
}

async function otherStudies(context: WorkerContext, mirror: Mirror, study: Study): Promise<readonly StudyHistory[]> {
  const stored = (await listStudies(context.store.redis, study.repository, mostAsked)).map(historyOf);
  const known = new Set(stored.map(({ id }) => id));
  const noted = (await studiesInNotes(context, mirror, study)).filter(({ id }) => !known.has(id));
  return [...stored, ...noted].filter(({ id }) => id !== study.id);
}

/** Without the notes a study takes a few trials more; it is not worth failing for. */
async function studiesInNotes(context: WorkerContext, mirror: Mirror, study: Study): Promise<readonly StudyHistory[]> {
  try {
    await fetchNotes(mirror);
    return historiesFromNotes((await readNotes(mirror.path)) ?? []);
  } catch (error) {
    context.log.warn({ error, study: study.id, repository: study.repository }, 'notes could not be read');
    return [];
  }
}
