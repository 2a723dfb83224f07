import assert from 'node:assert/strict';
import { networkInterfaces } from 'node:os';
import { after, before, describe, it } from 'node:test';
import { ConfigError, defaultConfig, parseConfig } from '../../src/config.js';
import { assertReadyToServe } from '../../src/server.js';
import { askServer, serverOf } from '../../src/server-client.js';
import { freePort, startPushtune, type TestServer, untilEnded } from '../support/pushtune.js';

/** An address of this machine that others may reach; there is none without a network. */
const outside = Object.values(networkInterfaces())
  .flatMap((addresses) => addresses ?? [])
  .find(({ family, internal }) => family === 'IPv4' && !internal)?.address;

describe('Closed by default: the server', () => {
  it('listens on 127.0.0.1, and on any other address only with a read token or public: true', () => {
    assert.equal(defaultConfig().server.host, '127.0.0.1');
    for (const host of ['127.0.0.1', '127.1.2.3', '::1', 'localhost'])
      assertReadyToServe(parseConfig({ server: { host } }, 'f'));
    for (const host of ['0.0.0.0', '::', '192.0.2.1', 'pushtune.example.org', '127.0.0.1.example.org']) {
      assert.throws(
        () => assertReadyToServe(parseConfig({ server: { host } }, 'f')),
        (error) => error instanceof ConfigError && /PUSHTUNE_SERVER_READ_TOKEN.*server\.public/.test(error.message),
        host,
      );
      assertReadyToServe(parseConfig({ server: { host, read_token: 'r' } }, 'f'));
      assertReadyToServe(parseConfig({ server: { host, public: true } }, 'f'));
    }
  });
});

describe('Closed by default: with a read token', () => {
  const tokens = { read_token: 'to-look', token: 'to-change' };
  let server: TestServer;
  let run: string;
  let study: string;
  before(async () => {
    server = await startPushtune({ server: { ...tokens, host: outside ?? '127.0.0.1', port: await freePort() } });
    const sha = await server.push({ 'train.py': 'import numpy\nprint("accuracy: 0.9")\n' });
    ({ id: run, study } = await untilEnded(server, sha));
  });
  after(() => server.close());

  async function ask(path: string, token?: string, method = 'GET'): Promise<Response> {
    return fetch(`${server.url}${path}`, {
      method,
      ...(token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } }),
    });
  }

  it('pages, runs, logs and studies are for those who send it, or the token to change', async () => {
    const paths = ['/status', '/api/runs', `/api/runs/${run}`, `/api/runs/${run}/log`, `/api/studies/${study}`];
    for (const path of paths) {
      const refused = await ask(path);
      assert.equal(refused.status, 401, path);
      assert.equal(refused.headers.get('www-authenticate'), 'Bearer realm="pushtune"');
      assert.match(((await refused.json()) as { error: string }).error, /server\.read_token/);
      assert.equal((await ask(path, 'to-look-')).status, 401, path);
      assert.equal((await ask(`${path}?token=to-look`)).status, 401, path);
      for (const token of Object.values(tokens)) assert.equal((await ask(path, token)).status, 200, path);
    }
  });

  it('changes nothing for those who may only look', async () => {
    assert.equal((await ask('/api/runs', undefined, 'POST')).status, 401);
    assert.equal((await ask('/api/runs', 'to-look', 'POST')).status, 401);
    assert.equal((await ask(`/api/studies/${study}/pause`, 'to-look', 'POST')).status, 401);
  });

  it('health, readiness and the webhook stay open', async () => {
    assert.equal((await ask('/healthz')).status, 200);
    assert.equal((await ask('/readyz')).status, 200);
    // The signature is asked for, and nothing else.
    assert.match(await (await ask('/webhooks/github', undefined, 'POST')).text(), /X-Hub-Signature-256/);
  });

  it('is what commands send', async () => {
    const answer = await askServer(
      serverOf({ ...server.config, server: { ...server.config.server, token: '' } }),
      '/api/runs',
    );
    assert.equal((answer as { runs: unknown[] }).runs.length, 1);
  });
});
