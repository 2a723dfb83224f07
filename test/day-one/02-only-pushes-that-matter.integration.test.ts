import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Study } from '../../src/pipeline/study.js';
import { pretendedTraining } from '../support/pretended-training.js';
import { startPushtune, type TestServer, until, untilEnded } from '../support/pushtune.js';

const settings = 'metric: {target: 0.99}\nbudget: {trials: 12, patience: 12}\n';
const files = {
  'train.py': `import helper\n${pretendedTraining('filters / 1000')}`,
  'helper.py': 'VALUE = 1\n',
  '.pushtune.yml': settings,
  'README.md': 'First words\n',
};

/** A person tries again when the bot was faster. */
async function pushSoon(server: TestServer, changed: Readonly<Record<string, string>>): Promise<string> {
  return until('the person’s push is through', async () => {
    try {
      return server.pushUnreported(changed);
    } catch {
      return undefined;
    }
  });
}

async function untilOver(server: TestServer, id: string): Promise<Study> {
  return until('the study ends', async () => {
    const study = await server.study(id);
    return study.state !== 'running' && study;
  });
}

describe('Only pushes that matter: reported by a webhook,', () => {
  let server: TestServer;
  before(async () => {
    server = await startPushtune({ poll: { every: 0 } });
  });
  after(() => server.close());

  it('one that changes nothing of what is trained starts and supersedes nothing: the study goes on on top of it', async () => {
    const { study: id } = await untilEnded(server, await server.push(files));
    await until('some trials are through', async () => (await server.study(id)).trials.length > 2);
    const sha = await pushSoon(server, { 'README.md': 'Better words\n' });
    const before = server.person('rev-parse', `${sha}~1`).trim();
    const answer = await server.report(sha, { before, commits: [{ modified: ['README.md'] }] });
    assert.match(answer.reason ?? '', /the push changes README\.md, which the training does not read/);
    assert.match(answer.reason ?? '', /a study that runs goes on on top of it/);

    const study = await untilOver(server, id);
    assert.equal(study.state, 'budget_ended');
    assert.equal(study.trials.length, 12);
    const commits = server.git('log', '--format=%H', '--reverse').trim().split('\n');
    const own = commits.filter((commit) => commit !== sha);
    assert.deepEqual(
      own.slice(0, 12),
      study.trials.map((trial) => trial.sha),
      'every trial stands on the branch',
    );
    assert.ok(commits.indexOf(sha) < commits.length - 1, 'and some of them on top of the person’s commit');
    assert.equal(server.git('show', 'HEAD:README.md'), 'Better words\n');
    const runs = await server.runs();
    assert.deepEqual([...new Set(runs.map(({ study: of }) => of))], [id]);
    assert.ok(runs.every(({ state }) => state === 'succeeded'));
    assert.deepEqual(runs.map((run) => run.sha).sort(), study.trials.map((trial) => trial.sha).sort());
  });

  it('and nothing is trained for it once the study has ended, however often', async () => {
    const count = (await server.runs()).length;
    for (const text of ['Third words\n', 'Fourth words\n']) {
      const sha = server.pushUnreported({ 'README.md': text, 'docs/a.md': text });
      const before = server.person('rev-parse', 'HEAD~1').trim();
      const { reason } = await server.report(sha, {
        before,
        commits: [{ added: ['docs/a.md'], modified: ['README.md'] }],
      });
      assert.match(reason ?? '', /docs\/a\.md, README\.md|README\.md/);
    }
    assert.equal((await server.runs()).length, count);
  });

  it('one that changes a module of the script, or of which the report does not tell all, begins anew', async () => {
    const helper = server.pushUnreported({ 'helper.py': 'VALUE = 2\n' });
    const before = server.person('rev-parse', 'HEAD~1').trim();
    const first = await server.report(helper, { before, commits: [{ modified: ['helper.py'] }] });
    assert.ok(first.run !== undefined);
    await until('it trains', async () => (await server.runs()).some(({ id, build }) => id === first.run && build));
    const words = await pushSoon(server, { 'README.md': 'Last words\n' });
    const second = await server.report(words, { before: server.person('rev-parse', `${words}~1`).trim() });
    assert.ok(second.run !== undefined);
    const superseded = await untilEnded(server, helper);
    const study = await until('its study has ended', async () => {
      const found = await server.study(superseded.study);
      return found.state === 'superseded' && found;
    });
    assert.match(study.reason ?? '', /was pushed to main/);
  });
});

describe('Only pushes that matter: found by looking,', () => {
  let server: TestServer;
  before(async () => {
    server = await startPushtune({ poll: { every: '1s' } });
  });
  after(() => server.close());

  it('one of words starts nothing, and one of data that the script names does', async () => {
    const script = 'import numpy\nopen("labels/train.csv").close()\nprint("accuracy: 0.9")\n';
    await untilEnded(
      server,
      await server.push({ 'train.py': script, 'labels/train.csv': 'a\n', 'README.md': 'words\n' }),
    );
    server.pushUnreported({ 'README.md': 'more words\n' });
    server.pushUnreported({ 'notes/ideas.txt': 'later\n' });
    const data = server.pushUnreported({ 'labels/train.csv': 'b\n' });
    assert.equal((await untilEnded(server, data)).state, 'succeeded');
    assert.equal((await server.runs()).length, 2);
  });
});
