/** Why a training ended, and how that is told. Pure. */

/** `exceeded`: the agent ended it, because it went beyond a limit. `refused`: the agent did not start it. */
export const endReasons = [
  'exited',
  'stopped',
  'pruned',
  'timeout',
  'exceeded',
  'crashed_too_often',
  'refused',
] as const;
export type EndReason = (typeof endReasons)[number];

/** What stands behind a failure, where the script's own end does not tell. */
export const failureKinds = [
  'out_of_memory',
  'disk_full',
  'too_much_written',
  'too_much_output',
  'too_many_processes',
  'no_gpu',
] as const;

export interface FailureCause {
  readonly kind: (typeof failureKinds)[number];
  /** The container's folder that is full; without it the host's disk is. Of `no_gpu` the framework that sees none. */
  readonly place?: string | undefined;
  /** Bytes that the full folder holds. */
  readonly bytes?: number | undefined;
}

export interface EndedTraining {
  readonly reason: EndReason;
  readonly exitCode?: number;
  readonly signal?: number;
  readonly starts: number;
  readonly cause?: FailureCause;
}

/** Bytes, processes and seconds. */
export interface EndLimits {
  readonly memory: number;
  readonly disk: number;
  readonly output: number;
  readonly processes: number;
  readonly timeout: number;
}

/**
 * One sentence, without a full stop, on a training that did not end well: what happened, and which setting bounds it.
 *
 * @param script name of the main script
 * @param crash what was seen of its container's last crash, where there was one
 */
export function explainEnd(script: string, end: EndedTraining, limits: EndLimits, crash?: string): string {
  const how = explainHow(script, end, limits, crash);
  return end.cause === undefined ? how : `${explainCause(script, end.cause, limits)} (${how})`;
}

function explainHow(script: string, end: EndedTraining, limits: EndLimits, crash: string | undefined): string {
  switch (end.reason) {
    case 'timeout':
      return `${script} was stopped after its limit of ${limits.timeout} s (environment.timeout in .pushtune.yml)`;
    case 'exceeded':
      return `${script} was ended at once`;
    case 'refused':
      return `${script} was not started`;
    case 'crashed_too_often':
      if (end.starts === 0) return `${script} was not started`;
      return `the container died ${end.starts} times under ${script}${crash === undefined ? '' : `, the last time with ${crash}`}`;
    default:
      if (end.signal !== undefined) return `${script} was ended by signal ${end.signal}`;
      return `${script} ended with exit code ${end.exitCode}`;
  }
}

function explainCause(script: string, { kind, place, bytes }: FailureCause, limits: EndLimits): string {
  switch (kind) {
    case 'out_of_memory':
      return `out of memory: ${script} needed more than the ${formatBytes(limits.memory)} of environment.memory; smaller batches or a smaller network need less`;
    case 'disk_full':
      if (place === undefined) return `the disk is full: ${script} could not write; free space on the server`;
      return `${place} is full: it holds ${formatBytes(bytes ?? 0)}, a part of environment.memory; write large files to the working directory`;
    case 'too_much_written':
      return `${script} wrote more than the ${formatBytes(limits.disk)} of environment.disk`;
    case 'too_much_output':
      return `${script} printed more than ${formatBytes(limits.output)} (training.output in the server's configuration)`;
    case 'no_gpu':
      return `environment.gpus asks for a GPU, and ${place ?? 'the framework'} sees none: see that nvidia-smi works on the host, install the GPU's driver and the NVIDIA Container Toolkit there, and have the framework with CUDA in an image of your own; or remove gpus from .pushtune.yml`;
    case 'too_many_processes':
      return `${script} started more processes and threads than the ${limits.processes} it may have (training.processes in the server's configuration)`;
  }
}

const readableSizes = new Map([
  ['TiB', 1024 ** 4],
  ['GiB', 1024 ** 3],
  ['MiB', 1024 ** 2],
  ['KiB', 1024],
]);

/** A number of bytes as people read it: `4 GiB`, `512 MiB`, `1.5 GiB`. */
function formatBytes(amount: number): string {
  const [unit, factor] = [...readableSizes].find(([, size]) => amount >= size) ?? ['bytes', 1];
  return `${Number((amount / factor).toFixed(1))} ${unit}`;
}
