/** The history of a study as it is exported: the same from the store as from the notes of a clone. Pure. */
import { z } from 'zod';
import type { Study } from './study.js';
import {
  detailsOf,
  readTrialNotes,
  recordOf,
  type StudyDetails,
  studyDetailsSchema,
  type TrialNote,
  type TrialRecord,
  trialRecordSchema,
} from './trial-note.js';

export interface StudyHistory extends StudyDetails {
  readonly id: string;
  /** In the order of their numbers. */
  readonly trials: readonly TrialRecord[];
}

/** A study as the server's API shows it; what is no part of its history is left out. */
export const studyHistorySchema = z.object({
  id: z.string().min(1).max(200),
  ...studyDetailsSchema.shape,
  trials: z.array(trialRecordSchema),
});

export function historyOf(study: Study): StudyHistory {
  return { id: study.id, ...detailsOf(study), trials: study.trials.map(recordOf) };
}

/**
 * Puts studies together from the texts of a repository's notes. A note that somebody copied to another commit, as a rebase may
 * do, does not count twice: the one on its own commit comes first.
 *
 * @param texts with the commit that each of them is attached to, in any order
 * @returns the studies of which the first trial has its note, oldest first
 */
export function historiesFromNotes(
  texts: readonly { readonly commit: string; readonly text: string }[],
): readonly StudyHistory[] {
  const notes = texts.flatMap(({ commit, text }) => readTrialNotes(text).map((note) => ({ commit, note })));
  const studies = new Map<string, Map<number, TrialNote>>();
  const byOrigin = notes.sort((a, b) => Number(isCopy(a)) - Number(isCopy(b)));
  for (const { note } of byOrigin) {
    const trials = studies.get(note.study) ?? new Map<number, TrialNote>();
    if (!trials.has(note.trial)) trials.set(note.trial, note);
    studies.set(note.study, trials);
  }
  return [...studies]
    .flatMap(([id, trials]) => {
      const details = trials.get(0)?.details;
      if (details === undefined) return [];
      const records = [...trials.values()].sort((a, b) => a.trial - b.trial).map(toRecord);
      return [{ id, ...details, trials: records }];
    })
    .sort((a, b) => (a.id < b.id ? -1 : 1));
}

function isCopy({ commit, note }: { readonly commit: string; readonly note: TrialNote }): boolean {
  return commit !== note.sha;
}

function toRecord(note: TrialNote): TrialRecord {
  const { version: _version, study: _study, trial, space: _space, details: _details, ...record } = note;
  return { number: trial, ...record };
}
