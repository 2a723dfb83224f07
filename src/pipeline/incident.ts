/** When a crashed container is restarted, when that is given up, and when people are told. Pure. */
import { belongsToStudy, isFinished, type Run } from './run.js';

/** A series of crashes of one container, for which people get one e-mail. */
export interface Incident {
  readonly id: string;
  readonly openedAt: string;
  /** When it crashed last. */
  readonly lastAt: string;
  readonly restarts: number;
  /** What was seen last, such as `exit code 137`. */
  readonly cause: string;
  /** No more restarts until the next run wants a container. */
  readonly givenUp: boolean;
  /** Tells the last crash from others, so that it is counted once, however many notice it. */
  readonly crash: string;
  /** When it is to be started again; absent once it was. */
  readonly restartAt?: string;
  /** The runs that trained in it when it crashed. */
  readonly runs: readonly string[];
  /** The e-mail was sent. */
  readonly isTold: boolean;
}

/** A container that is seen not to run or not to answer. */
export interface Crash {
  /** Id of the incident, should this be the first crash of one. */
  readonly id: string;
  readonly at: string;
  readonly cause: string;
  /** The same for all who see the same crash. */
  readonly crash: string;
  /** The runs that train in the container. */
  readonly runs: readonly string[];
}

/** Restarts within one incident after which a container counts as one that can't live. */
export const mostRestarts = 5;

/** A container that ran for so long without a crash has recovered; its next crash is a new incident. */
const recoveryMinutes = 10;

/** Seconds for which a restarted container has to run before people are told that it was restarted; more than any back-off. */
export const settleSeconds = 30;

const longestBackoffSeconds = 16;

/** Seconds before the restart with this number: the first follows at once, then 1, 2, 4, 8 s. */
export function backoffSeconds(restart: number): number {
  return restart <= 1 ? 0 : Math.min(2 ** (restart - 2), longestBackoffSeconds);
}

/**
 * What becomes of the incident with this crash.
 *
 * @returns `isCounted` is false for a crash that was counted already or is left alone
 */
export function onCrash(
  incident: Incident | undefined,
  { id, at, cause, crash, runs }: Crash,
): { readonly incident: Incident; readonly isCounted: boolean } {
  if (incident !== undefined && (incident.givenUp || incident.crash === crash)) return { incident, isCounted: false };
  if (incident === undefined || hasRecovered(incident, at)) {
    const opened = { id, openedAt: at, lastAt: at, restarts: 1, cause, crash, givenUp: false, isTold: false };
    return { incident: { ...opened, restartAt: at, runs }, isCounted: true };
  }
  const known = { ...incident, crash, runs: [...new Set([...incident.runs, ...runs])] };
  return { incident: countFailure(known, at, cause), isCounted: true };
}

/** The engine refused to start the container: that counts as much as a crash. */
export function onFailedStart(incident: Incident, at: string, cause: string): Incident {
  return countFailure(incident, at, cause);
}

function countFailure(incident: Incident, at: string, cause: string): Incident {
  const { restartAt: _restartAt, ...rest } = incident;
  if (incident.restarts >= mostRestarts) return { ...rest, lastAt: at, cause, givenUp: true };
  const restarts = incident.restarts + 1;
  const restartAt = new Date(Date.parse(at) + backoffSeconds(restarts) * 1000).toISOString();
  return { ...rest, lastAt: at, cause, restarts, restartAt };
}

/** The container was started again. */
export function onRestarted(incident: Incident): Incident {
  const { restartAt: _restartAt, ...restarted } = incident;
  return restarted;
}

/** Whether an incident is over, seen at a time when its container is healthy. */
export function hasRecovered(incident: Incident, at: string): boolean {
  return !incident.givenUp && Date.parse(at) - Date.parse(incident.lastAt) > recoveryMinutes * 60_000;
}

/**
 * Whether people are to be told now that a container was restarted: not while it may be one that crashes in a loop.
 *
 * @param startedAt when the container, which is healthy, was started last (ms since 1970)
 */
export function isToBeTold(incident: Incident, startedAt: number, at: string): boolean {
  return !incident.givenUp && !incident.isTold && Date.parse(at) - startedAt >= settleSeconds * 1000;
}

/** Milliseconds after which the container is to be looked at again; undefined when nothing is awaited. */
export function nextLook(incident: Incident, at: string): number | undefined {
  if (incident.givenUp) return undefined;
  if (incident.restartAt !== undefined) return Math.max(0, Date.parse(incident.restartAt) - Date.parse(at));
  return incident.isTold ? undefined : settleSeconds * 1000;
}

/**
 * Whether the mail on a run that failed tells of the incident already: a person's run has one, a trial of the bot's has
 * none.
 */
export function isToldByRun(incident: Incident, runs: readonly Run[]): boolean {
  const affected = runs.filter((run) => incident.runs.includes(run.id) && !belongsToStudy(run));
  return affected.some((run) => run.state === 'failed' || (incident.givenUp && !isFinished(run)));
}
