/**
 * What is kept of a trial in a git note on its commit (`refs/notes/pushtune`), so that a clone holds the whole study. A
 * note is text for people: one or more JSON objects with a key a line, beside whatever else somebody wrote there. Pure.
 */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { SearchSpace } from '../tuning/space.js';
import type { Study, StudyTrial } from './study.js';

/** Readers skip records of a version that they do not know. */
const noteVersion = 1;

/** Longer texts are no name of anything; a branch's may be as long as a file's. */
const word = z.string().min(1).max(255);
/** Notes come from whoever may push to the repository; a longer message is none of Pushtune's. */
const sentence = z.string().max(1000);
const sha = z.string().regex(/^[0-9a-f]{40}([0-9a-f]{24})?$/);

const scalar = z.union([z.number(), z.string().max(1000), z.boolean()]);
/** Tuples of tuples are the deepest that scripts hold. */
const value = z.union([scalar, z.array(z.union([scalar, z.array(scalar)]))]);

/** What a reader needs of a search space; what else it says is kept as it is. */
export interface StatedSpace {
  readonly parameters: readonly { readonly name: string; readonly type: string }[];
}
const statedSpace = z.object({
  parameters: z.array(z.object({ name: word, type: z.enum(['float', 'int', 'categorical']) })),
});
const space = z.custom<StatedSpace>((stated) => statedSpace.safeParse(stated).success);

const count = z.int().min(1);
const metric = z.object({ name: sentence, value: z.number(), source: sentence });

/** What a study is apart from its trials. */
export const studyDetailsSchema = z.object({
  repository: word,
  branch: word,
  baseSha: sha,
  state: z.enum(['running', 'paused', 'target_reached', 'budget_ended', 'superseded', 'stopped', 'failed']),
  reason: sentence.optional(),
  mode: z.enum(['max', 'min']),
  target: z.number(),
  confirm: z.boolean().optional(),
  budget: z.object({ trials: z.number(), hours: z.number(), patience: z.number() }),
  space: space.optional(),
  restoredSha: sha.optional(),
  createdAt: z.iso.datetime(),
  finishedAt: z.iso.datetime().optional(),
});

/** A trial as it is remembered. */
export const trialRecordSchema = z.object({
  number: z.int().min(0),
  sha,
  run: word,
  state: z.enum(['running', 'completed', 'failed', 'pruned']),
  metric: metric.optional(),
  values: z.record(z.string(), value),
  seconds: z.number().min(0).optional(),
  error: sentence.optional(),
  isTooLarge: z.boolean().optional(),
  metrics: z.record(z.string(), z.number()).optional(),
  curve: z.array(z.number()).optional(),
  epochs: count.optional(),
  earlyStop: z.object({ epoch: count, epochs: count.optional(), reason: sentence }).optional(),
  confirmation: z.object({ run: word, seed: z.int(), first: z.number(), second: z.number().optional() }).optional(),
  sampler: word.optional(),
  image: sentence.optional(),
});

const trialNoteSchema = z.object({
  version: z.literal(noteVersion),
  /** Id of the study. */
  study: word,
  trial: trialRecordSchema.shape.number,
  ...trialRecordSchema.omit({ number: true }).shape,
  /** Version of the search space: see {@link spaceVersion}. */
  space: word.optional(),
  /** In the note of trial 0 alone: what git needs to rebuild the study. */
  details: studyDetailsSchema.optional(),
});

export interface StudyDetails extends Readonly<z.infer<typeof studyDetailsSchema>> {}
export interface TrialRecord extends Readonly<z.infer<typeof trialRecordSchema>> {}
/** One trial of one study. */
export interface TrialNote extends Readonly<z.infer<typeof trialNoteSchema>> {}

/** The notes of all trials that have ended. The first one also says what the study is, and how it stands. */
export function trialNotes(study: Study): readonly TrialNote[] {
  const version = study.space === undefined ? {} : { space: spaceVersion(study.space) };
  return study.trials
    .filter(({ state }) => state !== 'running')
    .map((trial) => {
      const { number, ...record } = recordOf(trial);
      return {
        version: noteVersion,
        study: study.id,
        trial: number,
        ...record,
        ...version,
        ...(number === 0 ? { details: detailsOf(study) } : {}),
      };
    });
}

/** What is remembered of a trial; keys in the order in which people want to read them. */
export function recordOf(trial: StudyTrial): TrialRecord {
  const { number, sha, run, state, metric, values, seconds, error, isTooLarge, metrics } = trial;
  const { curve, epochs, earlyStop, confirmation, sampler, image } = trial;
  return withoutUndefined({
    number,
    sha,
    run,
    state,
    metric,
    values: values as TrialRecord['values'],
    seconds,
    error: error === undefined ? undefined : firstLine(error),
    isTooLarge,
    metrics,
    curve: curve === undefined ? undefined : [...curve],
    epochs,
    earlyStop,
    confirmation,
    sampler,
    image,
  });
}

/** What is remembered of the study itself; who pushed stands in its commit. */
export function detailsOf(study: Study): StudyDetails {
  const { repository, branch, baseSha, state, reason, mode, target, confirm, budget, space } = study;
  const { restoredSha, createdAt, finishedAt } = study;
  return withoutUndefined({
    repository,
    branch,
    baseSha,
    state,
    reason: reason === undefined ? undefined : firstLine(reason),
    mode,
    target,
    confirm,
    budget,
    space,
    restoredSha,
    createdAt,
    finishedAt,
  });
}

/** Twelve hexadecimal digits that are the same for equal search spaces, whatever the order of their keys. */
export function spaceVersion(space: SearchSpace): string {
  return createHash('sha256')
    .update(JSON.stringify(sorted(space)))
    .digest('hex')
    .slice(0, 12);
}

/** The note as text: JSON with a key a line, which `git log --notes=pushtune` shows and `jq` reads. */
export function writeTrialNote(note: TrialNote): string {
  const lines = Object.entries(note).map(([key, content]) => `  ${JSON.stringify(key)}: ${JSON.stringify(content)}`);
  return `{\n${lines.join(',\n')}\n}\n`;
}

/** The records in the text of a note; what is none, of another version or has wrong types is skipped. */
export function readTrialNotes(text: string): readonly TrialNote[] {
  return blocksOf(text).flatMap(({ note }) => (note === undefined ? [] : [note]));
}

/**
 * Puts the record into the text of a note: in the place of an older one of the same trial, else at the end. What others
 * wrote stays as it is.
 *
 * @param text the note as it stands; undefined when the commit has none
 */
export function putTrialNote(text: string | undefined, note: TrialNote): string {
  const written = writeTrialNote(note);
  if (text === undefined || text.trim() === '') return written;
  const isSame = ({ note: known }: Block): boolean => known?.study === note.study && known.trial === note.trial;
  const blocks = blocksOf(text);
  const first = blocks.findIndex(isSame);
  if (first < 0) return `${text.trimEnd()}\n\n${written}`;
  const others = blocks.filter((block, i) => i === first || !isSame(block));
  return others.map((block) => (isSame(block) ? written : block.text)).join('');
}

interface Block {
  /** With its line feed. */
  readonly text: string;
  readonly note?: TrialNote;
}

/** Lines from `{` to `}`, or a line that is an object, are looked at; every other line is a block of its own. */
function blocksOf(text: string): readonly Block[] {
  const blocks: Block[] = [];
  let open: string[] = [];
  function keep(): void {
    blocks.push(...open.map((line) => ({ text: line })));
    open = [];
  }
  for (const line of text.match(/[^\n]*\n|[^\n]+$/g) ?? []) {
    const bare = line.trimEnd();
    if (bare === '{') {
      keep();
      open = [line];
    } else if (open.length > 0) {
      open.push(line);
      if (bare !== '}') continue;
      const note = readRecord(open.join(''));
      if (note === undefined) keep();
      else blocks.push({ text: open.join(''), note });
      open = [];
    } else {
      const note = bare.startsWith('{') && bare.endsWith('}') ? readRecord(bare) : undefined;
      blocks.push(note === undefined ? { text: line } : { text: line, note });
    }
  }
  keep();
  return blocks;
}

function readRecord(text: string): TrialNote | undefined {
  try {
    return trialNoteSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

/** Errors end with the last lines of the log, which are not for everybody who can read the repository. */
const longestReason = 300;

function firstLine(text: string): string {
  const [line = ''] = text.split('\n');
  return [...line].slice(0, longestReason).join('');
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, child]) => [key, sorted(child)]),
  );
}

type Defined<T> = { [K in keyof T as undefined extends T[K] ? never : K]: T[K] } & {
  [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined>;
};

function withoutUndefined<T extends object>(object: T): Defined<T> {
  return Object.fromEntries(Object.entries(object).filter(([, content]) => content !== undefined)) as Defined<T>;
}
