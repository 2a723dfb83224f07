import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { engineOptions, engineVariables } from '../../src/container/engine-address.js';

describe('the address of the Docker engine', () => {
  it('is a socket or a host', () => {
    assert.deepEqual(engineOptions({ DOCKER_HOST: 'unix:///run/a.sock' }), { socketPath: '/run/a.sock' });
    assert.deepEqual(engineOptions({ DOCKER_HOST: 'tcp://engine:2375' }), {
      host: 'engine',
      port: '2375',
      protocol: 'http',
    });
    assert.deepEqual(engineOptions({ DOCKER_HOST: 'tcp://[::1]' }), { host: '::1', port: '2375', protocol: 'http' });
  });

  it('with TLS takes the certificates of DOCKER_CERT_PATH', () => {
    const folder = mkdtempSync(join(tmpdir(), 'pushtune-certificates-'));
    try {
      for (const name of ['ca', 'cert', 'key']) writeFileSync(join(folder, `${name}.pem`), name);
      const environment = { DOCKER_HOST: 'tcp://engine', DOCKER_TLS_VERIFY: '1', DOCKER_CERT_PATH: folder };
      const options = engineOptions(environment);
      assert.deepEqual([options.port, options.protocol], ['2376', 'https']);
      assert.deepEqual([`${options.ca}`, `${options.cert}`, `${options.key}`], ['ca', 'cert', 'key']);
      rmSync(join(folder, 'key.pem'));
      assert.throws(() => engineOptions(environment), /key\.pem can't be read; DOCKER_CERT_PATH names/);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('over ssh is refused, and what is no address as well', () => {
    assert.throws(() => engineOptions({ DOCKER_HOST: 'ssh://ada@engine' }), /does not see this host's folders/);
    assert.throws(() => engineOptions({ DOCKER_HOST: 'engine' }), /expected unix:\/\/.* or tcp:\/\//);
  });

  it('is told to programs that would not find it', () => {
    const podman = '/run/user/7/podman/podman.sock';
    const environment = { XDG_RUNTIME_DIR: '/run/user/7' };
    assert.deepEqual(
      engineVariables(environment, (path) => path === podman),
      { DOCKER_HOST: `unix://${podman}` },
    );
    assert.deepEqual(
      engineVariables(environment, () => true),
      {},
    );
    assert.deepEqual(
      engineVariables({ ...environment, DOCKER_HOST: 'tcp://engine' }, () => true),
      {},
    );
  });
});
