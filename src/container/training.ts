/**
 * One training in a container: asked for and followed through files, so that a worker that dies loses nothing and the
 * one that follows goes on where it stopped.
 */
import { watch } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { secondsToEndEpoch } from '../pipeline/prune-grace.js';
import type { TrainingResult } from '../pipeline/run.js';
import { type EndReason, endReasons, failureKinds } from '../pipeline/training-end.js';
import { containerOwner } from './folders.js';
import {
  listGuarded,
  readGuarded,
  removeGuarded,
  sizeGuarded,
  UnsafeFileError,
  writeGuarded,
} from './guarded-files.js';

export interface TrainingRequest {
  readonly run: string;
  readonly main: string;
  readonly arguments: readonly string[];
  /** Variables of the script's environment, on top of the image's. */
  readonly environment: Readonly<Record<string, string>>;
  readonly timeoutSeconds: number;
  readonly limits: WriteLimits;
}

/** What the agent bounds, since the kernel does not: bytes. */
export interface WriteLimits {
  /** Of what the training writes to its run's folder and the caches. */
  readonly disk: number;
  /** Of what it prints. */
  readonly output: number;
}

/** The two folders through which worker and agent speak. */
export interface TrainingFolders {
  /** The repository's runs folder on the host. */
  readonly runs: string;
  /** The container's agent folder on the host. */
  readonly agent: string;
}

/** How a training ended. */
export interface TrainingEnd extends TrainingResult {
  readonly reason: EndReason;
}

/** What the follower does with what it sees. */
export interface TrainingListener {
  /** Takes bytes of the log that stand at `offset`; returns the offset from which to go on. */
  onLog(offset: number, bytes: Buffer): Promise<number>;
  /** Asked about twice a second: true stops the training. */
  shouldStop(): Promise<boolean>;
  /** Asked about what was reported (see {@link readEvents}) whenever that has grown: true ends the training as pruned. */
  shouldPrune(events: string): Promise<boolean>;
}

/** How often a script is started at the most, when its container dies under it before it gets an epoch further. */
const maximumStarts = 3;

const pollMilliseconds = 100;
/** What the agent writes last. */
const resultFile = 'result.json';
/** `shouldStop` asks Redis, which need not be asked at every look at the log. */
const pollsPerStopCheck = 5;
/** Epochs that are shorter than this are not worth being saved one by one. */
const pollsPerPruneCheck = 3;
/** Bytes of the log that are read at once. */
const logChunk = 256 * 1024;
/** The result is a small object of ours; a script that writes more into it gains nothing. */
const largestResult = 64 * 1024;

/** A training of thousands of epochs reports more than is read: of each metric the last value counts. */
const longestEvents = 4 * 1024 * 1024;
const longestEventsStart = 64 * 1024;

const resultSchema = z.object({
  exitCode: z.int().nullish(),
  signal: z.int().nullish(),
  seconds: z.number(),
  reason: z.enum(endReasons),
  starts: z.int(),
  cause: z.object({ kind: z.enum(failureKinds), place: z.string().optional(), bytes: z.number().optional() }).nullish(),
});

/**
 * Has the run trained and follows it to its end. Called again for the same run, it never starts a second training: it
 * follows the one that runs, or returns the result of the one that has ended.
 *
 * @param from offset of the log from which on it is new
 * @param signal ends the following (not the training), for the worker's own shutdown
 */
export async function followTraining(
  folders: TrainingFolders,
  request: TrainingRequest,
  from: number,
  listener: TrainingListener,
  signal: AbortSignal,
): Promise<TrainingEnd> {
  await requestTraining(folders, request);
  const result = awaitFile(join(folders.runs, request.run), resultFile);
  try {
    return await follow(folders, request.run, from, listener, signal, result.isThere);
  } finally {
    result.close();
  }
}

async function follow(
  folders: TrainingFolders,
  run: string,
  from: number,
  listener: TrainingListener,
  signal: AbortSignal,
  isThere: Promise<void>,
): Promise<TrainingEnd> {
  let offset = from;
  let judged = -1;
  let isAwaited = true;
  for (let poll = 0; ; poll += 1) {
    const end = await readResult(folders, run);
    // The log is read after the result was looked for: the agent writes the result last, so nothing is missing then.
    offset = await forwardLog(folders, run, offset, listener);
    if (end !== undefined) return end;
    if (poll % pollsPerStopCheck === 0 && (await listener.shouldStop())) await stopTraining(folders, run);
    if (poll % pollsPerPruneCheck === 0) {
      const size = await eventsSize(folders, run);
      if (size > judged) await pruneIfAsked(folders, run, listener);
      judged = size;
    }
    const pause = delay(pollMilliseconds, undefined, { signal });
    await (isAwaited ? Promise.race([pause, isThere.then(() => (isAwaited = false))]) : pause);
  }
}

/** Tells at once when a file is put into a folder; where the system can't tell, the next look finds it all the same. */
function awaitFile(folder: string, name: string): { readonly isThere: Promise<void>; close(): void } {
  try {
    let put = (): void => {};
    const isThere = new Promise<void>((resolve) => {
      put = resolve;
    });
    const watcher = watch(folder, { persistent: false }, (_event, changed) => {
      if (changed === name) put();
    });
    watcher.on('error', () => undefined);
    return { isThere, close: () => watcher.close() };
  } catch {
    return { isThere: new Promise(() => {}), close: () => {} };
  }
}

/** The last bytes of the log, as text. */
export async function readLogFile(folders: TrainingFolders, run: string, longest: number): Promise<string> {
  return readEnd(folders, `${run}/log`, longest);
}

/** What the hook in the container reported: the first lines (on how it was set up) and the last. */
export async function readEvents(folders: TrainingFolders, run: string): Promise<string> {
  const path = `${run}/events.jsonl`;
  try {
    const end = await readEnd(folders, path, longestEvents);
    if (Buffer.byteLength(end) < longestEvents) return end;
    const start = await readGuarded(folders.runs, path, 0, longestEventsStart);
    return `${start?.toString('utf8') ?? ''}\n${end}`;
  } catch (error) {
    // A script may have put something else there; then nothing was reported.
    if (error instanceof UnsafeFileError) return '';
    throw error;
  }
}

async function eventsSize(folders: TrainingFolders, run: string): Promise<number> {
  try {
    return (await sizeGuarded(folders.runs, `${run}/events.jsonl`)) ?? 0;
  } catch (error) {
    if (error instanceof UnsafeFileError) return 0;
    throw error;
  }
}

async function readEnd(folders: TrainingFolders, path: string, longest: number): Promise<string> {
  const size = (await sizeGuarded(folders.runs, path)) ?? 0;
  const bytes = await readGuarded(folders.runs, path, Math.max(0, size - longest), Math.min(size, longest));
  return bytes?.toString('utf8') ?? '';
}

async function requestTraining(folders: TrainingFolders, request: TrainingRequest): Promise<void> {
  if ((await readResult(folders, request.run)) !== undefined) return;
  const owner = process.getuid?.() === 0 ? containerOwner() : undefined;
  const text = JSON.stringify({ ...request, maximumStarts });
  await writeGuarded(folders.runs, `${request.run}/request.json`, text, owner);
  await handToAgent(folders.agent, request.run);
}

/** Puts a training whose request stands in the run's folder before the container's agent. */
export async function handToAgent(agent: string, run: string): Promise<void> {
  const owner = process.getuid?.() === 0 ? containerOwner() : undefined;
  await writeGuarded(agent, `requests/${run}`, '', owner);
}

async function stopTraining(folders: TrainingFolders, run: string): Promise<void> {
  await writeGuarded(folders.runs, `${run}/stop`, '');
}

/** A container has a handful of trainings waiting, not more. */
const mostRequests = 10_000;

/** Ids of the runs whose training a container's agent was asked for and has not ended. */
export async function requestedTrainings(agent: string): Promise<readonly string[]> {
  try {
    const names = await listGuarded(agent, 'requests', mostRequests);
    return names.filter((name) => !name.startsWith('.'));
  } catch (error) {
    // No container of that name ever was, or a script put something else there, in which the agent finds none either.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT' || error instanceof UnsafeFileError) return [];
    throw error;
  }
}

/** Ends a training that nobody waits for, and has no agent begin it again. */
export async function withdrawTraining(folders: TrainingFolders, run: string): Promise<void> {
  await removeGuarded(folders.agent, `requests/${run}`);
  await stopTraining(folders, run).catch((error: unknown) => {
    // A run whose folder is gone or was made a link can't be trained either.
    if (!(error instanceof UnsafeFileError) && (error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  });
}

/** The hooks end the training at its epoch's end, and the agent when that takes too long. */
async function pruneIfAsked(folders: TrainingFolders, run: string, listener: TrainingListener): Promise<void> {
  const events = await readEvents(folders, run);
  if (!(await listener.shouldPrune(events))) return;
  await writeGuarded(folders.runs, `${run}/prune`, JSON.stringify({ graceSeconds: secondsToEndEpoch(events) }));
}

async function readResult(folders: TrainingFolders, run: string): Promise<TrainingEnd | undefined> {
  const bytes = await readGuarded(folders.runs, `${run}/${resultFile}`, 0, largestResult);
  if (bytes === undefined) return undefined;
  const { exitCode, signal, seconds, reason, starts, cause } = resultSchema.parse(JSON.parse(bytes.toString('utf8')));
  return {
    seconds,
    reason,
    starts,
    ...(typeof exitCode === 'number' ? { exitCode } : {}),
    ...(typeof signal === 'number' ? { signal } : {}),
    ...(cause ? { cause } : {}),
  };
}

async function forwardLog(
  folders: TrainingFolders,
  run: string,
  from: number,
  listener: TrainingListener,
): Promise<number> {
  let offset = from;
  for (;;) {
    const bytes = await readGuarded(folders.runs, `${run}/log`, offset, logChunk);
    if (bytes === undefined || bytes.length === 0) return offset;
    offset = await listener.onLog(offset, bytes);
  }
}
