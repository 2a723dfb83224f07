/** What a server finds at its start of one that was killed, with the real engine. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { agentFolder, inspectContainer } from '../../src/container/containers.js';
import { repositoryFolders } from '../../src/container/folders.js';
import { endRun } from '../../src/pipeline/run.js';
import { setUse } from '../../src/store/container-uses.js';
import { updateRun } from '../../src/store/runs.js';
import { newId } from '../../src/store/start-run.js';
import { settleLeftovers } from '../../workers/leftovers.js';
import { provideContainer } from '../../workers/provide-container.js';
import { startWatch } from '../../workers/watch.js';
import { until } from '../support/pushtune.js';
import { host, repository, startTestWorker, type TestWorker } from '../support/worker-context.js';

describe('a server that starts after one that was killed', () => {
  let worker: TestWorker;
  before(async () => {
    worker = await startTestWorker({ repositories: [{ name: repository }] });
  });
  after(() => worker.close());

  it('removes containers of repositories that are not watched any more, unless a run still needs them', async () => {
    const watched = await provideContainer(worker.context, worker.request());
    const needed = await provideContainer(worker.context, worker.request({ repository: 'gone/needed' }));
    const gone = await provideContainer(worker.context, worker.request({ repository: 'gone/away' }));
    const run = await worker.trainingRun(needed);
    await settleLeftovers(worker.context);
    const states = await Promise.all(
      [watched, needed, gone].map((name) => inspectContainer(worker.docker, worker.context.config.data, name)),
    );
    assert.deepEqual(
      states.map((state) => state?.running),
      [true, true, undefined],
    );
    assert.equal(existsSync(agentFolder(worker.context.config.data, 'gone/away', gone)), false);
    await updateRun(worker.context.store.redis, run.id, (current) => endRun(current, 'failed', ''));
  });

  it('ends trainings whose run has ended or is unknown, and leaves those that are waited for', async () => {
    const container = await provideContainer(worker.context, worker.request());
    const folder = agentFolder(worker.context.config.data, repository, container);
    const { runs } = repositoryFolders(worker.context.config.data, repository);
    const running = (await worker.trainingRun(container)).id;
    const ended = (await worker.trainingRun(container)).id;
    await updateRun(worker.context.store.redis, ended, (run) => endRun(run, 'superseded', ''));
    const unknown = newId();
    for (const id of [running, ended, unknown]) {
      mkdirSync(join(runs, id));
      writeFileSync(join(folder, 'requests', id), '');
    }
    await settleLeftovers(worker.context);
    const ids = [running, ended, unknown];
    assert.deepEqual(
      ids.map((id) => existsSync(join(folder, 'requests', id))),
      [true, false, false],
    );
    assert.deepEqual(
      ids.map((id) => existsSync(join(runs, id, 'stop'))),
      [false, true, true],
    );
  });

  it('starts the containers that are to run, and no others', async () => {
    const [wanted, unwanted] = await Promise.all(
      ['a', 'b'].map((name) => provideContainer(worker.context, worker.request({ repository: `team/${name}` }))),
    );
    assert.ok(wanted !== undefined && unwanted !== undefined);
    await setUse(worker.context.store.redis, host, unwanted, { desired: 'stopped', usedAt: new Date().toISOString() });
    for (const name of [wanted, unwanted]) await worker.docker.getContainer(name).kill();
    const watch = startWatch(worker.context);
    await until('it runs', async () => {
      return (await inspectContainer(worker.docker, worker.context.config.data, wanted))?.running;
    });
    await watch.lookAfterAll();
    await watch.close();
    assert.equal((await inspectContainer(worker.docker, worker.context.config.data, unwanted))?.running, false);
  });
});
