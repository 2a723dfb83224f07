import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, beforeEach, describe, it } from 'node:test';
import type { InjectOptions } from 'fastify';
import { pino } from 'pino';
import { buildApp } from '../../src/app.js';
import { repositoryFolders, scratchFolder } from '../../src/container/folders.js';
import { addEventsOnce, finishStage, type Run, startStage } from '../../src/pipeline/run.js';
import { newStudy, recordTrial, type Study } from '../../src/pipeline/study.js';
import { appendLog } from '../../src/store/logs.js';
import { getRun, updateRun } from '../../src/store/runs.js';
import { createStudy, updateStudy } from '../../src/store/studies.js';
import { delivery, type HttpServer, openHttpServer, publicUrl, pushOf } from './test-server.js';

const token = 'a token of the tests';
const at = '2026-03-14T10:00:00.000Z';

let server: HttpServer;
before(async () => {
  server = await openHttpServer((folder) => ({
    server: { url: publicUrl, token },
    repositories: [
      { name: 'ada/digits', url: join(folder, 'remote.git') },
      { name: 'grace/letters', url: join(folder, 'nowhere.git') },
    ],
  }));
});
after(() => server.close());
beforeEach(() => server.forget());

/** A run as a push makes it. `digit` gives the commit's SHA. */
async function pushed(digit: string, repository = 'ada/digits', branch = 'main'): Promise<Run> {
  const request = delivery(pushOf({ sha: digit.repeat(40), repository, branch }));
  const { run } = (await server.app.inject(request)).json();
  const found = await getRun(server.store.redis, run);
  assert.ok(found);
  return found;
}

function studyOf(run: Run): Study {
  const budget = { trials: 50, hours: 12, patience: 15 };
  const { study: id, repository, branch, sha: baseSha } = run;
  return newStudy({ id, repository, branch, baseSha, createdAt: at, mode: 'max', target: 0.8, budget });
}

/** The run's study with a trial that was measured. */
async function measured(run: Run, value: number): Promise<void> {
  const metric = { name: 'val_accuracy', value, source: 'metrics.json' };
  const trial = { number: 0, run: run.id, sha: run.sha, values: { epochs: 3 }, state: 'completed', metric } as const;
  await createStudy(server.store.redis, recordTrial(studyOf(run), trial));
  await updateRun(server.store.redis, run.id, (current) => ({ ...current, metric }));
}

describe('GET /status', () => {
  it('says what is watched before anything was pushed', async () => {
    const response = await server.app.inject('/status');
    assert.equal(response.headers['content-type'], 'text/plain; charset=utf-8');
    assert.equal(response.body, 'Pushtune watches 2 repositories.\nNothing was pushed yet.\n');
  });

  it('is a table with the newest run of each branch, the stage that runs, and the best of its study', async () => {
    await pushed('a');
    const run = await pushed('b');
    await measured(run, 0.6125);
    await updateRun(server.store.redis, run.id, (current) => startStage(current, 'pull', at));
    await pushed('c', 'grace/letters', 'wide');
    const { body } = await server.app.inject('/status');
    const lines = body.trimEnd().split('\n');
    assert.equal(lines.length, 5);
    assert.match(lines[2] ?? '', /^REPOSITORY +BRANCH +RUN +STATE +TRIAL +METRIC +BEST +TARGET +STUDY$/);
    assert.match(lines[3] ?? '', /^grace\/letters +wide +#1 +waiting +0 +- +- +- +waiting$/);
    assert.match(lines[4] ?? '', /^ada\/digits +main +#2 +pull +0 +61\.\d % +61\.\d % +80\.0 % +running$/);
  });

  it('keeps its columns under their titles', async () => {
    await pushed('a');
    await pushed('b', 'grace/letters', 'a-long-name-of-a-branch');
    const lines = (await server.app.inject('/status')).body.trimEnd().split('\n').slice(2);
    const column = lines[0]?.indexOf('RUN');
    assert.deepEqual(
      lines.map((line) => line.indexOf(line.includes('RUN') ? 'RUN' : '#1')),
      lines.map(() => column),
    );
  });

  it('is JSON for who asks for it', async () => {
    const run = await pushed('a');
    await measured(run, 0.5);
    const response = await server.app.inject({ url: '/status', headers: { accept: 'application/json' } });
    assert.match(String(response.headers['content-type']), /^application\/json/);
    const { repositories, branches } = response.json();
    assert.deepEqual(repositories, ['ada/digits', 'grace/letters']);
    assert.equal(branches.length, 1);
    const { since, ...status } = branches[0];
    assert.equal(since, run.createdAt);
    assert.deepEqual(status, {
      repository: 'ada/digits',
      branch: 'main',
      run: 1,
      runId: run.id,
      state: 'waiting',
      stage: '',
      trial: 0,
      study: run.study,
      studyState: 'running',
      metric: 0.5,
      best: 0.5,
      target: 0.8,
    });
  });
});

describe('GET /api/runs', () => {
  async function shas(query: string): Promise<string> {
    const response = await server.app.inject(`/api/runs${query}`);
    assert.equal(response.statusCode, 200);
    return response
      .json()
      .runs.map((run: Run) => run.sha[0])
      .join('');
  }

  it('lists the newest first, with links', async () => {
    const run = await pushed('a');
    await pushed('b');
    assert.equal(await shas(''), 'ba');
    const shown = (await server.app.inject('/api/runs')).json().runs[1];
    assert.equal(shown.url, `${publicUrl}/api/runs/${run.id}`);
    assert.equal(shown.logUrl, `${publicUrl}/api/runs/${run.id}/log`);
    assert.equal(shown.studyUrl, `${publicUrl}/api/studies/${run.study}`);
  });

  it('filters by repository, branch and state', async () => {
    await pushed('a');
    await pushed('b', 'ada/digits', 'wide');
    const running = await pushed('c', 'grace/letters');
    await updateRun(server.store.redis, running.id, (run) => startStage(run, 'pull', at));
    assert.equal(await shas('?repository=ada/digits'), 'ba');
    assert.equal(await shas('?branch=main'), 'ca');
    assert.equal(await shas('?repository=ada/digits&branch=wide'), 'b');
    assert.equal(await shas('?state=running'), 'c');
    assert.equal(await shas('?state=failed'), '');
    assert.equal(await shas('?repository=eve/none'), '');
  });

  it('pages by the id of the last run that was seen', async () => {
    for (const digit of ['a', 'b', 'c', 'd']) await pushed(digit);
    const { runs } = (await server.app.inject('/api/runs?limit=2')).json();
    assert.equal(runs.map((run: Run) => run.sha[0]).join(''), 'dc');
    assert.equal(await shas(`?limit=2&before=${runs[1].id}`), 'ba');
  });

  for (const query of ['limit=0', 'limit=201', 'limit=many', 'state=done']) {
    it(`names what is wrong with ${query}`, async () => {
      const response = await server.app.inject(`/api/runs?${query}`);
      assert.equal(response.statusCode, 400);
      assert.ok(response.json().error.includes(query.split('=')[0]));
    });
  }
});

describe('GET /api/runs/:id', () => {
  it('shows how each stage stands', async () => {
    const { id } = await pushed('a');
    await updateRun(server.store.redis, id, (run) => finishStage(startStage(run, 'pull', at), 'pull', at));
    const { stages } = (await server.app.inject(`/api/runs/${id}`)).json();
    assert.deepEqual(stages.pull, { state: 'succeeded', startedAt: at, finishedAt: at });
    assert.deepEqual(stages.build, { state: 'waiting' });
  });

  it('shows where the metric was read, and what should be known of it', async () => {
    const { id } = await pushed('a');
    const metric = { name: 'val_accuracy', value: 0.9, source: 'keras history' };
    const warning = { text: 'train.py ended with exit code 3', isWarning: true };
    await updateRun(server.store.redis, id, (run) => addEventsOnce({ ...run, metric }, at, [warning]));
    const shown = (await server.app.inject(`/api/runs/${id}`)).json();
    assert.deepEqual(shown.metric, metric);
    assert.deepEqual(shown.events, [{ at, ...warning }]);
  });

  for (const path of ['/api/runs/none', '/api/runs/none/log', '/api/studies/none', '/api/nothing']) {
    it(`is 404 with a reason for ${path}`, async () => {
      const response = await server.app.inject(path);
      assert.equal(response.statusCode, 404);
      assert.match(response.json().error, /^there is no /);
    });
  }
});

describe('GET /api/runs/:id/log', () => {
  const printed = 'Epoch 1/3\n<script>alert("é")</script>\n';

  it('is the bytes that the script printed, as text that no browser runs', async () => {
    const { id } = await pushed('a');
    await appendLog(server.store.redis, id, 0, Buffer.from(printed));
    const response = await server.app.inject(`/api/runs/${id}/log`);
    assert.equal(response.statusCode, 200);
    assert.equal(response.headers['content-type'], 'text/plain; charset=utf-8');
    assert.equal(response.headers['x-content-type-options'], 'nosniff');
    assert.equal(response.body, printed);
  });

  it('goes on from an offset in bytes', async () => {
    const { id } = await pushed('a');
    const bytes = Buffer.concat([Buffer.from(printed), Buffer.from([0xff, 0xfe])]);
    await appendLog(server.store.redis, id, 0, bytes);
    const { rawPayload } = await server.app.inject(`/api/runs/${id}/log?offset=10`);
    assert.deepEqual(rawPayload, bytes.subarray(10));
  });

  it('is empty from its end on, and before anything was printed', async () => {
    const { id } = await pushed('a');
    assert.equal((await server.app.inject(`/api/runs/${id}/log`)).body, '');
    await appendLog(server.store.redis, id, 0, Buffer.from(printed));
    assert.equal((await server.app.inject(`/api/runs/${id}/log?offset=${Buffer.byteLength(printed)}`)).body, '');
  });

  it("comes from the run's folder when Redis has forgotten it", async () => {
    const { id, repository } = await pushed('a');
    const folder = join(repositoryFolders(server.config.data, repository).runs, id);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'log'), printed);
    assert.equal((await server.app.inject(`/api/runs/${id}/log`)).body, printed);
    assert.equal((await server.app.inject(`/api/runs/${id}/log?offset=10`)).body, printed.slice(10));
  });

  for (const offset of ['-1', '1.5', 'x']) {
    it(`refuses the offset ${offset}`, async () => {
      const { id } = await pushed('a');
      assert.equal((await server.app.inject(`/api/runs/${id}/log?offset=${offset}`)).statusCode, 400);
    });
  }
});

describe('GET /api/studies/:id', () => {
  it('shows the trials with their runs, and the best', async () => {
    const run = await pushed('a');
    await measured(run, 0.7);
    const study = (await server.app.inject(`/api/studies/${run.study}`)).json();
    assert.equal(study.url, `${publicUrl}/api/studies/${run.study}`);
    assert.equal(study.target, 0.8);
    assert.equal(study.trials[0].runUrl, `${publicUrl}/api/runs/${run.id}`);
    assert.equal(study.best.metric.value, 0.7);
  });

  it('has no best before a trial was measured', async () => {
    const run = await pushed('a');
    await createStudy(server.store.redis, studyOf(run));
    assert.equal((await server.app.inject(`/api/studies/${run.study}`)).json().best, null);
  });
});

describe('what GET /api/studies/:id says of the trials', () => {
  const parameters = [
    { name: 'epochs', type: 'int', low: 1, high: 20 },
    { name: 'units', type: 'int', low: 1, high: 20 },
  ] as const;

  it('follows the trials as they come', async () => {
    const run = await pushed('a');
    const { redis } = server.store;
    await createStudy(redis, { ...studyOf(run), space: { parameters } });
    async function study() {
      return (await server.app.inject(`/api/studies/${run.study}`)).json();
    }
    const { importance, summary, bestSoFar } = await study();
    assert.deepEqual([importance, summary, bestSoFar], [null, '', []]);
    for (let number = 0; number < 20; number += 1) {
      const metric = { name: 'val_accuracy', value: 0.3 + number / 100, source: 'log' };
      const values = { epochs: number + 1, units: ((number * 7) % 20) + 1 };
      const trial = { number, run: run.id, sha: run.sha, values, state: 'completed', metric } as const;
      await updateStudy(redis, run.study, (current) => recordTrial(current, trial));
      const { bestSoFar: curve } = await study();
      assert.equal(curve.length, number + 1);
      assert.equal(curve.at(-1), metric.value);
    }
    const told = await study();
    assert.equal(told.importance[0].name, 'epochs');
    assert.match(told.summary, /^The epochs explain \d+ % of .*\. val_accuracy 30\.0 % → 49\.0 % with epochs 1 → 20/);
  });
});

describe('health', () => {
  it('is told while all is well', async () => {
    const alive = await server.app.inject('/healthz');
    const ready = await server.app.inject('/readyz');
    assert.deepEqual([alive.statusCode, alive.json()], [200, { status: 'ok' }]);
    assert.deepEqual([ready.statusCode, ready.json()], [200, { status: 'ready' }]);
  });
});

describe('POST /api/runs', () => {
  let head: string;
  before(() => {
    const remote = join(server.folder, 'remote.git');
    const clone = join(server.folder, 'clone');
    git('init', '--quiet', '--bare', '--initial-branch=main', remote);
    git('init', '--quiet', '--initial-branch=main', clone);
    const person = ['-c', 'user.name=Ada', '-c', 'user.email=ada@example.com'];
    git('-C', clone, ...person, 'commit', '--quiet', '--allow-empty', '--message', 'First');
    git('-C', clone, 'push', '--quiet', remote, 'main');
    head = git('-C', clone, 'rev-parse', 'HEAD');
  });

  function request(body: unknown, authorization?: string): InjectOptions {
    const headers = {
      'content-type': 'application/json',
      ...(authorization === undefined ? {} : { authorization }),
    };
    return { method: 'POST', url: '/api/runs', headers, payload: JSON.stringify(body) };
  }

  function start(body: unknown) {
    return server.app.inject(request(body, `Bearer ${token}`));
  }

  it('starts a run of the branch as it stands, on a server that has never used git before', async () => {
    rmSync(scratchFolder(server.config.data), { recursive: true, force: true });
    const response = await start({ repository: 'ada/digits', branch: 'main' });
    assert.equal(response.statusCode, 202, response.body);
    const { run, url } = response.json();
    assert.equal(response.headers.location, url);
    const shown = (await server.app.inject(`/api/runs/${run}`)).json();
    assert.equal(shown.sha, head);
    assert.equal(shown.cause, 'manual');
    assert.equal(shown.state, 'waiting');
  });

  it('starts a new run each time, for a person may want the same commit again', async () => {
    const first = await start({ repository: 'ada/digits', branch: 'main' });
    const second = await start({ repository: 'Ada/Digits', branch: 'main' });
    assert.deepEqual([first.statusCode, second.statusCode], [202, 202], first.body);
    assert.notEqual(first.json().run, second.json().run);
    const shown = (await server.app.inject(`/api/runs/${second.json().run}`)).json();
    assert.deepEqual([shown.number, shown.sha, shown.repository], [2, head, 'ada/digits']);
  });

  it('is 404 for a repository that is not watched, and for a branch that the remote does not have', async () => {
    const unknown = await start({ repository: 'eve/digits', branch: 'main' });
    assert.deepEqual([unknown.statusCode, unknown.json().error], [404, 'eve/digits is not watched']);
    const missing = await start({ repository: 'ada/digits', branch: 'none' });
    assert.deepEqual([missing.statusCode, missing.json().error], [404, 'ada/digits has no branch none']);
  });

  it('is 502 when the remote can not be reached', async () => {
    const response = await start({ repository: 'grace/letters', branch: 'main' });
    assert.equal(response.statusCode, 502);
    assert.match(response.json().error, /asking .*nowhere\.git for main failed/);
  });

  for (const branch of ['', '--upload-pack=touch x', 'a..b', 'a b']) {
    it(`is 400 for "${branch}", which is no branch name`, async () => {
      const response = await start({ repository: 'ada/digits', branch });
      assert.equal(response.statusCode, 400);
      assert.match(response.json().error, /is no branch name/);
    });
  }

  for (const [what, authorization] of [
    ['without a token', undefined],
    ['with a wrong token', 'Bearer wrong'],
    ['with an empty token', 'Bearer '],
    ['with the token and more', `Bearer ${token}x`],
  ] as const) {
    it(`is 401 ${what}`, async () => {
      const response = await server.app.inject(request({ repository: 'ada/digits', branch: 'main' }, authorization));
      assert.equal(response.statusCode, 401);
      assert.ok(!response.body.includes(token));
    });
  }

  it('is 403 where no token is configured, whatever is sent', async () => {
    const { config, store } = server;
    const closed = { ...config, server: { ...config.server, token: '' } };
    const app = buildApp({ config: closed, store, logger: pino({ level: 'silent' }) });
    for (const authorization of [undefined, 'Bearer ', `Bearer ${token}`]) {
      const response = await app.inject(request({ repository: 'ada/digits', branch: 'main' }, authorization));
      assert.equal(response.statusCode, 403);
      assert.match(response.json().error, /server\.token/);
    }
    await app.close();
  });

  for (const body of [null, {}, { repository: 'ada/digits' }, { repository: 'ada/digits', branch: 'main', sha: 'x' }]) {
    it(`is 400 for the body ${JSON.stringify(body)}`, async () => {
      assert.equal((await start(body)).statusCode, 400);
    });
  }

  it('takes bodies up to 1 MiB only, unlike the webhook', async () => {
    const response = await start({ repository: 'ada/digits', branch: 'x'.repeat(1024 * 1024) });
    assert.equal(response.statusCode, 413);
  });
});

function git(...parameters: string[]): string {
  return execFileSync('git', parameters, { encoding: 'utf8' }).trim();
}
