/** The TensorFlow image as a person makes and uses it, with nothing of Pushtune but the folder of its Dockerfile. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { chmod, cp, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import Docker from 'dockerode';
import { ensureEnvironmentImage, environmentPackages, environmentWheels } from '../../src/container/images.js';
import { packageRoot } from '../../src/package-root.js';
import { until } from '../support/pushtune.js';

/** Stays after the test: the next one then finds its layers, and need not install TensorFlow again. */
const image = 'pushtune/by-hand:test';
const token = 'a-token-of-the-test';
const context = join(packageRoot(), 'docker', 'tensorflow');

describe('Image by hand', () => {
  let folder: string;
  let index: Server;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'pushtune-by-hand-'));
    await chmod(folder, 0o755);
    const docker = new Docker();
    const options = { dataDirectory: join(packageRoot(), 'data'), onProgress: () => {} };
    // Makes the base image where it is missing.
    await ensureEnvironmentImage(docker, { environment: 'tensorflow', ...options });
    index = await serveWheels(await environmentWheels(docker, await environmentPackages('tensorflow', false), options));
    // Of the folder alone, as somebody has it who copied no more than that.
    const alone = join(folder, 'tensorflow');
    await cp(context, alone, { recursive: true });
    await buildByHand(alone, (index.address() as AddressInfo).port);
  });

  after(async () => {
    index?.close();
    await rm(folder, { recursive: true, force: true });
  });

  it('has a BASE argument with a default', async () => {
    assert.match(await readFile(join(context, 'Dockerfile'), 'utf8'), /^ARG BASE=python:3\.11-slim$/m);
  });

  it('trains a mounted repository at once', async () => {
    const repository = join(folder, 'repository');
    await cp(join(packageRoot(), 'model'), repository, { recursive: true });
    const printed = await docker('run', '--rm', '--network', 'none', '-v', `${repository}:/workspace`, image);
    assert.match(printed, /Test accuracy: 0\.\d+/);
  });

  for (const [what, flags] of [
    ['the image’s own user', []],
    ['the user that docker run names', ['--user', '12345:12345']],
  ] as const) {
    it(`answers 200 at a published notebook port with its token, as ${what}`, async () => {
      const options = ['--publish', '127.0.0.1::8888', '--env', `JUPYTER_TOKEN=${token}`, ...flags];
      const id = (await docker('run', '--detach', ...options, image, 'jupyter', 'notebook')).trim();
      try {
        const url = `http://${(await docker('port', id, '8888')).trim()}/api/contents`;
        const status = (query: string) => async () =>
          // A connection that was made before the server listened is never answered.
          fetch(`${url}${query}`, { signal: AbortSignal.timeout(2000) }).then(
            (answer) => answer.status,
            () => undefined,
          );
        assert.equal(await until('the notebook server answers', status(`?token=${token}`), 60), 200);
        assert.equal(await status('?token=another')(), 403);
        const users = (await docker('top', id, '-eo', 'pid,uid,args')).trim().split('\n').slice(1);
        assert.ok(users.some((line) => line.includes('jupyter')));
        for (const line of users) assert.doesNotMatch(line, /^\d+\s+0\s/);
      } finally {
        await docker('rm', '--force', id);
      }
    });
  }

  it('says what a notebook server can’t do in a repository that is root’s', async (test) => {
    if (process.getuid?.() !== 0) return test.skip('only root owns folders of root');
    const repository = await mkdtemp(join(folder, 'root-'));
    const command = ['run', '--rm', '-v', `${repository}:/workspace`, image, 'jupyter', '--version'];
    const { stderr } = await promisify(execFile)('docker', command);
    assert.match(stderr, /\/workspace belongs to root.*chown/);
  });
});

async function docker(...parameters: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)('docker', parameters, { maxBuffer: 64 * 1024 ** 2 });
  return stdout;
}

async function buildByHand(alone: string, port: number): Promise<void> {
  const script = await readFile(join(packageRoot(), 'docker', 'base', 'build'));
  const base = `pushtune/base:${createHash('sha256').update(script).digest('hex').slice(0, 12)}`;
  const settings = {
    BASE: base,
    // A proxy's address does not count when the builder looks for a layer that it has made before; an index's does.
    http_proxy: `http://127.0.0.1:${port}`,
    PIP_NO_INDEX: '1',
    PIP_FIND_LINKS: 'http://wheels.example/',
    PIP_TRUSTED_HOST: 'wheels.example',
  };
  const given = Object.entries(settings).flatMap(([name, value]) => ['--build-arg', `${name}=${value}`]);
  await docker('build', '--network', 'host', '--tag', image, ...given, alone);
}

/** A proxy that knows one address: a page with links to the wheels. */
async function serveWheels(folder: string): Promise<Server> {
  const names = await readdir(folder);
  const server = createServer(({ url = '/' }, response) => {
    const name = basename(decodeURIComponent(new URL(url, 'http://wheels.example').pathname));
    if (names.includes(name)) {
      createReadStream(join(folder, name)).pipe(response);
      return;
    }
    response.setHeader('content-type', 'text/html');
    response.end(names.map((wheel) => `<a href="/${encodeURIComponent(wheel)}">${wheel}</a>`).join('\n'));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}
