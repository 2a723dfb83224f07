/** What people may do with a study: stop it, pause it, resume it, give it more budget. Pure: time comes in as an argument. */
import { decide, endStudy, isOpen, type Study, type StudyBudget } from './study.js';

/** Why a person can't have what they asked for; a sentence for them. */
export class StudyControlError extends Error {
  override readonly name = 'StudyControlError';
}

/** Why a study that a person stopped has ended. */
export const stoppedByHand = 'stopped by hand';

/**
 * Ends the study at once; the branch stays as it is. A stopped study stays as it is.
 *
 * @throws {StudyControlError} when the study has ended otherwise
 */
export function stopStudy(study: Study, at: string, reason = stoppedByHand): Study {
  if (study.state === 'stopped') return study;
  if (!isOpen(study)) throw new StudyControlError(`${hasEnded(study)}; there is nothing to stop`);
  return endStudy(study, 'stopped', at, reason);
}

/**
 * Stops the study after the training that runs. A paused study stays as it is.
 *
 * @throws {StudyControlError} when the study has ended
 */
export function pauseStudy(study: Study, at: string): Study {
  if (study.state === 'paused') return study;
  if (study.state !== 'running') throw new StudyControlError(`${hasEnded(study)}; there is nothing to pause`);
  return { ...study, state: 'paused', pausedAt: at };
}

/**
 * Lets a paused study go on. One that runs stays as it is.
 *
 * @throws {StudyControlError} when the study has ended
 */
export function resumeStudy(study: Study, at: string): Study {
  if (study.state === 'running') return study;
  if (study.state !== 'paused') throw new StudyControlError(`${hasEnded(study)}; ${wayOn(study)}`);
  const { pausedAt = at, ...others } = study;
  return { ...others, state: 'running', idleSeconds: idleSeconds(study, pausedAt, at) };
}

/**
 * Adds to the budget. A study that its budget ended is opened again; one that runs or is paused goes on as it does.
 *
 * @param more what is added: trials, hours, trials without an improvement
 * @throws {StudyControlError} when the study ended otherwise, or would end again at once
 */
export function extendStudy(study: Study, more: Partial<StudyBudget>, at: string): Study {
  const { trials, hours, patience } = study.budget;
  const budget = {
    trials: trials + (more.trials ?? 0),
    hours: hours + (more.hours ?? 0),
    patience: patience + (more.patience ?? 0),
  };
  if (isOpen(study)) return { ...study, budget };
  if (study.state !== 'budget_ended') throw new StudyControlError(`${hasEnded(study)}; ${wayOn(study)}`);
  const { finishedAt = at, reason: _reason, ...others } = study;
  const open: Study = { ...others, budget, state: 'running', idleSeconds: idleSeconds(study, finishedAt, at) };
  const decision = decide(open, at);
  if (decision.kind === 'budget_ended')
    throw new StudyControlError(`the study would end again at once: ${decision.reason}; add to that as well`);
  return open;
}

function idleSeconds(study: Study, from: string, to: string): number {
  return (study.idleSeconds ?? 0) + Math.max(0, Date.parse(to) - Date.parse(from)) / 1000;
}

function hasEnded(study: Study): string {
  const what = {
    running: 'the study runs',
    paused: 'the study is paused',
    target_reached: 'the study has reached its target',
    budget_ended: 'the study has ended with its budget',
    superseded: 'the study was superseded',
    stopped: 'the study was stopped',
    failed: 'the study has failed',
  }[study.state];
  return study.reason === undefined ? what : `${what} (${study.reason.split('\n')[0]})`;
}

function wayOn(study: Study): string {
  return study.state === 'budget_ended' ? 'extend it to go on' : 'push to begin a new one';
}
