/** What the processes of a container hold in memory. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

export interface ProcessMemory {
  /** The program, or the script that it runs. */
  readonly name: string;
  /** Bytes, shared pages divided among those who share them (PSS). */
  readonly bytes: number;
  /** Bytes, shared pages counted in full (RSS). */
  readonly resident: number;
}

/** For each process but the shell itself a line with its command, and what the kernel says of its memory. */
const readProcesses = `
for process in /proc/[0-9]*; do
  [ "$process" = "/proc/$$" ] && continue
  [ -r "$process/smaps_rollup" ] || continue
  printf 'command %s\\n' "$(tr '\\0' ' ' < "$process/cmdline")"
  cat "$process/smaps_rollup"
done`;

/** Asked inside of the container, whose processes belong to another user than this one. */
export async function readMemory(container: string): Promise<readonly ProcessMemory[]> {
  const { stdout } = await promisify(execFile)('docker', ['exec', container, 'sh', '-c', readProcesses]);
  return stdout
    .split(/^command /m)
    .slice(1)
    .map((text) => ({ name: nameOf(text), bytes: kilobytes(text, 'Pss'), resident: kilobytes(text, 'Rss') }))
    .filter(({ resident }) => resident > 0);
}

function nameOf(text: string): string {
  const parts = text.split('\n', 1).join('').trim().split(' ');
  const [program = '', ...parameters] = parts.map((part) => part.split('/').at(-1) ?? '');
  return program.startsWith('python') ? (parameters.find((name) => !name.startsWith('-')) ?? program) : program;
}

function kilobytes(text: string, field: string): number {
  const found = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(text)?.[1];
  return Number(found ?? 0) * 1024;
}
