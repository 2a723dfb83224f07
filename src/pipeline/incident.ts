/** When a crashed container is restarted, and when that is given up. Pure. */

/** A series of crashes of one container, for which people get one e-mail. */
export interface Incident {
  readonly id: string;
  readonly openedAt: string;
  readonly lastAt: string;
  readonly restarts: number;
  /** What was seen last, such as `exit code 137`. */
  readonly cause: string;
  /** No more restarts until a person pushes again. */
  readonly givenUp: boolean;
}

/** Restarts within one incident after which a container counts as one that can't live. */
export const mostRestarts = 5;

/** A container that ran for so long without a crash has recovered; its next crash is a new incident. */
const recoveryMinutes = 10;

export type Reaction = 'restart' | 'give_up' | 'leave';

/** What to do about a container that does not run or does not answer. */
export function onCrash(
  incident: Incident | undefined,
  crash: { readonly id: string; readonly at: string; readonly cause: string },
): { readonly incident: Incident; readonly reaction: Reaction; readonly isNew: boolean } {
  const { id, at, cause } = crash;
  if (incident === undefined || hasRecovered(incident, at)) {
    return {
      incident: { id, openedAt: at, lastAt: at, restarts: 1, cause, givenUp: false },
      reaction: 'restart',
      isNew: true,
    };
  }
  if (incident.givenUp) return { incident, reaction: 'leave', isNew: false };
  if (incident.restarts >= mostRestarts) {
    return { incident: { ...incident, lastAt: at, cause, givenUp: true }, reaction: 'give_up', isNew: false };
  }
  return {
    incident: { ...incident, lastAt: at, cause, restarts: incident.restarts + 1 },
    reaction: 'restart',
    isNew: false,
  };
}

/** Whether an incident is over, seen at a time when its container is healthy. */
export function hasRecovered(incident: Incident, at: string): boolean {
  return !incident.givenUp && Date.parse(at) - Date.parse(incident.lastAt) > recoveryMinutes * 60_000;
}
