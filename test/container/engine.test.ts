import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { it } from 'node:test';
import Docker from 'dockerode';
import { doesEngineAnswer, isEngineAway } from '../../src/container/engine.js';

async function failure(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => assert.fail('it should fail'),
    (error: unknown) => error,
  );
}

function connection(path: string): Promise<unknown> {
  return new Promise((resolve, reject) => connect(path).once('connect', resolve).once('error', reject));
}

it('knows an engine that is away from one that said no, whatever wraps the error', async () => {
  const away = await failure(connection('/nowhere/docker.sock'));
  assert.ok(isEngineAway(away));
  assert.ok(isEngineAway(new Error('the container can’t be started', { cause: away })));
  assert.ok(!isEngineAway(await failure(readFile('/nowhere/file'))), 'a missing file is not a missing engine');
  assert.ok(!isEngineAway(Object.assign(new Error('no such image'), { statusCode: 404 })));
  assert.ok(!isEngineAway('ECONNREFUSED'));
});

it('asks whether the engine answers', async () => {
  assert.equal(await doesEngineAnswer(new Docker({ socketPath: '/nowhere/docker.sock' })), false);
});
