/** How git is called: never with a prompt, never with a credential in a URL, an argument, a log or an error. */
import { spawn } from 'node:child_process';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type SimpleGit, simpleGit } from 'simple-git';

/** How the host of a repository is convinced. */
export interface GitCredentials {
  readonly token?: string;
  /** Path of a private key. */
  readonly sshKey?: string;
}

/** git failed; the message is git's own, without credentials. */
export class GitError extends Error {
  override readonly name = 'GitError';
}

/** Seconds without any output after which a git command counts as hung. */
const silenceLimit = 120;

/** What a child process needs from the environment; nothing else of the server's reaches git or its helpers. */
const inherited = ['PATH', 'HOME', 'USER', 'LANG', 'LC_ALL', 'TMPDIR', 'SSH_AUTH_SOCK'];
/** Proxies and certificate authorities that the machine's administrator set. */
const network = ['http_proxy', 'https_proxy', 'no_proxy', 'HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY', 'ALL_PROXY'];
const trust = ['SSL_CERT_FILE', 'SSL_CERT_DIR', 'CURL_CA_BUNDLE', 'GIT_SSL_CAINFO', 'GIT_SSL_CAPATH'];

/** Everything git may be told through the environment here; simple-git strips what is not listed. */
const allowed = [
  'GIT_ALLOW_PROTOCOL',
  'GIT_ASKPASS',
  'GIT_ATTR_NOSYSTEM',
  'GIT_CONFIG_GLOBAL',
  'GIT_CONFIG_NOSYSTEM',
  'GIT_INDEX_FILE',
  'GIT_SSH_COMMAND',
  'GIT_SSL_CAINFO',
  'GIT_SSL_CAPATH',
  'GIT_TERMINAL_PROMPT',
  'GIT_WORK_TREE',
];

/** For commands that stay inside the mirror: no configuration of the machine (filters, hooks, aliases) has a say. */
export function localGit(directory: string, environment: Readonly<Record<string, string>> = {}): SimpleGit {
  return simpleGit({
    baseDir: directory,
    allowEnvironment: allowed,
    // GIT_CONFIG_GLOBAL points at nothing here; simple-git can't know that it takes power away.
    unsafe: { allowUnsafeConfigPaths: true },
  }).env(localEnvironment(environment));
}

/**
 * As {@link localGit}, for commands that read their work from standard input, which simple-git can't give them.
 *
 * @returns what the command printed
 * @throws {GitError} with git's own message
 */
export async function localGitWithInput(
  directory: string,
  parameters: readonly string[],
  input: string | Uint8Array,
  environment: Readonly<Record<string, string>> = {},
): Promise<Buffer> {
  const child = spawn('git', parameters, { cwd: directory, env: localEnvironment(environment) });
  const output: Buffer[] = [];
  const errors: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => output.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => errors.push(chunk));
  // Git may end before it has read everything; its exit code tells.
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  const code = await new Promise((resolve, reject) => child.once('error', reject).once('close', resolve));
  if (code !== 0) throw gitError(`git ${parameters[0]} failed`, Buffer.concat(errors).toString('utf8'));
  return Buffer.concat(output);
}

/**
 * As {@link localGit}, for commands that print nothing: simple-git waits for another 50 ms after those have ended, in
 * case something were still to come.
 *
 * @throws {GitError} with git's own message
 */
export async function silentGit(
  directory: string,
  parameters: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<void> {
  await localGitWithInput(directory, parameters, '', environment);
}

function localEnvironment(environment: Readonly<Record<string, string>>): Record<string, string> {
  return {
    ...pick(inherited),
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_ATTR_NOSYSTEM: '1',
    ...environment,
  };
}

/**
 * For fetch, push and ls-remote, which are not to be quiet: simple-git waits for another 50 ms after commands that have
 * printed nothing. `helpers` is a folder in which the password helper may be written.
 */
export async function remoteGit(directory: string, credentials: GitCredentials, helpers: string): Promise<SimpleGit> {
  return simpleGit({
    baseDir: directory,
    allowEnvironment: allowed,
    // The helper and the ssh command are made here, from the server's own configuration; nothing of a payload or a
    // repository reaches them.
    unsafe: { allowUnsafeAskPass: true, allowUnsafeSshCommand: true },
    timeout: { block: silenceLimit * 1000 },
  }).env({
    ...pick([...inherited, ...network, ...trust]),
    GIT_ALLOW_PROTOCOL: 'https:http:ssh:file',
    GIT_TERMINAL_PROMPT: '0',
    ...(await askpass(credentials, helpers)),
    ...sshCommand(credentials),
  });
}

/** The token travels in the environment of git's own process, where no process list and no error shows it. */
async function askpass(credentials: GitCredentials, helpers: string): Promise<Record<string, string>> {
  if (credentials.token === undefined) return {};
  const helper = join(helpers, 'git-askpass');
  await mkdir(helpers, { recursive: true });
  await writeFile(helper, askpassScript);
  await chmod(helper, 0o700);
  return { GIT_ASKPASS: helper, PUSHTUNE_GIT_TOKEN: credentials.token };
}

/** GitHub takes any user name beside a token, and `x-access-token` beside the token of an App. */
const askpassScript = `#!/bin/sh
case "$1" in
  Username*) echo x-access-token ;;
  *) printf '%s\\n' "$PUSHTUNE_GIT_TOKEN" ;;
esac
`;

function sshCommand(credentials: GitCredentials): Record<string, string> {
  const key =
    credentials.sshKey === undefined
      ? ''
      : ` -i '${credentials.sshKey.replaceAll("'", `'\\''`)}' -o IdentitiesOnly=yes`;
  return { GIT_SSH_COMMAND: `ssh${key} -o BatchMode=yes -o StrictHostKeyChecking=accept-new` };
}

function pick(names: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = process.env[name];
      return value === undefined ? [] : [[name, value] as const];
    }),
  );
}

/** Wraps what simple-git throws, and takes passwords out of URLs that git repeats. */
export function gitError(what: string, cause: unknown): GitError {
  const message = cause instanceof Error ? cause.message : String(cause);
  return new GitError(`${what}: ${message.trim().replace(/\/\/[^/@\s]+@/g, '//')}`, { cause });
}
