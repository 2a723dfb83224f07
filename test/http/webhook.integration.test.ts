import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { pino } from 'pino';
import { buildApp } from '../../src/app.js';
import { findRepository, parseConfig, repositoryUrl } from '../../src/config.js';
import type { Run } from '../../src/pipeline/run.js';
import { listRuns, rememberBotCommit } from '../../src/store/runs.js';
import {
  delivery,
  type HttpServer,
  openHttpServer,
  pingFixture,
  publicUrl,
  pushFixture,
  pushOf,
  secret,
  signatureOf,
} from './test-server.js';

let server: HttpServer;
before(async () => {
  server = await openHttpServer();
});
after(() => server.close());
beforeEach(() => server.forget());

function runs(): Promise<Run[]> {
  return listRuns(server.store.redis, { limit: 200 });
}

async function queuedPulls(): Promise<string[]> {
  const jobs = await server.store.queues.get('pull').getJobs(['waiting', 'prioritized', 'delayed', 'active']);
  return jobs.map((job) => String(job.data.run));
}

describe('a push to a watched branch', () => {
  it('is answered with the URL of a run that can be read at once, all five stages waiting', async () => {
    const response = await server.app.inject(delivery(pushFixture()));
    assert.equal(response.statusCode, 202);
    const { run, url } = response.json();
    assert.equal(url, `${publicUrl}/api/runs/${run}`);
    assert.equal(response.headers.location, url);

    const shown: Run = (await server.app.inject(`/api/runs/${run}`)).json();
    assert.equal(shown.repository, 'ada/digits');
    assert.equal(shown.branch, 'main');
    assert.equal(shown.sha, pushFixture().after);
    assert.equal(shown.number, 1);
    assert.equal(shown.trial, 0);
    assert.equal(shown.cause, 'push');
    assert.equal(shown.message, 'Train longer');
    assert.deepEqual(shown.author, { name: 'ada', email: 'ada@example.com' });
    assert.equal(shown.state, 'waiting');
    assert.deepEqual(
      Object.entries(shown.stages).map(([name, stage]) => `${name} ${stage.state}`),
      ['pull waiting', 'build waiting', 'train waiting', 'evaluate waiting', 'tune waiting'],
    );
  });

  it('is put into the queue of the pull stage', async () => {
    const { run } = (await server.app.inject(delivery(pushFixture()))).json();
    assert.deepEqual(await queuedPulls(), [run]);
  });

  it('starts a run over a real connection too', async () => {
    const address = await server.app.listen({ host: '127.0.0.1', port: 0 });
    const { headers, payload } = delivery(pushFixture());
    const response = await fetch(`${address}/webhooks/github`, { method: 'POST', headers, body: payload.toString() });
    assert.equal(response.status, 202);
    const { run } = (await response.json()) as { run: string };
    const shown = await fetch(`${address}/api/runs/${run}`);
    assert.equal(shown.status, 200);
    assert.equal(((await shown.json()) as Run).sha, pushFixture().after);
  });

  it('may come as a form', async () => {
    const form = new URLSearchParams({ payload: JSON.stringify(pushFixture()) }).toString();
    const response = await server.app.inject(delivery(form, { contentType: 'application/x-www-form-urlencoded' }));
    assert.equal(response.statusCode, 202);
    assert.equal((await runs())[0]?.sha, pushFixture().after);
  });

  it('starts a run for a branch that a pattern names, with its slashes', async () => {
    await server.app.inject(delivery(pushOf({ branch: 'experiments/wide/1' })));
    assert.equal((await runs())[0]?.branch, 'experiments/wide/1');
  });

  it('finds the repository whatever the case in which the host spells it', async () => {
    await server.app.inject(delivery(pushOf({ repository: 'Ada/Digits' })));
    assert.equal((await runs())[0]?.repository, 'ada/digits');
  });

  it('starts a run when people in it have no e-mail address', async () => {
    const push = pushFixture();
    assert.ok(push.head_commit);
    const nobody = { name: 'Ada Example', email: null };
    const payload = { ...push, pusher: nobody, head_commit: { ...push.head_commit, author: nobody } };
    assert.equal((await server.app.inject(delivery(payload))).statusCode, 202);
    const [run] = await runs();
    assert.equal(run?.sha, push.after);
    assert.equal(run?.author, undefined);
  });

  it('never has its clone URL used: the repository is fetched from where the configuration says', async () => {
    const push = pushFixture();
    const evil = 'https://evil.example/steal.git';
    const repository = { ...push.repository, clone_url: evil, ssh_url: evil, git_url: evil, url: evil, html_url: evil };
    const response = await server.app.inject(delivery({ ...push, repository, compare: evil }));
    assert.equal(response.statusCode, 202);
    const [run] = await runs();
    assert.ok(run);
    const jobs = await server.store.queues.get('pull').getJobs();
    assert.doesNotMatch(JSON.stringify([run, jobs.map(({ data }) => data)]), /evil\.example/);
    const settings = findRepository(server.config, run.repository);
    assert.ok(settings);
    assert.equal(repositoryUrl(server.config, settings), 'https://github.com/ada/digits.git');
  });
});

describe('a webhook that nobody with the secret has sent', () => {
  const push = pushFixture();
  const body = JSON.stringify(push);

  for (const [what, signature] of [
    ['without a signature', null],
    ['with an empty signature', ''],
    ['with a signature by another secret', signatureOf(body, 'another secret')],
    ['with the signature of another body', signatureOf(`${body} `)],
    ['with a signature that is cut off', signatureOf(body).slice(0, -1)],
    ['with a signature that lacks its prefix', signatureOf(body).slice('sha256='.length)],
    ['with a signature outside of ASCII', `sha256=${'é'.repeat(32)}`],
  ] as const) {
    it(`is refused ${what}`, async () => {
      const response = await server.app.inject(delivery(body, { signature }));
      assert.equal(response.statusCode, 401);
      assert.match(response.json().error, /signature/);
      assert.deepEqual(await runs(), []);
    });
  }

  it('is refused with only the old SHA-1 signature', async () => {
    const request = delivery(body, { signature: null });
    const headers = { ...request.headers, 'x-hub-signature': 'sha1=5b3c' };
    assert.equal((await server.app.inject({ ...request, headers })).statusCode, 401);
  });

  it('is refused with an empty body', async () => {
    assert.equal((await server.app.inject(delivery(''))).statusCode, 401);
  });

  it('is refused when its bytes differ from the signed ones only in what is no UTF-8', async () => {
    const signed = JSON.stringify(pushOf({ message: 'x\ufffdx' }));
    const [start = '', end = ''] = signed.split('\ufffd');
    const sent = Buffer.concat([Buffer.from(start), Buffer.from([0xff]), Buffer.from(end)]);
    const response = await server.app.inject(delivery(sent, { signature: signatureOf(signed) }));
    assert.equal(response.statusCode, 401);
    assert.deepEqual(await runs(), []);
  });

  it('says nothing about the secret', async () => {
    const { body: answer } = await server.app.inject(delivery(body, { signature: 'sha256=0' }));
    assert.ok(!answer.includes(secret));
    assert.ok(!answer.includes(signatureOf(body)));
  });
});

describe('a signed webhook', () => {
  it('is refused when it is not JSON', async () => {
    const response = await server.app.inject(delivery('{"ref": "refs/heads/main"'));
    assert.equal(response.statusCode, 400);
    assert.match(response.json().error, /not JSON/);
  });

  it('is refused when it is a form without a payload', async () => {
    const response = await server.app.inject(delivery('a=b', { contentType: 'application/x-www-form-urlencoded' }));
    assert.equal(response.statusCode, 400);
  });

  for (const payload of ['null', '[]', '"push"', '{}', JSON.stringify({ ...pushFixture(), after: 'main; rm -rf /' })]) {
    it(`is refused when it is JSON but no push: ${payload.slice(0, 20)}`, async () => {
      const response = await server.app.inject(delivery(payload));
      assert.equal(response.statusCode, 400);
      assert.match(response.json().error, /no push event/);
      assert.deepEqual(await runs(), []);
    });
  }

  it('is answered when it is the ping after the hook was made', async () => {
    const response = await server.app.inject(delivery(pingFixture(), { event: 'ping' }));
    assert.equal(response.statusCode, 200);
    assert.match(response.json().message, /pong/);
    assert.deepEqual(await runs(), []);
  });

  it('of a size that GitHub sends is taken', async () => {
    const commits = [{ message: 'x'.repeat(2 * 1024 * 1024) }];
    assert.equal((await server.app.inject(delivery({ ...pushFixture(), commits }))).statusCode, 202);
  });

  it('over 25 MB is refused', async () => {
    const payload = JSON.stringify({ ...pushFixture(), commits: ['x'.repeat(25 * 1024 * 1024)] });
    const response = await server.app.inject(delivery(payload));
    assert.equal(response.statusCode, 413);
    assert.deepEqual(await runs(), []);
  });
});

describe('a push that nobody wants tuned is taken with the reason, and starts nothing', () => {
  for (const [what, payload, event, reason] of [
    ['a deleted branch', pushFixture('push-branch-deleted'), 'push', /branch main was deleted/],
    ['a tag', pushFixture('push-tag'), 'push', /refs\/tags\/v1\.0\.0 is not a branch/],
    ['an unwatched repository', pushOf({ repository: 'eve/digits' }), 'push', /eve\/digits is not watched/],
    ['an unwatched branch', pushOf({ branch: 'drafts' }), 'push', /branch drafts is not watched/],
    ['[skip ci] in the subject', pushOf({ message: 'Fix a typo [skip ci]' }), 'push', /asks to skip/],
    ['[CI skip] below the subject', pushOf({ message: 'Fix a typo\n\n[CI skip]' }), 'push', /asks to skip/],
    ['the trailer skip-checks', pushOf({ message: 'Fix\n\n\nskip-checks: true' }), 'push', /asks to skip/],
    ['another event', { action: 'opened' }, 'issues', /issues is not a push/],
  ] as const) {
    it(what, async () => {
      const response = await server.app.inject(delivery(payload, { event }));
      assert.equal(response.statusCode, 202);
      assert.match(response.json().reason, reason);
      assert.equal(response.json().run, undefined);
      assert.deepEqual(await runs(), []);
      assert.deepEqual(await queuedPulls(), []);
    });
  }

  it("the bot's own commit, though the trailer for other CI is not what stops it", async () => {
    const push = pushOf({ message: 'tune: epochs 3 → 8 (trial 1)\n\n\nPushtune-Trial: 1\nskip-checks: true' });
    await rememberBotCommit(server.store.redis, 'ada/digits', push.after);
    const response = await server.app.inject(delivery(push));
    assert.equal(response.statusCode, 202);
    assert.match(response.json().reason, /Pushtune's own/);
    assert.deepEqual(await runs(), []);
  });

  it("but a person's commit that only looks like the bot's does start a run", async () => {
    await server.app.inject(delivery(pushOf({ message: 'tune: epochs 3 → 8 (trial 1)\n\n\nPushtune-Trial: 1' })));
    assert.equal((await runs()).length, 1);
  });
});

describe('the same push', () => {
  async function runOf(request: ReturnType<typeof delivery>): Promise<string> {
    const response = await server.app.inject(request);
    assert.equal(response.statusCode, 202);
    return response.json().run;
  }

  it('delivered twice starts one run, and both answers name it', async () => {
    const request = delivery(pushFixture(), { delivery: '0b989ba4-242f-11e5-81e1-c7b6966d2516' });
    assert.equal(await runOf(request), await runOf(request));
    assert.equal((await runs()).length, 1);
    assert.equal((await queuedPulls()).length, 1);
  });

  it('under two delivery ids starts one run', async () => {
    assert.equal(await runOf(delivery(pushFixture())), await runOf(delivery(pushFixture())));
    assert.equal((await runs()).length, 1);
  });

  it('twenty times at once starts one run', async () => {
    const ids = await Promise.all(Array.from({ length: 20 }, () => runOf(delivery(pushFixture()))));
    assert.equal(new Set(ids).size, 1);
    assert.equal((await runs()).length, 1);
    assert.deepEqual(await queuedPulls(), [ids[0]]);
  });

  it('delivered again after its job was lost is queued again', async () => {
    const request = delivery(pushFixture());
    const run = await runOf(request);
    await server.store.queues.get('pull').obliterate({ force: true });
    assert.deepEqual(await queuedPulls(), []);
    assert.equal(await runOf(request), run);
    assert.deepEqual(await queuedPulls(), [run]);
  });

  it('to another branch, or with another commit, is another push', async () => {
    await runOf(delivery(pushFixture()));
    await runOf(delivery(pushOf({ branch: 'experiments/1' })));
    await runOf(delivery(pushOf({ sha: 'a'.repeat(40) })));
    const found = await runs();
    assert.deepEqual(
      found.map(({ number, branch, sha }) => `${number} ${branch} ${sha.slice(0, 4)}`),
      ['3 main aaaa', '2 experiments/1 4f6a', '1 main 4f6a'],
    );
    assert.equal(new Set(found.map(({ study }) => study)).size, 3);
  });
});

describe('while Redis is away', () => {
  it('a push is answered with 503, and its redelivery starts the run once Redis is back', async () => {
    const known = (await server.app.inject(delivery(pushOf({ sha: 'b'.repeat(40) })))).json();
    const request = delivery(pushFixture());
    await server.stopRedis();
    const refused = await server.app.inject(request);
    const alive = await server.app.inject('/healthz');
    const ready = await server.app.inject('/readyz');
    const unsigned = await server.app.inject(delivery(pushFixture(), { signature: null }));
    await server.startRedis();

    assert.equal(refused.statusCode, 503);
    assert.equal(refused.headers['retry-after'], '10');
    assert.match(refused.json().error, /Redis is away/);
    assert.equal(alive.statusCode, 200);
    assert.equal(ready.statusCode, 503);
    assert.equal(unsigned.statusCode, 401);

    const repeated = await server.app.inject(request);
    assert.equal(repeated.statusCode, 202);
    assert.equal((await server.app.inject('/readyz')).statusCode, 200);
    assert.deepEqual(
      (await runs()).map(({ id }) => id),
      [repeated.json().run, known.run],
    );
    assert.ok((await queuedPulls()).includes(repeated.json().run));
  });
});

describe('without a secret', () => {
  const config = parseConfig({}, 'the test');

  it('no webhook is taken, signed or not, and the answer names the setting', async () => {
    const app = buildApp({ config, store: server.store, logger: pino({ level: 'silent' }) });
    const response = await app.inject(delivery(pushFixture()));
    assert.equal(response.statusCode, 503);
    assert.match(response.json().error, /github\.webhook_secret/);
    assert.deepEqual(await runs(), []);
  });
});
