import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Redis } from 'ioredis';
import { addEvent, endRun, type NewRun, newRun } from '../../src/pipeline/run.js';
import { newStudy } from '../../src/pipeline/study.js';
import { swapBuildOutcome } from '../../src/store/build-outcomes.js';
import { type EmbeddedRedis, startEmbeddedRedis } from '../../src/store/embedded-redis.js';
import { appendLog, readLog } from '../../src/store/logs.js';
import { openQueues, type Queues } from '../../src/store/queues.js';
import { connect, isStoreFailure } from '../../src/store/redis.js';
import * as runs from '../../src/store/runs.js';
import { enqueueCurrentStage, newId, startRun } from '../../src/store/start-run.js';
import { claimBranch, createStudy, listStudies } from '../../src/store/studies.js';

const at = '2026-01-01T00:00:00.000Z';

describe('the store', () => {
  const folder = mkdtempSync(join(tmpdir(), 'pushtune-store-'));
  let embedded: EmbeddedRedis;
  let redis: Redis;
  let queues: Queues;
  before(async () => {
    embedded = await startEmbeddedRedis(folder);
    redis = connect(embedded.url, { whileAway: 'wait' });
    queues = openQueues(redis);
  });
  after(async () => {
    await queues.close();
    redis.disconnect();
    await embedded.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  function run(change: Partial<NewRun> = {}): NewRun {
    const base = {
      repository: 'a/b',
      branch: 'main',
      sha: '1'.repeat(40),
      cause: 'push' as const,
      message: '',
      trial: 0,
      createdAt: at,
    };
    return { ...base, id: newId(), study: newId(), ...change };
  }

  it('records one run for a commit, however many report it at once', async () => {
    const sha = '2'.repeat(40);
    const reports = Array.from({ length: 20 }, (_, i) =>
      runs.createRun(redis, newRun(run({ sha })), { push: {}, delivery: `many-${i}` }),
    );
    const recorded = await Promise.all(reports);
    assert.equal(new Set(recorded.map(({ id }) => id)).size, 1);
    assert.equal(recorded.filter(({ created }) => created).length, 1);
  });

  it('records one run for a delivery, and a new one each time that a person asks by hand', async () => {
    const first = await runs.createRun(redis, newRun(run({ sha: '3'.repeat(40) })), {
      push: {},
      delivery: 'd',
    });
    const again = await runs.createRun(redis, newRun(run({ sha: '4'.repeat(40) })), {
      push: {},
      delivery: 'd',
    });
    assert.deepEqual(again, { id: first.id, created: false });
    const byHand = await runs.createRun(redis, newRun(run({ sha: '3'.repeat(40) })));
    assert.ok(byHand.created);
  });

  it('leaves a run alone that is recorded again under its id, as after a crash', async () => {
    const planned = newRun(run({ sha: '8'.repeat(40) }));
    assert.ok((await runs.createRun(redis, planned)).created);
    const begun = await runs.updateRun(redis, planned.id, (current) => addEvent(current, at, 'begun'));
    const again = await runs.createRun(redis, planned);
    assert.deepEqual(again, { id: planned.id, created: false });
    assert.deepEqual(await runs.getRun(redis, planned.id), begun);
  });

  it('numbers the runs of a repository from 1', async () => {
    const numbers = [];
    for (const digit of ['5', '6', '7']) {
      const { id } = await runs.createRun(redis, newRun(run({ repository: 'x/y', sha: digit.repeat(40) })), {
        push: {},
      });
      numbers.push((await runs.getRun(redis, id))?.number);
    }
    assert.deepEqual(numbers, [1, 2, 3]);
  });

  it('loses no change when many change a run at once', async () => {
    const { id } = await runs.createRun(redis, newRun(run()));
    await Promise.all(
      Array.from({ length: 20 }, (_, i) => runs.updateRun(redis, id, (current) => addEvent(current, at, `event ${i}`))),
    );
    assert.equal((await runs.getRun(redis, id))?.events.length, 20);
  });

  it('lists newest first, by branch and page', async () => {
    const ids = [];
    for (let i = 0; i < 5; i += 1) {
      const branch = i % 2 === 0 ? 'even' : 'odd';
      ids.push((await runs.createRun(redis, newRun(run({ repository: 'l/l', branch })))).id);
    }
    const selection = { repository: 'l/l', limit: 2 };
    const page = await runs.listRuns(redis, selection);
    assert.deepEqual(
      page.map(({ id }) => id),
      [ids[4], ids[3]],
    );
    const rest = await runs.listRuns(redis, { ...selection, before: ids[3] ?? '' });
    assert.deepEqual(
      rest.map(({ id }) => id),
      [ids[2], ids[1]],
    );
    assert.equal((await runs.listRuns(redis, { ...selection, branch: 'odd', limit: 9 })).length, 2);
  });

  it('puts a run back into its queue when a crash kept it out, and only then', async () => {
    const { id } = await runs.createRun(redis, newRun(run()));
    const store = { redis, queues };
    assert.ok(await enqueueCurrentStage(store, id));
    assert.ok(!(await enqueueCurrentStage(store, id)));
    await runs.updateRun(redis, id, (current) => endRun(current, 'superseded', at));
    assert.ok(!(await enqueueCurrentStage(store, id)));
    assert.ok(!(await runs.listUnfinishedRuns(redis)).some((unfinished) => unfinished.id === id));
  });

  it('starts a run and its first stage together', async () => {
    const { id } = await startRun({ redis, queues }, run());
    assert.ok(await queues.hasStage(id, 'pull', ''));
  });

  it('appends each byte of a log once, whoever repeats it', async () => {
    const bytes = Buffer.from('ä line\n');
    assert.equal(await appendLog(redis, 'r', 0, bytes), 8);
    assert.equal(await appendLog(redis, 'r', 0, bytes), 8, 'the same bytes again');
    assert.equal(await appendLog(redis, 'r', 8, Buffer.from([0, 255])), 10);
    assert.deepEqual(await readLog(redis, 'r', 8), Buffer.from([0, 255]));
  });

  it('lets a study claim a branch once', async () => {
    const study = (id: string) =>
      newStudy({
        id,
        repository: 'a/b',
        branch: 'claimed',
        baseSha: '',
        createdAt: at,
        mode: 'max',
        target: 1,
        budget: { trials: 1, hours: 1, patience: 1 },
      });
    await createStudy(redis, study('first'));
    assert.equal(await claimBranch(redis, study('first')), undefined);
    assert.equal(await claimBranch(redis, study('first')), undefined, 'a claim that is repeated supersedes nobody');
    assert.equal(await claimBranch(redis, study('second')), 'first');
  });

  it('lists the studies of a repository, the latest first and each once', async () => {
    const study = (id: string, repository: string) =>
      newStudy({
        id,
        repository,
        branch: 'main',
        baseSha: '',
        createdAt: at,
        mode: 'max',
        target: 1,
        budget: { trials: 1, hours: 1, patience: 1 },
      });
    for (const id of ['01B', '01A', '01C', '01B']) await createStudy(redis, study(id, 'listed/one'));
    await createStudy(redis, study('01D', 'listed/other'));
    const ids = async (limit: number) => (await listStudies(redis, 'listed/one', limit)).map(({ id }) => id);
    assert.deepEqual(await ids(10), ['01C', '01B', '01A']);
    assert.deepEqual(await ids(2), ['01C', '01B']);
  });

  it('remembers the outcome of the build before, also for a run that asks twice', async () => {
    assert.equal(await swapBuildOutcome(redis, 'b/b', 'r1', 'ok'), undefined);
    assert.equal(await swapBuildOutcome(redis, 'b/b', 'r2', 'failed'), 'ok');
    assert.equal(await swapBuildOutcome(redis, 'b/b', 'r2', 'failed'), 'ok');
    assert.equal(await swapBuildOutcome(redis, 'b/b', 'r3', 'ok'), 'failed');
  });
});

describe('the embedded Redis', () => {
  const folder = mkdtempSync(join(tmpdir(), 'pushtune-redis-'));
  after(() => rmSync(folder, { recursive: true, force: true }));

  it('keeps what it was told when it is killed, and is taken over when it still runs', async () => {
    const first = await startEmbeddedRedis(folder);
    const redis = connect(first.url, { whileAway: 'wait' });
    await redis.set('kept', 'yes');
    await redis.config('SET', 'appendfsync', 'always');
    await redis.set('synced', 'yes');
    const again = await startEmbeddedRedis(folder);
    assert.equal(again.url, first.url, 'the one that runs is used');

    const pid = Number(/process_id:(\d+)/.exec(await redis.info('server'))?.[1]);
    redis.disconnect();
    process.kill(pid, 'SIGKILL');
    const second = await startEmbeddedRedis(folder);
    const after = connect(second.url, { whileAway: 'wait' });
    assert.equal(await after.get('kept'), 'yes');
    after.disconnect();
    await second.stop();
  });

  it('fails with what to do when the program is not there', async () => {
    await assert.rejects(
      startEmbeddedRedis(join(folder, 'none'), 'no-such-redis'),
      /install it, name another one as redis\.command, or set REDIS_URL/,
    );
  });

  it('answers at once with an error while it is away, to who can not wait', async () => {
    const redis = connect(join(folder, 'nobody.sock'), { whileAway: 'fail' });
    await assert.rejects(redis.ping(), (error: unknown) => isStoreFailure(error));
    redis.disconnect();
  });
});
