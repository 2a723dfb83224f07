import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { after, before, beforeEach, describe, it } from 'node:test';
import type { LightMyRequestResponse } from 'fastify';
import { newRun, startStage } from '../../src/pipeline/run.js';
import { endStudy, newStudy, recordTrial, type Study } from '../../src/pipeline/study.js';
import { ServerError } from '../../src/server-client.js';
import { reopenRun, updateRun } from '../../src/store/runs.js';
import { newId, startRun } from '../../src/store/start-run.js';
import { claimBranch, createStudy, getStudy, updateStudy } from '../../src/store/studies.js';
import { controlStudy } from '../../src/study-client.js';
import { type HttpServer, openHttpServer } from './test-server.js';

const token = 'a token of the tests';
const at = '2026-03-14T10:00:00.000Z';
const repository = 'ada/digits';

let server: HttpServer;
let head: string;
before(async () => {
  server = await openHttpServer((folder) => ({
    server: { token },
    repositories: [{ name: repository, url: join(folder, 'remote.git') }],
  }));
  const git = (...parameters: string[]): string =>
    execFileSync('git', ['-c', 'user.name=Ada', '-c', 'user.email=ada@example.org', ...parameters], {
      cwd: server.folder,
      encoding: 'utf8',
    });
  git('init', '--quiet', '--bare', '--initial-branch=main', 'remote.git');
  git('clone', '--quiet', 'remote.git', 'clone');
  git('-C', 'clone', 'commit', '--quiet', '--allow-empty', '-m', 'a person writes');
  git('-C', 'clone', 'push', '--quiet', 'origin', 'HEAD:main');
  head = git('-C', 'clone', 'rev-parse', 'HEAD').trim();
});
after(() => server.close());
beforeEach(() => server.forget());

/** A study whose first trial was measured, below its target, and whose run is at its tune stage. */
async function measuredStudy(change: (study: Study) => Study = (study) => study): Promise<Study> {
  const { redis } = server.store;
  const study = newStudy({
    id: newId(),
    repository,
    branch: 'main',
    baseSha: head,
    createdAt: at,
    mode: 'max',
    target: 0.8,
    budget: { trials: 1, hours: 1e6, patience: 15 },
  });
  const run = {
    id: newId(),
    repository,
    branch: 'main',
    sha: head,
    cause: 'push',
    message: '',
    study: study.id,
  } as const;
  const { id } = await startRun(server.store, { ...run, trial: 0, createdAt: at }, { push: {} });
  const metric = { name: 'val_accuracy', value: 0.5, source: 'log' };
  const trial = { number: 0, run: id, sha: head, values: {}, state: 'completed', metric } as const;
  const changed = change(recordTrial(study, trial));
  await createStudy(redis, changed);
  await claimBranch(redis, changed);
  await updateRun(redis, id, (current) => ({
    ...startStage(current, 'tune', at),
    host: 'here',
    stages: { ...newRun({ ...run, trial: 0, createdAt: at }).stages, ...doneStages },
  }));
  return changed;
}

const done = { state: 'succeeded' } as const;
const doneStages = { pull: done, build: done, train: done, evaluate: done };

function ended(study: Study): Study {
  return endStudy(study, 'budget_ended', at, 'all 1 trials are used');
}

async function endRunOf(study: Study): Promise<string> {
  const id = study.trials[0]?.run ?? '';
  await updateRun(server.store.redis, id, (run) => ({ ...run, state: 'succeeded', finishedAt: at }));
  return id;
}

function post(id: string, action: string, payload?: object, bearer = token): Promise<LightMyRequestResponse> {
  return server.app.inject({
    method: 'POST',
    url: `/api/studies/${id}/${action}`,
    headers: { authorization: `Bearer ${bearer}` },
    ...(payload === undefined ? {} : { payload }),
  });
}

describe('POST /api/studies/:id/pause and resume', () => {
  it('want the token, and a study that is there', async () => {
    const study = await measuredStudy();
    for (const action of ['pause', 'resume', 'extend']) {
      assert.equal((await post(study.id, action, { trials: 1 }, 'wrong')).statusCode, 401);
      assert.equal((await post('nothing', action, { trials: 1 })).statusCode, 404);
    }
    assert.deepEqual(await getStudy(server.store.redis, study.id), study);
  });

  it('stop the study and have it go on, each time to the same', async () => {
    const study = await measuredStudy();
    for (const _time of [1, 2]) {
      const answer = await post(study.id, 'pause');
      assert.deepEqual([answer.statusCode, answer.json().state], [200, 'paused']);
    }
    for (const _time of [1, 2]) {
      const answer = await post(study.id, 'resume');
      assert.deepEqual([answer.statusCode, answer.json().state], [200, 'running']);
    }
    assert.ok(await server.store.queues.hasStage(study.trials[0]?.run ?? '', 'tune', 'here'), 'its stage is queued');
  });

  it('have git told how the study stands', async () => {
    const study = await measuredStudy();
    for (const [action, count] of [
      ['pause', 1],
      ['resume', 2],
      ['extend', 3],
    ] as const) {
      await post(study.id, action, { trials: 1 });
      const jobs = await server.store.queues.get('notes').getJobs();
      assert.deepEqual(
        jobs.map(({ data }) => data.study),
        Array(count).fill(study.id),
      );
    }
  });

  it('have a stage that waits for the resumption look at once', async () => {
    const study = await measuredStudy();
    await post(study.id, 'pause');
    const run = study.trials[0]?.run ?? '';
    const queue = server.store.queues.get('tune.here');
    await queue.add('tune', { run }, { jobId: `${run}-tune`, delay: 3_600_000 });
    await post(study.id, 'resume');
    assert.equal(await queue.getJobState(`${run}-tune`), 'waiting');
  });

  it('say in a sentence why an ended study can be neither', async () => {
    const study = await measuredStudy(ended);
    for (const action of ['pause', 'resume']) {
      const answer = await post(study.id, action);
      assert.equal(answer.statusCode, 409);
      assert.match(answer.json().error, /^the study has ended with its budget \(all 1 trials are used\); /);
    }
  });
});

describe('POST /api/studies/:id/extend', () => {
  it('opens a study that its budget ended, and the tune stage of its last run', async () => {
    const study = await measuredStudy(ended);
    const run = await endRunOf(study);
    const answer = await post(study.id, 'extend', { trials: 2 });
    assert.equal(answer.statusCode, 200);
    assert.deepEqual([answer.json().state, answer.json().budget.trials], ['running', 3]);
    assert.ok(await server.store.queues.hasStage(run, 'tune', 'here', 1));
  });

  it('goes on with a request that was killed behind the opening of the run', async () => {
    const study = await measuredStudy(ended);
    const run = await endRunOf(study);
    await reopenRun(server.store.redis, run, (current) => ({ ...current, state: 'waiting' }));
    assert.equal((await post(study.id, 'extend', { trials: 2 })).statusCode, 200);
    assert.ok(await server.store.queues.hasStage(run, 'tune', 'here'));
  });

  it('wants to know by how much', async () => {
    const study = await measuredStudy(ended);
    for (const payload of [{}, { trials: 0 }, { hours: '3' }, { trails: 3 }]) {
      assert.equal((await post(study.id, 'extend', payload)).statusCode, 400);
    }
  });

  it('is refused once the branch has moved on, or another study holds it', async () => {
    const moved = await measuredStudy((study) => ({ ...ended(study), restoredSha: 'f'.repeat(40) }));
    const answer = await post(moved.id, 'extend', { trials: 2 });
    assert.equal(answer.statusCode, 409);
    assert.match(answer.json().error, /^main stands at [0-9a-f]{10}, and the study's last commit is ffffffffff/);

    const study = await measuredStudy(ended);
    await claimBranch(server.store.redis, { ...study, id: 'another' });
    assert.match((await post(study.id, 'extend', { trials: 2 })).json().error, /another study holds main/);
    assert.deepEqual(await getStudy(server.store.redis, study.id), study, 'nothing was changed');
  });

  it('adds to a study that runs without asking for its branch', async () => {
    const study = await measuredStudy((current) => ({ ...current, branch: 'gone' }));
    const answer = await post(study.id, 'extend', { hours: 1.5, patience: 2 });
    assert.deepEqual(answer.json().budget, { trials: 1, hours: 1e6 + 1.5, patience: 17 });
  });
});

describe('pushtune study', () => {
  it('prints how the study stands, and the sentence of a server that refuses', async () => {
    const study = await measuredStudy();
    const url = await server.app.listen({ host: '127.0.0.1', port: 0 });
    const line = await controlStudy({ url, token }, { action: 'pause', id: study.id });
    assert.equal(line, `${study.id} is paused: 1 of 1 trials, 1000000 hours, patience 15`);
    await updateStudy(server.store.redis, study.id, (current) => endStudy(current, 'superseded', at));
    await assert.rejects(controlStudy({ url, token }, { action: 'resume', id: study.id }), (error) => {
      assert.ok(error instanceof ServerError);
      return /was superseded; push to begin a new one/.test(error.message);
    });
    await assert.rejects(controlStudy({ url: 'http://127.0.0.1:1', token }, { action: 'pause', id: 'x' }), /--server/);
  });
});
