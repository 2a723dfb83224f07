/** Names of things that live as long as the work of one process, so that what a killed one left behind can be told. */
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';

/** Seconds after which something temporary of another host, or of an unknown one, counts as left behind. */
const longestWork = 24 * 3600;

/** A name for something that this process removes when it is done. */
export function temporaryName(kind: string): string {
  return `${kind}-${processMark(process.pid)}-${randomUUID()}`;
}

/**
 * Whether the process that made something temporary is gone.
 *
 * @param madeAt milliseconds since 1970
 */
export function isLeftBehind(name: string, madeAt: number, now: number): boolean {
  const [, host, pid, start] = /-([A-Za-z0-9_.-]+)\.(\d+)\.(\d+)-[0-9a-f-]{36}$/.exec(name) ?? [];
  if (host?.endsWith(safeHost()) === true) return startOf(Number(pid)) !== start;
  return now - madeAt > longestWork * 1000;
}

function processMark(pid: number): string {
  return `${safeHost()}.${pid}.${startOf(pid)}`;
}

/** Docker's names of containers have letters, digits, `_`, `.` and `-`. */
function safeHost(): string {
  return hostname().replace(/[^A-Za-z0-9_.-]/g, '-');
}

/** When a process of this host started, in clock ticks: a later process with the same number has another start. */
function startOf(pid: number): string | undefined {
  try {
    // The second field is a name in brackets that may hold spaces; the start is the 22nd (man 5 proc).
    return readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ').at(-1)?.split(' ')[19];
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
