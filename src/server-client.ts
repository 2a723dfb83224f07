/** How commands ask a running server: through its HTTP API. */
import { z } from 'zod';
import type { Config } from './config.js';

/** Where the server is, and what it takes for its owner. */
export interface Server {
  /** Without a slash at the end. */
  readonly url: string;
  /** Empty: none. */
  readonly token: string;
}

/** The server refused, or can't be reached; the message says what to do. */
export class ServerError extends Error {
  override readonly name = 'ServerError';
}

/** The server that the configuration describes, where nothing else is said. */
export function serverOf(config: Config, stated: { readonly server?: string; readonly token?: string } = {}): Server {
  const { host, port, url, token, read_token: readToken } = config.server;
  const own = url === '' ? `http://${host}:${port}` : url;
  return { url: (stated.server ?? own).replace(/\/+$/, ''), token: stated.token ?? (token === '' ? readToken : token) };
}

const refusal = z.object({ error: z.string() });

/**
 * Gets what stands at a path, or posts a body to it as the server's owner.
 *
 * @returns the answer's JSON; undefined when it is none
 * @throws {ServerError}
 */
export async function askServer({ url, token }: Server, path: string, body?: object): Promise<unknown> {
  const authorization = token === '' ? {} : { authorization: `Bearer ${token}` };
  const post = {
    method: 'POST',
    headers: { ...authorization, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  };
  const response = await fetch(`${url}${path}`, body === undefined ? { headers: authorization } : post).catch(
    (cause: unknown) => {
      throw new ServerError(
        `${url} does not answer; name the server with --server or PUSHTUNE_SERVER_URL: ${String(cause)}`,
        { cause },
      );
    },
  );
  const answer: unknown = await response.json().catch(() => undefined);
  if (response.ok) return answer;
  throw new ServerError(refusal.safeParse(answer).data?.error ?? `${url}${path} was answered with ${response.status}`);
}
