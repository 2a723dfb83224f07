import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { wasPolled } from '../../src/store/heads.js';
import { connect } from '../../src/store/redis.js';
import { type GitRemote, makeGitRemote } from '../support/git-remote.js';
import { pretendedTraining } from '../support/pretended-training.js';
import { repository, startPushtune, type TestServer, until, untilEnded } from '../support/pushtune.js';

const script = 'import numpy\nprint("accuracy: 0.9")\n';

async function untilPolled(server: TestServer): Promise<void> {
  const redis = connect(join(server.config.data, 'redis/redis.sock'), { whileAway: 'wait' });
  await until('the repository was looked at', () => wasPolled(redis, repository));
  redis.disconnect();
}

describe('Poll: a server that no webhook reaches', () => {
  let remote: GitRemote;
  let host: { readonly url: string; close(): Promise<void> };
  let server: TestServer;
  before(async () => {
    remote = makeGitRemote();
    remote.commit({ 'train.py': script });
    host = await remote.serve('a-token');
    server = await startPushtune({
      github: {},
      poll: { every: '1s' },
      repositories: [{ name: repository, url: host.url, token: 'a-token', branches: ['main', 'feature/*'] }],
    });
    await untilPolled(server);
  });
  after(async () => {
    await server.close();
    await host.close();
    remote.remove();
  });

  it('starts a run for a push, and none for what was there when it started', async () => {
    const sha = remote.commit({ 'train.py': `${script}# pushed\n` });
    const run = await untilEnded(server, sha);
    assert.equal(run.state, 'succeeded');
    assert.equal(run.cause, 'push');
    assert.equal(run.message, 'a change');
    assert.deepEqual(run.author, { name: 'Ada', email: 'ada@example.org' });
    assert.equal((await server.runs()).length, 1);
  });

  it('answers a webhook with the setting that is missing', async () => {
    await assert.rejects(server.report('1'.repeat(40)), /503.*github\.webhook_secret/);
  });

  it('starts runs for a new branch and for one that returns to an older commit, and none for others', async () => {
    remote.commit({ 'notes.txt': 'not watched' }, 'other');
    const feature = remote.commit({ 'train.py': `${script}# feature\n` }, 'feature/deeper');
    const run = await untilEnded(server, feature);
    assert.equal(run.branch, 'feature/deeper');
    const first = remote.git('rev-parse', 'main~1').trim();
    remote.git('update-ref', 'refs/heads/main', first);
    const again = await untilEnded(server, first);
    assert.equal(again.branch, 'main');
    assert.equal((await server.runs()).length, 3);
  });

  it('finds a push that was made while it was down', async () => {
    await server.restart();
    const sha = remote.commit({ 'train.py': `${script}# meanwhile\n` });
    assert.equal((await untilEnded(server, sha)).state, 'succeeded');
  });

  it('takes what the bot pushes for no push of a person', async () => {
    // Nothing reaches the target: the study goes through its trials and brings the best back.
    const settings = 'metric: {target: 0.99}\nbudget: {trials: 3}\n';
    const sha = remote.commit({ 'train.py': pretendedTraining('filters / 1000'), '.pushtune.yml': settings });
    const { study: id } = await untilEnded(server, sha);
    const study = await until('the study ends', async () => {
      const current = await server.study(id);
      return current.state !== 'running' && current;
    });
    assert.equal(study.state, 'budget_ended');
    // A run of a person's push begins a study of its own.
    const head = remote.commit({ 'train.py': `${script}# last\n` });
    await untilEnded(server, head);
    const pushed = (await server.runs()).filter(({ cause }) => cause === 'push').map((run) => run.sha);
    assert.deepEqual(pushed.slice(0, 2), [head, sha]);
  });
});

describe('Poll and webhook together', () => {
  let server: TestServer;
  before(async () => {
    server = await startPushtune({ poll: { every: '1s' } });
    await untilPolled(server);
  });
  after(() => server.close());

  it('start one run for a push, whichever comes first', async () => {
    const reported = await server.push({ 'train.py': script });
    await untilEnded(server, reported);
    const seen = server.pushUnreported({ 'train.py': `${script}# seen first\n` });
    const run = await untilEnded(server, seen);
    assert.equal((await server.report(seen, { before: reported })).run, run.id);
    assert.equal((await server.runs()).length, 2);
  });
});
