import { spawn } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { AgentContainer } from './agent-container.js';

/** A script in an interpreter with the hooks and a run's folder, without the agent: it can be killed and started again. */
export interface HookedScript {
  /** The run's folder on the host. */
  readonly folder: string;
  /** Starts the script and waits for its end; -9 stands for SIGKILL. */
  start(environment?: Readonly<Record<string, string>>): Promise<ScriptEnd>;
  /** The text of a file of the run. */
  read(path: string): Promise<string>;
}

export interface ScriptEnd {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const hooks = '/opt/pushtune/trainer/hooks';

/** @param lines of `train.py`, or of what is given to `python -c` when `asCommand` is set */
export async function prepareScript(
  agent: AgentContainer,
  name: string,
  lines: readonly string[],
  { asCommand }: { readonly asCommand?: string } = {},
): Promise<HookedScript> {
  const folder = join(agent.folder, 'runs', name);
  for (const part of ['workspace', 'checkpoint', 'artifacts']) await mkdir(join(folder, part), { recursive: true });
  await writeFile(join(folder, 'workspace', 'train.py'), lines.join('\n'));
  const run = `/runs/${name}`;
  const set = {
    PYTHONPATH: hooks,
    PUSHTUNE_EVENTS: `${run}/events.jsonl`,
    PUSHTUNE_CHECKPOINT: `${run}/checkpoint`,
    PUSHTUNE_ARTIFACTS: `${run}/artifacts`,
    PUSHTUNE_PRUNE: `${run}/prune`,
  };
  return {
    folder,
    async start(environment = {}) {
      const variables = Object.entries({ ...set, ...environment }).flatMap(([key, value]) => ['-e', `${key}=${value}`]);
      const program = asCommand === undefined ? ['-u', 'train.py'] : ['-c', asCommand];
      const command = ['exec', ...variables, '-w', `${run}/workspace`, agent.container.id, 'python', ...program];
      const child = spawn('docker', command, { stdio: ['ignore', 'pipe', 'pipe'] });
      const ended = new Promise<number | null>((resolve, reject) => child.on('close', resolve).on('error', reject));
      const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
      return { code: code === 137 ? -9 : code, stdout, stderr };
    },
    read: (path) => readFile(join(folder, path), 'utf8'),
  };
}
