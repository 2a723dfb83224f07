/** Who is stopped early, and what a worker that comes after another one finds, with real Redis. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Redis } from 'ioredis';
import { newRun, type Run } from '../../src/pipeline/run.js';
import { newStudy, type StudyTrial } from '../../src/pipeline/study.js';
import { parseRepositoryConfig } from '../../src/repository-config.js';
import { type EmbeddedRedis, startEmbeddedRedis } from '../../src/store/embedded-redis.js';
import { openQueues } from '../../src/store/queues.js';
import { connect } from '../../src/store/redis.js';
import { createRun, getRun } from '../../src/store/runs.js';
import { newId, type Store } from '../../src/store/start-run.js';
import { createStudy } from '../../src/store/studies.js';
import { prunerOf } from '../../workers/early-stopping.js';

const at = '2026-01-01T00:00:00.000Z';

function events(...accuracies: readonly number[]): string {
  return [
    { type: 'fit_started', fit: 1, epochs: 4 },
    ...accuracies.map((value, i) => ({
      type: 'epoch',
      fit: 1,
      epoch: i + 1,
      metrics: { loss: 1, val_accuracy: value },
    })),
  ]
    .map((event) => `${JSON.stringify(event)}\n`)
    .join('');
}

describe('a training that is followed', () => {
  const folder = mkdtempSync(join(tmpdir(), 'pushtune-early-'));
  const config = parseRepositoryConfig('');
  let embedded: EmbeddedRedis;
  let redis: Redis;
  let store: Store;
  before(async () => {
    embedded = await startEmbeddedRedis(folder);
    redis = connect(embedded.url, { whileAway: 'wait' });
    store = { redis, queues: openQueues(redis) };
  });
  after(async () => {
    await store.queues.close();
    redis.disconnect();
    await embedded.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  function trial(number: number): StudyTrial {
    const curve = [0.4, 0.5, 0.6, 0.7];
    const metric = { name: 'val_accuracy', value: 0.7, source: 'keras history' };
    return { number, run: newId(), sha: `${number}`, values: {}, state: 'completed', metric, curve, epochs: 4 };
  }

  /** The run of trial 5, after five that were trained to their end. */
  async function sixthTrial(change: Partial<Run> = {}): Promise<Run> {
    const study = newStudy({
      id: newId(),
      repository: 'a/b',
      branch: 'main',
      baseSha: '1'.repeat(40),
      createdAt: at,
      mode: 'max',
      target: 0.9,
      budget: { trials: 50, hours: 12, patience: 15 },
    });
    await createStudy(redis, { ...study, trials: Array.from({ length: 5 }, (_, number) => trial(number)) });
    const run = newRun({
      id: newId(),
      repository: 'a/b',
      branch: 'main',
      sha: '2'.repeat(40),
      cause: 'trial',
      message: '',
      study: study.id,
      trial: 5,
      createdAt: at,
    });
    const { id } = await createRun(redis, { ...run, ...change });
    return recorded(id);
  }

  async function recorded(id: string): Promise<Run> {
    const run = await getRun(redis, id);
    assert.ok(run !== undefined);
    return run;
  }

  it('is stopped for a reason that the next worker finds, whatever that sees', async () => {
    const run = await sixthTrial();
    const shouldPrune = await prunerOf({ store }, run, config);
    assert.equal(await shouldPrune(events()), false);
    assert.equal((await recorded(run.id)).earlyStop, undefined);
    assert.equal(await shouldPrune(events(0.3)), true);
    const { earlyStop } = await recorded(run.id);
    assert.deepEqual(earlyStop, {
      epoch: 1,
      epochs: 4,
      reason: 'its best val_accuracy of 0.3 was behind the median of 0.4 that 5 earlier trials had by then',
    });

    const next = await prunerOf({ store }, await recorded(run.id), config);
    assert.equal(await next(events(0.3, 0.9)), true);
    const other = await prunerOf({ store }, run, config);
    assert.equal(await other(events(0.3, 0.1)), true, 'a worker that read the run before that');
    assert.deepEqual((await recorded(run.id)).earlyStop, earlyStop);
  });

  it('goes on when it is as good as the others, or has ended', async () => {
    const shouldPrune = await prunerOf({ store }, await sixthTrial(), config);
    assert.equal(await shouldPrune(events(0.4)), false);
    assert.equal(await shouldPrune(`${events(0.3)}{"type":"fit_ended","fit":1}\n`), false);
  });

  it('goes on when a person wrote it, when it confirms a trial, and when pruning is off', async () => {
    const off = parseRepositoryConfig('pruning: off');
    const pruners = [
      await prunerOf({ store }, await sixthTrial({ cause: 'push' }), config),
      await prunerOf({ store }, await sixthTrial({ cause: 'manual' }), config),
      await prunerOf({ store }, await sixthTrial({ cause: 'confirmation' }), config),
      await prunerOf({ store }, await sixthTrial(), off),
    ];
    for (const shouldPrune of pruners) assert.equal(await shouldPrune(events(0.1)), false);
  });
});
