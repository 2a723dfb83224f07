/** `pushtune study …`: asks a running server through its HTTP API. */
import type { Config } from './config.js';

export interface StudyRequest {
  readonly action: 'pause' | 'resume' | 'extend';
  readonly id: string;
  /** What an extension adds. */
  readonly more?: { readonly trials?: number; readonly hours?: number; readonly patience?: number };
}

/** Where the server is, and what it takes for its owner. */
export interface Server {
  readonly url: string;
  readonly token: string;
}

/** The server refused, or can't be reached; the message says what to do. */
export class ServerError extends Error {
  override readonly name = 'ServerError';
}

/** The server that the configuration describes, where nothing else is said. */
export function serverOf(config: Config, { url, token }: Partial<Server> = {}): Server {
  const { host, port, url: publicUrl, token: configured } = config.server;
  const own = publicUrl === '' ? `http://${host}:${port}` : publicUrl;
  return { url: (url ?? own).replace(/\/+$/, ''), token: token ?? configured };
}

/**
 * Returns a line that says how the study stands.
 *
 * @throws {ServerError}
 */
export async function controlStudy(server: Server, { action, id, more = {} }: StudyRequest): Promise<string> {
  const address = `${server.url}/api/studies/${encodeURIComponent(id)}/${action}`;
  const response = await fetch(address, {
    method: 'POST',
    headers: { authorization: `Bearer ${server.token}`, 'content-type': 'application/json' },
    body: JSON.stringify(more),
  }).catch((error: unknown) => {
    throw new ServerError(
      `${server.url} does not answer; name the server with --server or PUSHTUNE_SERVER_URL: ${String(error)}`,
      { cause: error },
    );
  });
  const answer: unknown = await response.json().catch(() => undefined);
  if (!response.ok) throw new ServerError(errorIn(answer) ?? `${address} was answered with ${response.status}`);
  return describe(answer);
}

function errorIn(answer: unknown): string | undefined {
  return isRecord(answer) && typeof answer.error === 'string' ? answer.error : undefined;
}

function describe(answer: unknown): string {
  if (!isRecord(answer) || !isRecord(answer.budget)) throw new ServerError('the server did not answer with a study');
  const { id, state, budget, trials } = answer;
  const count = Array.isArray(trials) ? trials.length : 0;
  return `${id} is ${state}: ${count} of ${budget.trials} trials, ${budget.hours} hours, patience ${budget.patience}`;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
