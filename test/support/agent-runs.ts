/** Runs that a test asks an agent for, through its files as a worker does. */
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { AgentContainer } from './agent-container.js';

export interface AgentResult {
  readonly exitCode: number | null;
  readonly signal: number | null;
  readonly reason: string;
  readonly starts: number;
  readonly seconds: number;
  readonly cpuSeconds?: number;
  readonly peakMemoryBytes?: number;
  readonly peakGpuMemoryBytes?: number;
}

export interface AgentEvent {
  readonly type: string;
  readonly warm?: string;
  readonly reason?: string;
  readonly modules?: readonly string[];
  readonly name?: string;
}

/** The run's folder on the host. */
export function runFolder({ folder }: AgentContainer, run: string): string {
  return join(folder, 'runs', run);
}

/** @param files path in the workspace → text */
export async function requestRun(
  agent: AgentContainer,
  run: string,
  files: Readonly<Record<string, string>>,
  settings: Readonly<Record<string, unknown>> = {},
): Promise<void> {
  const folder = runFolder(agent, run);
  for (const [path, text] of Object.entries(files)) {
    const whole = join(folder, 'workspace', path);
    await mkdir(dirname(whole), { recursive: true });
    await writeFile(whole, text);
  }
  const usual = { run, main: 'train.py', arguments: [], timeoutSeconds: 120, environment: {}, maximumStarts: 3 };
  await writeFile(join(folder, 'request.json'), JSON.stringify({ ...usual, ...settings }));
  // Under a name that the agent leaves alone until the file is whole.
  const request = join(agent.folder, 'agent', 'requests', run);
  await writeFile(join(dirname(request), `.${run}`), '');
  await rename(join(dirname(request), `.${run}`), request);
}

/** Waits for a file that the agent or the script makes; the container's log explains when it never comes. */
export async function appears({ container }: AgentContainer, path: string): Promise<string> {
  const deadline = Date.now() + 180_000;
  while (Date.now() < deadline) {
    const text = await readFile(path, 'utf8').catch(() => undefined);
    if (text !== undefined) return text;
    await delay(20);
  }
  throw new Error(`${path} did not appear: ${(await container.logs({ stdout: true, stderr: true })).toString()}`);
}

export async function resultOf(agent: AgentContainer, run: string): Promise<AgentResult> {
  return JSON.parse(await appears(agent, join(runFolder(agent, run), 'result.json')));
}

export async function logOf(agent: AgentContainer, run: string): Promise<string> {
  return readFile(join(runFolder(agent, run), 'log'), 'latin1');
}

export async function eventsOf(agent: AgentContainer, run: string): Promise<AgentEvent[]> {
  const text = await readFile(join(runFolder(agent, run), 'events.jsonl'), 'utf8');
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
}
