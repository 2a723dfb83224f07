import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { describe, it } from 'node:test';
import { inThread } from '../../src/threads/thread.js';

const file = new URL('./moody.ts', import.meta.url);

describe('a function in a thread', () => {
  it('answers calls that are made at the same time, each with its own result', async () => {
    const moody = inThread<[string], string>(file);
    assert.deepEqual(await Promise.all(['good', 'bad', 'no'].map((mood) => moody(mood))), [
      'good mood',
      'bad mood',
      'no mood',
    ]);
  });

  it('rejects with what was thrown as the cause, and goes on', async () => {
    const moody = inThread<[string], string>(file);
    const [thrown, fine] = await Promise.allSettled([moody('throw'), moody('fine')]);
    assert.ok(thrown.status === 'rejected' && thrown.reason.message === 'out of mood');
    assert.ok(thrown.reason.cause instanceof RangeError);
    assert.deepEqual(fine, { status: 'fulfilled', value: 'fine mood' });
  });

  it('rejects the calls of a thread that dies, and starts another for the next', async () => {
    const moody = inThread<[string], string>(file);
    const calls = await Promise.allSettled([moody('die'), moody('never')]);
    for (const call of calls) assert.match(call.status === 'rejected' ? call.reason.message : '', /exit code 3/);
    assert.equal(await moody('new'), 'new mood');
  });

  it('rejects what can not be copied, on the way in and on the way out', async () => {
    const moody = inThread<[unknown], string>(file);
    await assert.rejects(
      moody(() => 0),
      /could not be cloned/,
    );
    await assert.rejects(moody('unclonable'), /could not be cloned/);
    assert.equal(await moody('good'), 'good mood');
  });

  it('keeps a process alive until its answer is there, and no longer', () => {
    const script = `
      import { inThread } from ${JSON.stringify(new URL('../../src/threads/thread.ts', import.meta.url).href)};
      const moody = inThread(new URL(${JSON.stringify(file.href)}));
      moody('last').then((mood) => console.log(mood));
    `;
    const parameters = ['--import', 'tsx', '--input-type=module', '-e', script];
    const printed = execFileSync(process.execPath, parameters, { encoding: 'utf8', timeout: 60_000 });
    assert.equal(printed, 'last mood\n');
  });
});
