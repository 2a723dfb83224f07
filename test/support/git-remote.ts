/** A git host for tests: a bare repository, served over real HTTP through git's own backend, with a token if wanted. */
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

export interface GitRemote {
  /** The bare repository's folder. */
  readonly path: string;
  /** A folder for mirrors and other files of the test. */
  readonly folder: string;
  /** Commits files to a branch as a person would, and returns the SHA. */
  commit(files: Readonly<Record<string, string | Buffer>>, branch?: string): string;
  /** Git in the bare repository. */
  git(...parameters: string[]): string;
  /** The same with variables in the environment. */
  gitWith(environment: Readonly<Record<string, string>>, ...parameters: string[]): string;
  /** Serves the repository; with a token, only to those who send it as password. */
  serve(token?: string): Promise<{ readonly url: string; close(): Promise<void> }>;
  remove(): void;
}

export function makeGitRemote(): GitRemote {
  const folder = mkdtempSync(join(tmpdir(), 'pushtune-git-'));
  const path = join(folder, 'remote.git');
  const clone = join(folder, 'person');
  run(folder, 'init', '--quiet', '--bare', '--initial-branch=main', path);
  run(path, 'config', 'http.receivepack', 'true');
  run(folder, 'clone', '--quiet', path, clone);

  return {
    path,
    folder,
    git: (...parameters) => run(path, ...parameters),
    gitWith: (environment, ...parameters) =>
      execFileSync('git', parameters, { cwd: path, encoding: 'utf8', env: { ...process.env, ...environment } }),
    commit(files, branch = 'main') {
      if (run(clone, 'ls-remote', 'origin', branch) === '') run(clone, 'checkout', '--quiet', '-B', branch);
      else {
        run(clone, 'fetch', '--quiet', 'origin', branch);
        run(clone, 'checkout', '--quiet', '-B', branch, 'FETCH_HEAD');
      }
      for (const [name, content] of Object.entries(files)) {
        mkdirSync(dirname(join(clone, name)), { recursive: true });
        writeFileSync(join(clone, name), content);
      }
      run(clone, 'add', '--all');
      run(
        clone,
        '-c',
        'user.name=Ada',
        '-c',
        'user.email=ada@example.org',
        'commit',
        '--quiet',
        '--allow-empty',
        '-m',
        'a change',
      );
      run(clone, 'push', '--quiet', 'origin', branch);
      return run(clone, 'rev-parse', 'HEAD').trim();
    },
    async serve(token) {
      const server = createServer((request, response) => answer(request, response, folder, token));
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const address = server.address();
      if (address === null || typeof address === 'string') throw new Error('the git host has no port');
      return {
        url: `http://127.0.0.1:${address.port}/remote.git`,
        close: () => new Promise((resolve) => server.close(() => resolve())),
      };
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** CGI as `man git-http-backend` describes it. */
function answer(request: IncomingMessage, response: ServerResponse, root: string, token: string | undefined): void {
  const password = Buffer.from(request.headers.authorization?.replace('Basic ', '') ?? '', 'base64')
    .toString()
    .split(':')[1];
  if (token !== undefined && password !== token) {
    response.writeHead(401, { 'www-authenticate': 'Basic realm="test"' }).end('no');
    return;
  }
  const url = new URL(request.url ?? '/', 'http://127.0.0.1');
  const backend = spawn('git', ['http-backend'], {
    env: {
      PATH: process.env.PATH,
      GIT_PROJECT_ROOT: root,
      GIT_HTTP_EXPORT_ALL: '1',
      PATH_INFO: url.pathname,
      QUERY_STRING: url.search.slice(1),
      REQUEST_METHOD: request.method,
      CONTENT_TYPE: request.headers['content-type'],
      HTTP_CONTENT_ENCODING: request.headers['content-encoding'],
      REMOTE_USER: 'tester',
    },
  });
  request.pipe(backend.stdin);
  const chunks: Buffer[] = [];
  backend.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  backend.on('close', () => {
    const output = Buffer.concat(chunks);
    const end = output.indexOf('\r\n\r\n');
    for (const line of output.subarray(0, end).toString().split('\r\n')) {
      const [name = '', value = ''] = line.split(': ');
      if (name === 'Status') response.statusCode = Number(value.slice(0, 3));
      else response.setHeader(name, value);
    }
    response.end(output.subarray(end + 4));
  });
}

function run(folder: string, ...parameters: string[]): string {
  return execFileSync('git', parameters, { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}
