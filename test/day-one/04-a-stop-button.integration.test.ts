import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { packageRoot } from '../../src/package-root.js';
import type { Run } from '../../src/pipeline/run.js';
import { pretendedTraining } from '../support/pretended-training.js';
import { freePort, startPushtune, type TestServer, until, untilEnded } from '../support/pushtune.js';

const token = 'a-token-to-change';

/** Trains for an hour, ignores the polite signal, and has a child that does so too. */
const stubborn = `import os, signal, subprocess, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
subprocess.Popen(["sh", "-c", "trap '' TERM; exec setsid sleep 3601"])
print("training begins", flush=True)
time.sleep(3600)
`;

describe('A stop button:', () => {
  let server: TestServer;
  before(async () => {
    server = await startPushtune({ server: { token, port: await freePort() }, poll: { every: 0 } });
  });
  after(() => server.close());

  async function post(
    path: string,
    body: object = {},
  ): Promise<{ status: number; answer: { state?: string; error?: string } }> {
    const response = await fetch(`${server.url}${path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    return { status: response.status, answer: (await response.json()) as { state?: string; error?: string } };
  }

  async function command(...parameters: string[]): Promise<string> {
    const cli = join(packageRoot(), 'src', 'cli.ts');
    const parts = ['--import', 'tsx', cli, ...parameters, '--server', server.url];
    const { stdout } = await promisify(execFile)(process.execPath, parts, {
      cwd: packageRoot(),
      env: { ...process.env, PUSHTUNE_SERVER_TOKEN: token },
    });
    return stdout;
  }

  async function untilTraining(sha: string): Promise<Run> {
    return until('the training has begun', async () => {
      const run = (await server.runs()).find((candidate) => candidate.sha === sha);
      return run !== undefined && (await server.log(run.id)).includes('training begins') && run;
    });
  }

  function processes(run: Run): string {
    return execFileSync('docker', ['top', run.build?.container ?? '', '-eo', 'pid,args']).toString();
  }

  it('a cancelled training is gone within 5 s, whatever it does against that, and its study has ended', async () => {
    const run = await untilTraining(await server.push({ 'train.py': stubborn }));
    await until('its child runs', async () => processes(run).includes('sleep 3601'));
    const asked = Date.now();
    const { status, answer } = await post(`/api/runs/${run.id}/cancel`);
    assert.deepEqual([status, answer.state], [200, 'cancelled']);
    await until('its processes are gone', async () => !/train\.py|sleep 3601/.test(processes(run)), 10);
    assert.ok(Date.now() - asked < 5000, `${Date.now() - asked} ms`);
    const study = await server.study(run.study);
    assert.deepEqual([study.state, study.reason], ['stopped', `run ${run.number} was cancelled`]);
    assert.equal((await post(`/api/runs/${run.id}/cancel`)).status, 200, 'asked again it is the same');
    assert.deepEqual(await server.mails(), [], 'nobody is told of a failure');
  });

  it('a run that waits for the one that trains is cancelled as well, and the container serves the next', async () => {
    const training = await untilTraining(await server.push({ 'train.py': `${stubborn}# again\n` }));
    const answer = await fetch(`${server.url}/api/runs`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ repository: training.repository, branch: 'main' }),
    });
    const { run: waiting } = (await answer.json()) as { run: string };
    assert.equal((await post(`/api/runs/${waiting}/cancel`)).status, 200);
    await post(`/api/runs/${training.id}/cancel`);
    const next = await untilEnded(server, await server.push({ 'train.py': 'import numpy\nprint("accuracy: 0.9")\n' }));
    assert.equal(next.state, 'succeeded');
    assert.equal((await server.runs()).find(({ id }) => id === waiting)?.state, 'cancelled');
  });

  it('a study is paused, goes on, is extended and stopped, from the command line too', async () => {
    const settings = 'metric: {target: 0.99}\nbudget: {trials: 3}\n';
    const script = pretendedTraining('filters / 1000');
    const { study: id } = await untilEnded(
      server,
      await server.push({ 'train.py': script, '.pushtune.yml': settings }),
    );
    await until('the budget has ended', async () => (await server.study(id)).state === 'budget_ended');
    assert.match(
      await command('study', 'extend', id, '--trials', '500', '--patience', '500'),
      /is running: \d+ of 503 trials/,
    );
    assert.match(await command('study', 'pause', id), /is paused/);
    assert.match(await command('study', 'resume', id), /is running/);
    await until('it goes on', async () => (await server.study(id)).trials.length > 4);
    assert.match(await command('study', 'stop', id), /is stopped/);
    const stopped = await server.study(id);
    await until('nothing of it runs', async () =>
      (await server.runs()).every((run) => run.study !== id || run.finishedAt),
    );
    const head = server.git('rev-parse', 'origin/main').trim();
    assert.equal(stopped.reason, 'stopped by hand');
    assert.equal((await post(`/api/studies/${id}/stop`)).status, 200, 'asked again it is the same');
    for (const way of ['pause', 'resume']) {
      const refused = await post(`/api/studies/${id}/${way}`);
      assert.equal(refused.status, 409);
      assert.match(refused.answer.error ?? '', /the study was stopped \(stopped by hand\)/);
    }
    const [run] = (await server.runs()).filter((one) => one.study === id);
    assert.equal(run?.state, 'cancelled');
    assert.equal(server.git('rev-parse', 'origin/main').trim(), head, 'the branch is left alone');
  });

  it('is pressed only by those who may, and says what it can’t stop', async () => {
    const [run] = await server.runs();
    const path = `/api/runs/${run?.id}/cancel`;
    assert.equal((await fetch(`${server.url}${path}`, { method: 'POST' })).status, 401);
    assert.equal((await post('/api/runs/nothing/cancel')).status, 404);
    const ended = (await server.runs()).find(({ state }) => state === 'succeeded');
    const refused = await post(`/api/runs/${ended?.id}/cancel`);
    assert.equal(refused.status, 409);
    assert.match(refused.answer.error ?? '', /has ended \(succeeded\)/);
    assert.match(await command('cancel', run?.id ?? ''), /^run \d+ is cancelled, and its study \w+ has ended\n$/);
  });
});
