/** Whether a container is to run: its desired state, and when it idles. Pure. */
import type { Run } from './run.js';

export interface ContainerUse {
  readonly desired: 'running' | 'stopped';
  /** ISO 8601: the last time at which it was known to be needed. */
  readonly usedAt: string;
}

/** What is wanted of a container; one of which nothing is known is left as it is. */
export function desiredState(use: ContainerUse | undefined, isRunning: boolean): ContainerUse['desired'] {
  return use?.desired ?? (isRunning ? 'running' : 'stopped');
}

/** Whether the run trains in the container or is about to; one whose study is paused after its training is not. */
export function needsContainer(run: Run, container: string): boolean {
  const { state } = run.stages.train;
  return run.build?.container === container && (state === 'waiting' || state === 'running');
}

/** @param idleSeconds 0: containers never idle */
export function isIdle(usedAt: number, at: number, idleSeconds: number): boolean {
  return idleSeconds > 0 && at - usedAt >= idleSeconds * 1000;
}
