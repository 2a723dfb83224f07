import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Redis } from 'ioredis';
import { type EmbeddedRedis, startEmbeddedRedis } from '../../src/store/embedded-redis.js';
import { inLock } from '../../src/store/locks.js';
import { connect, key } from '../../src/store/redis.js';

describe('a lock', () => {
  const folder = mkdtempSync(join(tmpdir(), 'pushtune-lock-'));
  let embedded: EmbeddedRedis;
  let redis: Redis;
  before(async () => {
    embedded = await startEmbeddedRedis(folder);
    redis = connect(embedded.url, { whileAway: 'wait' });
  });
  after(async () => {
    redis.disconnect();
    await embedded.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  it('lets one work after the other under the same name, also after work that fails', async () => {
    let inside = 0;
    let most = 0;
    const work = async (fails: boolean): Promise<void> => {
      inside += 1;
      most = Math.max(most, inside);
      await redis.ping();
      inside -= 1;
      if (fails) throw new Error('it fails');
    };
    const works = [true, false, false, true, false].map((fails) => inLock(redis, 'a', () => work(fails)));
    const outcomes = await Promise.allSettled(works);
    assert.equal(outcomes.filter(({ status }) => status === 'rejected').length, 2);
    assert.equal(most, 1);
    assert.equal(await redis.exists(key('lock', 'a')), 0);
  });

  it('lets work of different names run at the same time', async () => {
    const answer = await inLock(redis, 'a', () => inLock(redis, 'b', async () => 'both'));
    assert.equal(answer, 'both');
  });

  it('is free once its holder has died, and is not taken from the next holder', async () => {
    await redis.set(key('lock', 'c'), 'of a process that died', 'PX', 100);
    await inLock(redis, 'c', async () => {
      await redis.set(key('lock', 'c'), 'of somebody else');
    });
    assert.equal(await redis.get(key('lock', 'c')), 'of somebody else');
  });
});
