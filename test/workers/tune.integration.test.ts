/** The tune stage of workers that die: whoever repeats it makes no second commit, and starts no second run. Real git and Redis. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
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
    const { id } = await createRun(redis, newRun(run), { onePerCommit: true });
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

  it('starts the trial that was pushed and recorded, but not enqueued before', async () => {
    const run = await measuredRun(0.5);
    const queues = { ...context.store.queues, enqueueStage: () => Promise.reject(new Error('killed')) };
    await assert.rejects(tune({ ...context, store: { redis, queues } }, run), /killed/);
    const pushed = remote.git('rev-parse', 'main').trim();

    await tune(context, run);
    assert.equal(commitsOnTop(), 1);
    const [next, ...others] = (await runsOf(run.study)).filter(({ id }) => id !== run.id);
    assert.deepEqual([next?.trial, next?.sha, others], [1, pushed, []]);
    assert.ok(await context.store.queues.hasStage(next?.id ?? '', 'pull', ''));
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
