import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { repository, startPushtune, type TestServer, until, untilEnded } from '../support/pushtune.js';

const token = 'a-token-to-write';
const script = 'import numpy\nprint("accuracy: 0.9")\n';

describe('Again:', () => {
  let server: TestServer;
  before(async () => {
    server = await startPushtune({ server: { token }, poll: { every: 0 } });
  });
  after(() => server.close());

  async function startByHand(): Promise<string> {
    const answer = await fetch(`${server.url}/api/runs`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ repository, branch: 'main' }),
    });
    assert.equal(answer.status, 202);
    return ((await answer.json()) as { run: string }).run;
  }

  async function untilOver(id: string): Promise<void> {
    await until(`the run ${id} ends`, async () => (await server.runs()).some((run) => run.id === id && run.finishedAt));
  }

  it('POST /api/runs makes a new attempt of the same commit each time', async () => {
    const sha = await server.push({ 'train.py': script });
    const first = await untilEnded(server, sha);
    const second = await startByHand();
    await untilOver(second);
    const third = await startByHand();
    await untilOver(third);
    const runs = (await server.runs()).filter((run) => run.sha === sha);
    assert.deepEqual(
      runs.map(({ id, state }) => ({ id, state })),
      [third, second, first.id].map((id) => ({ id, state: 'succeeded' })),
    );
    assert.equal(new Set(runs.map(({ study }) => study)).size, 3, 'each has a study of its own');
  });

  it('a branch that returns to an older commit has a new run, and a delivery that is repeated has none', async () => {
    const older = server.person('rev-parse', 'HEAD').trim();
    const newer = server.pushUnreported({ 'train.py': `${script}# newer\n` });
    await server.report(newer, { before: older });
    await untilEnded(server, newer);
    const before = (await server.runs()).length;

    server.person('push', '--quiet', '--force', 'origin', `${older}:main`);
    const back = await server.report(older, { before: newer, delivery: 'the-way-back' });
    await untilOver(back.run ?? '');
    assert.equal((await server.runs()).length, before + 1);
    assert.equal((await server.runs())[0]?.id, back.run);
    assert.equal((await server.runs())[0]?.state, 'succeeded');
    assert.equal((await server.report(older, { before: newer, delivery: 'the-way-back' })).run, back.run);

    server.person('push', '--quiet', 'origin', `${newer}:main`);
    const forth = await server.report(newer, { before: older });
    await untilOver(forth.run ?? '');
    assert.equal((await server.runs()).length, before + 2);
  });

  it('a report that comes late starts nothing that trains', async () => {
    const first = server.pushUnreported({ 'train.py': `${script}# first\n` });
    const start = server.person('rev-parse', 'HEAD~1').trim();
    const second = server.pushUnreported({ 'train.py': `${script}# second\n` });
    const run = await server.report(second, { before: first });
    await untilOver(run.run ?? '');
    const late = await server.report(first, { before: start });
    await untilOver(late.run ?? '');
    assert.equal((await server.runs()).find(({ id }) => id === late.run)?.state, 'superseded');
    assert.equal((await server.runs()).filter(({ sha }) => sha === second).length, 1);
  });
});
