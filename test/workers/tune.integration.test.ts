/** The tune stage of workers that die: whoever repeats it makes no second commit, and starts no second run. Real git and Redis. */
import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import type { Job } from 'bullmq';
import Docker from 'dockerode';
import type { Redis } from 'ioredis';
import { pino } from 'pino';
import { parseConfig } from '../../src/config.js';
import { ensureMirror, fetchBranch } from '../../src/git/mirror.js';
import { type NewRun, newRun, type Run } from '../../src/pipeline/run.js';
import { newStudy, type Study } from '../../src/pipeline/study.js';
import { type EmbeddedRedis, startEmbeddedRedis } from '../../src/store/embedded-redis.js';
import { openQueues } from '../../src/store/queues.js';
import { connect } from '../../src/store/redis.js';
import { createRun, listRuns, updateRun } from '../../src/store/runs.js';
import { newId } from '../../src/store/start-run.js';
import { createStudy, getStudy } from '../../src/store/studies.js';
import { mirrorOf, type WorkerContext } from '../../workers/context.js';
import { runStage } from '../../workers/stage.js';
import { tune } from '../../workers/tune.js';
import { type GitRemote, makeGitRemote } from '../support/git-remote.js';

const repository = 'ada/digits';
const script = `import keras
model = keras.Sequential([keras.layers.Conv2D(8, 3), keras.layers.Flatten(), keras.layers.Dense(10)])
model.compile(optimizer=keras.optimizers.Adam(learning_rate=0.001), loss="mse")
model.fit(x, y, epochs=4)
`;

describe('a tune stage that is repeated', () => {
  let remote: GitRemote;
  let embedded: EmbeddedRedis;
  let redis: Redis;
  let context: WorkerContext;
  let sha: string;
  before(async () => {
    remote = makeGitRemote();
    embedded = await startEmbeddedRedis(join(remote.folder, 'redis'));
    redis = connect(embedded.url, { whileAway: 'wait' });
    const settings = { data: join(remote.folder, 'data'), repositories: [{ name: repository, url: remote.path }] };
    context = {
      config: parseConfig(settings, 'the test'),
      store: { redis, queues: openQueues(redis) },
      docker: new Docker(),
      credentials: async () => ({}),
      log: pino({ level: 'silent' }),
      trainer: '',
    };
  });
  after(async () => {
    await context.store.queues.close();
    redis.disconnect();
    await embedded.stop();
    remote.remove();
  });
  beforeEach(async () => {
    sha = remote.commit({ 'train.py': script });
    const mirror = await mirrorOf(context, repository);
    await ensureMirror(mirror);
    await fetchBranch(mirror, 'main');
  });
  afterEach(() => redis.flushall());

  /** The run of trial 0 at its tune stage. */
  async function measuredRun(value: number, change: Partial<Study> = {}): Promise<Run> {
    const study = newStudy({
      id: newId(),
      repository,
      branch: 'main',
      baseSha: sha,
      createdAt: new Date().toISOString(),
      mode: 'max',
      target: 0.9,
      budget: { trials: 50, hours: 12, patience: 15 },
    });
    await createStudy(redis, { ...study, ...change });
    const run: NewRun = {
      id: newId(),
      repository,
      branch: 'main',
      sha,
      cause: 'push',
      message: '',
      study: study.id,
      trial: 0,
      createdAt: study.createdAt,
    };
    const { id } = await createRun(redis, newRun(run), { push: {} });
    return measured(id, value);
  }

  async function measured(id: string, value: number): Promise<Run> {
    const metric = { name: 'val_accuracy', value, source: 'log' };
    return updateRun(redis, id, (run) => ({ ...run, host: 'here', metric }));
  }

  async function runsOf(study: string): Promise<Run[]> {
    return (await listRuns(redis, { limit: 50 })).filter((run) => run.study === study);
  }

  function commitsOnTop(): number {
    return Number(remote.git('rev-list', '--count', `${sha}..main`));
  }

  async function untouched(run: Run): Promise<void> {
    const before = await getStudy(redis, run.study);
    const runs = await runsOf(run.study);
    const head = remote.git('rev-parse', 'main');
    const outcome = await tune(context, run);
    assert.equal(outcome.kind === 'end' && outcome.state, 'succeeded');
    assert.deepEqual(await getStudy(redis, run.study), before);
    assert.deepEqual(await runsOf(run.study), runs);
    assert.equal(remote.git('rev-parse', 'main'), head);
  }

  it('leaves everything as it is when the next trial was started before', async () => {
    const run = await measuredRun(0.5);
    await tune(context, run);
    const study = await getStudy(redis, run.study);
    assert.deepEqual([study?.state, study?.trials.length, study?.pending], ['running', 1, undefined]);
    assert.equal(commitsOnTop(), 1);
    await untouched(run);
  });

  it('leaves everything as it is when the study is at a later trial by then', async () => {
    const run = await measuredRun(0.5);
    await tune(context, run);
    const next = (await runsOf(run.study)).find(({ trial }) => trial === 1);
    await tune(context, await measured(next?.id ?? '', 0.6));
    assert.equal(commitsOnTop(), 2);
    await untouched(run);
  });

  it('starts the trial that was recorded, but not enqueued before', async () => {
    const run = await measuredRun(0.5);
    const queues = { ...context.store.queues, enqueueStage: () => Promise.reject(new Error('killed')) };
    await assert.rejects(tune({ ...context, store: { redis, queues } }, run), /killed/);
    const written = (await getStudy(redis, run.study))?.pending;

    await tune(context, run);
    assert.equal(remote.git('rev-parse', 'main').trim(), written?.sha);
    assert.equal(commitsOnTop(), 1);
    const [next, ...others] = (await runsOf(run.study)).filter(({ id }) => id !== run.id);
    assert.deepEqual([next?.id, next?.trial, next?.sha, others], [written?.run, 1, written?.sha, []]);
    assert.ok(await context.store.queues.hasStage(next?.id ?? '', 'pull', ''));
  });

  describe('whose trial was started, but not pushed', () => {
    let run: Run;
    let next: Run;
    beforeEach(async () => {
      run = await measuredRun(0.5);
      const repositories = [{ name: repository, url: join(remote.folder, 'nowhere') }];
      const away = parseConfig({ data: context.config.data, repositories }, 'the test');
      await assert.rejects(tune({ ...context, config: away }, run), /nowhere/);
      assert.equal(commitsOnTop(), 0);
      const started = (await runsOf(run.study)).find(({ trial }) => trial === 1);
      assert.ok(started);
      next = started;
    });

    it('pushes its commit', async () => {
      await tune(context, run);
      assert.equal(remote.git('rev-parse', 'main').trim(), next.sha);
      assert.equal((await getStudy(redis, run.study))?.pending, undefined);
      await untouched(run);
    });

    it('leaves that to the tune stage of the trial itself when that comes first', async () => {
      await tune(context, await measured(next.id, 0.6));
      assert.equal(commitsOnTop(), 2);
      assert.equal(remote.git('rev-parse', 'main~1').trim(), next.sha);
      await untouched(run);
    });

    it('ends the trial when a person has pushed meanwhile', async () => {
      const persons = remote.commit({ 'train.py': `${script}# mine\n` });
      const outcome = await tune(context, await measured(next.id, 0.6));
      assert.equal(outcome.kind === 'end' && outcome.state, 'superseded');
      assert.equal(remote.git('rev-parse', 'main').trim(), persons);
      assert.equal((await getStudy(redis, run.study))?.state, 'superseded');
      assert.ok((await runsOf(run.study)).every(({ state }) => state === 'superseded'));
    });
  });

  it('ends the trial that trains already when its commit is refused', async () => {
    const hook = join(remote.path, 'hooks', 'pre-receive');
    writeFileSync(hook, '#!/bin/sh\nexit 1\n', { mode: 0o755 });
    try {
      const run = await measuredRun(0.5);
      await runStage(context, 'tune', tune, { data: { run: run.id }, opts: {} } as Job, undefined, AbortSignal.any([]));
      const states = (await runsOf(run.study)).map(({ trial, state }) => [trial, state]).sort();
      assert.deepEqual(states, [
        [0, 'failed'],
        [1, 'superseded'],
      ]);
      assert.equal((await getStudy(redis, run.study))?.state, 'failed');
    } finally {
      rmSync(hook);
    }
  });

  it('has a winner confirmed by one further training', async () => {
    const run = await measuredRun(0.95, { confirm: true });
    await tune(context, run);
    assert.deepEqual((await runsOf(run.study)).map(({ cause }) => cause).sort(), ['confirmation', 'push']);
    await untouched(run);
  });

  it('tells of a target that was reached once more, and changes nothing', async () => {
    const run = await measuredRun(0.95);
    await tune(context, run);
    assert.equal((await getStudy(redis, run.study))?.state, 'target_reached');
    await untouched(run);
  });
});
