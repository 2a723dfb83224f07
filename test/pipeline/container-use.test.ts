import assert from 'node:assert/strict';
import { it } from 'node:test';
import { desiredState, isIdle, needsContainer } from '../../src/pipeline/container-use.js';
import { finishStage, newRun, type Run, startStage } from '../../src/pipeline/run.js';

const at = '2026-01-01T00:00:00.000Z';

it('leaves a container of which nothing is known as it is', () => {
  assert.equal(desiredState(undefined, true), 'running');
  assert.equal(desiredState(undefined, false), 'stopped');
  assert.equal(desiredState({ desired: 'running', usedAt: at }, false), 'running');
  assert.equal(desiredState({ desired: 'stopped', usedAt: at }, true), 'stopped');
});

it('needs a container from the build until the training has ended', () => {
  const build = { main: 'train.py', environment: 'sklearn', image: 'i', container: 'c' };
  const known = { id: 'r', repository: 'a/b', branch: 'main', sha: '', message: '', study: 's', trial: 0 };
  const waiting: Run = { ...newRun({ ...known, cause: 'push', createdAt: at }), number: 1 };
  assert.ok(!needsContainer(waiting, 'c'), 'not built yet');
  const built = finishStage(waiting, 'build', at, { build });
  assert.ok(needsContainer(built, 'c'));
  assert.ok(!needsContainer(built, 'd'));
  const training = startStage(built, 'train', at);
  assert.ok(needsContainer(training, 'c'));
  assert.ok(!needsContainer(finishStage(training, 'train', at), 'c'));
});

it('idles after the configured time, or never', () => {
  assert.ok(isIdle(0, 60_000, 60));
  assert.ok(!isIdle(0, 59_999, 60));
  assert.ok(!isIdle(0, 1e12, 0));
});
