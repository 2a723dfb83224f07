/** The whole loop with real git, Redis and Docker; the scripts only pretend to train, so that a trial takes no time. */
import assert from 'node:assert/strict';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { monitorQueueName, openQueues } from '../src/store/queues.js';
import { connect } from '../src/store/redis.js';
import { pretendedTraining } from './support/pretended-training.js';
import { startPushtune, type TestServer, until, untilEnded } from './support/pushtune.js';

/** Prints a line, then waits for longer than any test does. */
const endlessTraining = `import time
print("training begins", flush=True)
time.sleep(3600)
`;

describe('the loop', () => {
  let server: TestServer;
  before(async () => {
    server = await startPushtune();
  });
  after(() => server.close());

  it('tunes a push until it reaches its target, one commit a trial, and tells the developer', async () => {
    const script = pretendedTraining('min(0.95, 0.3 + filters / 64)');
    const sha = await server.push({ 'train.py': script });
    const first = await untilEnded(server, sha);
    const study = await until('the study ends', async () => {
      const found = await server.study(first.study);
      return found.state !== 'running' && found;
    });

    assert.equal(study.state, 'target_reached');
    assert.ok(study.trials.length > 1);
    const metrics = study.trials.map((trial) => trial.metric?.value ?? 0);
    assert.equal(metrics[0], 0.3 + 8 / 64);
    assert.ok((metrics.at(-1) ?? 0) >= 0.8);

    const commits = server.git('log', '--reverse', '--format=%H').trim().split('\n');
    assert.deepEqual(
      study.trials.map((trial) => trial.sha),
      commits,
      'one trial is one commit',
    );
    const last = server.git('show', 'HEAD:train.py').split('\n');
    const changed = script.split('\n').flatMap((line, i) => (line === last[i] ? [] : [line]));
    assert.ok(
      changed.every((line) => /^LEARNING_RATE = /.test(line) || line.includes('Conv2D')),
      `only values change, but these lines did: ${changed.join(' | ')}`,
    );
    assert.match(server.git('log', '-1', '--format=%B'), /^tune: .*\(trial \d+\)\n\n.*\n\n\nPushtune-Study: /);

    const runs = await until('all runs end', async () => {
      const all = await server.runs();
      return all.every((run) => run.state === 'succeeded') && all;
    });
    assert.equal(runs.length, commits.length, 'one commit is one run');
    const mail = await until('the mail is there', async () => (await server.mails().catch(() => [])).at(-1));
    assert.match(mail.subject ?? '', /^\[pushtune\] team\/model main: \d\d\.\d % reached after \d+ trials$/);
    assert.match(await server.log(first.id), /^pretending to train with 8 0\.001\n/);
  });

  it("lets a person's push supersede the study and stops its training", async () => {
    const old = await server.push({ 'train.py': endlessTraining });
    await until('the training has begun', async () => {
      const run = (await server.runs()).find(({ sha }) => sha === old);
      return run !== undefined && (await server.log(run.id)).includes('training begins');
    });
    const sha = await server.push({ 'train.py': pretendedTraining('0.9') });

    assert.equal((await untilEnded(server, sha)).state, 'succeeded');
    const superseded = await untilEnded(server, old);
    assert.equal(superseded.state, 'superseded');
    assert.equal((await server.study(superseded.study)).state, 'superseded');
  });

  it('ends a run whose script fails, with its exit code and last lines', async () => {
    const sha = await server.push({ 'train.py': 'print("so far so good")\nraise SystemExit(3)\n' });
    const run = await untilEnded(server, sha);
    assert.equal(run.state, 'failed');
    assert.equal(run.stages.train.state, 'failed');
    assert.equal(run.stages.evaluate.state, 'skipped');
    assert.match(run.reason ?? '', /exit code 3\nso far so good/);
    const mail = await until('the mail is there', async () =>
      (await server.mails()).find(({ subject }) => subject?.includes('train failed') === true),
    );
    assert.match(mail.text ?? '', /so far so good/);
  });

  it('names file and line of a script that is no Python, and mails that the build failed and is ok again', async () => {
    const broken = await untilEnded(server, await server.push({ 'train.py': 'def broken(:\n  pass\n' }));
    assert.equal(broken.stages.build.state, 'failed');
    assert.match(broken.reason ?? '', /train\.py/);
    await until('the build mail is there', async () =>
      (await server.mails()).some(({ subject }) => subject?.includes('build failed')),
    );
    await untilEnded(server, await server.push({ 'train.py': pretendedTraining('0.9') }));
    await until('the other mail is there', async () =>
      (await server.mails()).some(({ subject }) => subject?.includes('build is ok again')),
    );
  });

  it('says where it looked when a training leaves no metric', async () => {
    const run = await untilEnded(server, await server.push({ 'train.py': 'print("loss: 0.3")\n' }));
    assert.equal(run.stages.evaluate.state, 'failed');
    assert.match(run.reason ?? '', /metrics\.json.*the log names only loss/);
  });

  it('does not take a metric file that was committed for the result of the training', async () => {
    const files = { 'train.py': 'print("val_accuracy: 0.85")\n', 'metrics.json': '{"val_accuracy": 0.99}' };
    const run = await untilEnded(server, await server.push(files));
    assert.deepEqual(run.metric, { name: 'val_accuracy', value: 0.85, source: 'log' });
  });

  it('brings a training to its end although its container is killed', async () => {
    const script = `import os, pathlib, time
if not pathlib.Path("second").exists():
    pathlib.Path("second").touch()
    print("first start", flush=True)
    time.sleep(3600)
print("val_accuracy: 0.9", flush=True)
`;
    const sha = await server.push({ 'train.py': script });
    const run = await until('the training has begun', async () => {
      const found = (await server.runs()).find((candidate) => candidate.sha === sha);
      return found !== undefined && (await server.log(found.id)).includes('first start') && found;
    });
    await server.docker.getContainer(run.build?.container ?? '').kill();
    await runMonitor(server);

    const ended = await untilEnded(server, sha);
    assert.equal(ended.state, 'succeeded');
    assert.equal(ended.metric?.value, 0.9);
    assert.equal(ended.training?.starts, 2);
    assert.ok(
      ended.events.some(({ text }) => text.includes('the container crashed (exit code 137) and was restarted')),
    );
    await until('the mail is there', async () =>
      (await server.mails()).some(({ subject }) => subject?.includes('was restarted')),
    );
  });

  it('goes on with a training after a restart of the server, without starting it again', async () => {
    const script = `import pathlib, time
print("begun", flush=True)
while not pathlib.Path("go").exists():
    time.sleep(0.05)
print("val_accuracy: 0.9", flush=True)
`;
    const sha = await server.push({ 'train.py': script });
    const run = await until('the training has begun', async () => {
      const found = (await server.runs()).find((candidate) => candidate.sha === sha);
      return found !== undefined && (await server.log(found.id)).includes('begun') && found;
    });
    await server.restart();
    writeFileSync(join(server.config.data, 'repositories/team/model/runs', run.id, 'workspace/go'), '');

    const ended = await untilEnded(server, sha);
    assert.equal(ended.state, 'succeeded');
    assert.equal(ended.training?.starts, 1);
    assert.equal(await server.log(run.id), 'begun\nval_accuracy: 0.9\n');
  });

  it('ends the study and says what to change when the host refuses the commit', async () => {
    const hook = join(server.remote, 'hooks/pre-receive');
    const sha = await server.push({ 'train.py': pretendedTraining('0.4') });
    writeFileSync(hook, '#!/bin/sh\necho "main is protected"\nexit 1\n');
    chmodSync(hook, 0o755);
    const run = await untilEnded(server, sha);
    writeFileSync(hook, '#!/bin/sh\nexit 0\n');

    assert.equal(run.state, 'failed');
    assert.equal(run.stages.tune.state, 'failed');
    assert.match(run.reason ?? '', /main is protected[\s\S]*right to write contents/);
    assert.equal((await server.study(run.study)).state, 'failed');
    await until('the mail is there', async () =>
      (await server.mails()).some(({ subject }) => subject?.includes('refused')),
    );
  });

  it('ends with the budget, and restores the best values in a last commit', async () => {
    const script = pretendedTraining('0.7 - abs(filters - 8) / 1000');
    const sha = await server.push({ 'train.py': script, '.pushtune.yml': 'budget: {trials: 3}\n' });
    const first = await untilEnded(server, sha);
    const study = await until('the study ends', async () => {
      const found = await server.study(first.study);
      return found.state !== 'running' && found;
    });
    assert.equal(study.state, 'budget_ended');
    assert.equal(study.trials.length, 3);
    assert.equal(server.git('show', 'HEAD:train.py'), script, 'the best values are those of the push');
    assert.equal(server.git('rev-parse', 'HEAD').trim(), study.restoredSha);
    assert.doesNotMatch(server.git('log', '-1', '--format=%B'), /skip-checks/);
    const mail = await until('the mail is there', async () =>
      (await server.mails()).find(({ subject }) => subject?.includes('ended below')),
    );
    assert.match(mail.text ?? '', /all 3 trials are used/);
  });
});

/** The monitor's job, which comes every minute, now. */
async function runMonitor(server: TestServer): Promise<void> {
  const redis = connect(join(server.config.data, 'redis/redis.sock'), { whileAway: 'wait' });
  const queues = openQueues(redis);
  await queues.get(monitorQueueName(server.config.worker.name)).add('monitor', {});
  await queues.close();
  redis.disconnect();
}
