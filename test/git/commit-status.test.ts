import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { inspect } from 'node:util';
import { type Config, parseConfig, type RepositorySettings } from '../../src/config.js';
import { type CommitStatus, statusReporter } from '../../src/git/commit-status.js';

const token = 'ghp_a0token0of0the0tests';
const status: CommitStatus = {
  sha: '4f6a8c0e2b4d6f8a0c2e4f6a8b0d2f4a6c8e0b2d',
  context: 'pushtune/train',
  state: 'success',
  description: 'train succeeded',
  url: 'https://tune.example.com/api/runs/01K',
};

interface Received {
  readonly request: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Record<string, unknown>;
}

/** Answers as https://docs.github.com/rest/commits/statuses#create-a-commit-status; refuses what GitHub refuses. */
async function gitHub(
  context: TestContext,
  refusal?: { readonly code: number; readonly message: string },
): Promise<{ readonly url: string; readonly received: Received[] }> {
  const received: Received[] = [];
  const server = createServer(async (request, response) => {
    const body = JSON.parse(await text(request)) as Record<string, unknown>;
    received.push({ request: `${request.method} ${request.url}`, headers: request.headers, body });
    response.setHeader('content-type', 'application/json; charset=utf-8');
    if (refusal !== undefined) {
      response.statusCode = refusal.code;
      response.end(JSON.stringify({ message: refusal.message, documentation_url: 'https://docs.github.com/rest' }));
      return;
    }
    response.statusCode = 201;
    response.end(JSON.stringify({ id: received.length, ...body, creator: { login: 'pushtune[bot]' } }));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  context.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, received };
}

function configFor(github: Readonly<Record<string, unknown>>, own: Readonly<Record<string, unknown>> = {}): Config {
  return parseConfig({ github, repositories: [{ name: 'ada/digits', ...own }, { name: 'grace/letters' }] }, 'the test');
}

async function report(config: Config, change: Partial<CommitStatus> = {}, index = 0): Promise<void> {
  const reporter = statusReporter(config);
  assert.ok(reporter);
  await reporter(repositoryAt(config, index), { ...status, ...change });
}

function repositoryAt(config: Config, index: number): RepositorySettings {
  const repository = config.repositories[index];
  assert.ok(repository);
  return repository;
}

test('a status goes to the commit with its context, state, description and link', async (context) => {
  const { url, received } = await gitHub(context);
  await report(configFor({ api_url: url, token }));
  assert.equal(received.length, 1);
  assert.equal(received[0]?.request, `POST /repos/ada/digits/statuses/${status.sha}`);
  assert.deepEqual(received[0]?.body, {
    context: 'pushtune/train',
    state: 'success',
    description: 'train succeeded',
    target_url: status.url,
  });
});

test('the token travels in the header and nowhere else', async (context) => {
  const { url, received } = await gitHub(context);
  await report(configFor({ api_url: url, token }));
  assert.equal(received[0]?.headers.authorization, `token ${token}`);
  assert.ok(!received[0]?.request.includes(token) && !JSON.stringify(received[0]?.body).includes(token));
});

test("a repository's own token comes before the server's, and stays with that repository", async (context) => {
  const { url, received } = await gitHub(context);
  const config = configFor({ api_url: url, token }, { token: 'its-own' });
  const reporter = statusReporter(config);
  assert.ok(reporter);
  for (const index of [0, 1, 0]) await reporter(repositoryAt(config, index), status);
  assert.deepEqual(
    received.map(({ request, headers }) => `${request.split('/')[3]} ${headers.authorization}`),
    ['digits token its-own', `letters token ${token}`, 'digits token its-own'],
  );
});

for (const path of ['/api/v3', '/api/v1', '/api/v3/']) {
  test(`the API may lie below a path, such as ${path} of another host`, async (context) => {
    const { url, received } = await gitHub(context);
    await report(configFor({ api_url: `${url}${path}`, token }));
    const base = path.replace(/\/$/, '');
    assert.equal(received[0]?.request, `POST ${base}/repos/ada/digits/statuses/${status.sha}`);
  });
}

test('a description is one line of at most 140 characters, as GitHub demands', async (context) => {
  const { url, received } = await gitHub(context);
  const config = configFor({ api_url: url, token });
  await report(config, { description: 'x'.repeat(140) });
  await report(config, { description: 'x'.repeat(141) });
  await report(config, { description: 'train.py ended with exit code 1:\n\n  Traceback\n' });
  assert.deepEqual(
    received.map(({ body }) => body.description),
    ['x'.repeat(140), `${'x'.repeat(139)}…`, 'train.py ended with exit code 1: Traceback'],
  );
});

test('a description is never cut within a character', async (context) => {
  const { url, received } = await gitHub(context);
  const config = configFor({ api_url: url, token });
  for (const start of ['', 'x']) await report(config, { description: start + '🙂'.repeat(100) });
  for (const { body } of received) {
    const description = String(body.description);
    assert.ok([...description].length <= 140);
    // Half of a surrogate pair can't be encoded.
    assert.doesNotThrow(() => encodeURIComponent(description));
  }
});

test('each outcome of a stage is reported under its own name', async (context) => {
  const { url, received } = await gitHub(context);
  const config = configFor({ api_url: url, token });
  for (const state of ['pending', 'success', 'failure', 'error'] as const) await report(config, { state });
  assert.deepEqual(
    received.map(({ body }) => body.state),
    ['pending', 'success', 'failure', 'error'],
  );
});

for (const [code, message] of [
  [401, 'Bad credentials'],
  [403, 'Resource not accessible by personal access token'],
  [404, 'Not Found'],
  [422, 'No commit found for SHA'],
  [503, 'Service Unavailable'],
] as const) {
  test(`a refusal with ${code} is an error with what the host said, without the token, tried once`, async (context) => {
    const { url, received } = await gitHub(context, { code, message });
    await assert.rejects(report(configFor({ api_url: url, token })), (error: Error) => {
      assert.ok(error.message.includes(message), error.message);
      assert.ok(!inspect(error, { depth: 10 }).includes(token));
      return true;
    });
    // The queue behind it tries again, with its own patience.
    assert.equal(received.length, 1);
  });
}

test('a host that is down is an error without the token', async () => {
  await assert.rejects(report(configFor({ api_url: 'http://127.0.0.1:1', token })), (error: Error) => {
    assert.ok(!inspect(error, { depth: 10 }).includes(token));
    return true;
  });
});

test('nothing is reported where it is switched off, or where there is no token at all', () => {
  assert.equal(statusReporter(configFor({ token, statuses: false })), undefined);
  assert.equal(statusReporter(configFor({})), undefined);
  assert.notEqual(statusReporter(configFor({ token })), undefined);
  assert.notEqual(statusReporter(configFor({}, { token })), undefined);
});

test('a repository without a token is left alone when only another one has its own', async (context) => {
  const { url, received } = await gitHub(context);
  await report(configFor({ api_url: url }, { token: 'its-own' }), {}, 1);
  assert.deepEqual(received, []);
});
