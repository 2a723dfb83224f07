/** What becomes of containers that crash, idle or are removed, with the real engine and without the job of every minute. */
import assert from 'node:assert/strict';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { agentFolder, containerName, inspectContainer } from '../../src/container/containers.js';
import { mostRestarts } from '../../src/pipeline/incident.js';
import { endRun } from '../../src/pipeline/run.js';
import { getUse, setUse } from '../../src/store/container-uses.js';
import { getIncident } from '../../src/store/incidents.js';
import { updateRun } from '../../src/store/runs.js';
import { withEngine } from '../../workers/engine-patience.js';
import { stopIdleContainers } from '../../workers/idle.js';
import { provideContainer } from '../../workers/provide-container.js';
import { StageFailure } from '../../workers/stage.js';
import { type ContainerWatch, startWatch } from '../../workers/watch.js';
import { until } from '../support/pushtune.js';
import { host, repository, startTestWorker, type TestWorker } from '../support/worker-context.js';

describe('the watch over containers', () => {
  let worker: TestWorker;
  let watch: ContainerWatch;
  before(async () => {
    worker = await startTestWorker({ training: { idle: 1, engine_patience: 60 } });
    watch = startWatch(worker.context);
  });
  after(async () => {
    await watch.close();
    await worker.close();
  });

  async function start(name: string): Promise<string> {
    const container = await provideContainer(worker.context, worker.request({ repository: `team/${name}` }));
    await until('the agent lives', async () => existsSync(join(folderOf(name, container), 'heartbeat')));
    return container;
  }

  function folderOf(name: string, container: string): string {
    return agentFolder(worker.context.config.data, `team/${name}`, container);
  }

  async function startsOf(container: string): Promise<number> {
    const state = await inspectContainer(worker.docker, worker.context.config.data, container);
    return state?.running === true ? state.startedAt : 0;
  }

  function untilStartedAgain(container: string, before: number): Promise<unknown> {
    return until('it was started again', async () => (await startsOf(container)) > before);
  }

  it('restarts a container that crashed as soon as the engine tells of it, and counts the crash once', async () => {
    const container = await start('crash');
    const run = await worker.trainingRun(container);
    const started = await startsOf(container);
    await worker.docker.getContainer(container).kill();
    await untilStartedAgain(container, started);
    const text = 'the container crashed (exit code 137) and was restarted';
    await until('the run tells of it', async () => (await worker.run(run.id)).events.length > 0);
    assert.deepEqual(
      (await worker.run(run.id)).events.map((event) => event.text),
      [text],
    );
    assert.equal((await getIncident(worker.context.store.redis, host, container))?.restarts, 1);
    assert.deepEqual(await worker.mails(), [], 'whether it lives is not known yet');

    const restarted = await startsOf(container);
    await worker.docker.getContainer(container).kill();
    // The job of every minute may look at the same moment.
    await Promise.all([watch.lookAfterAll(), watch.lookAfterAll()]);
    await untilStartedAgain(container, restarted);
    assert.equal((await getIncident(worker.context.store.redis, host, container))?.restarts, 2);
    await updateRun(worker.context.store.redis, run.id, (current) => endRun(current, 'succeeded', ''));
  });

  it('gives up a container that crashes in a loop, with one mail, and makes it anew for the next run', async () => {
    const container = await start('loop');
    const run = await worker.trainingRun(container, { cause: 'trial' });
    const other = await worker.trainingRun(container, { cause: 'trial', study: run.study });
    const id = (await worker.docker.getContainer(container).inspect()).Id;
    const crash = join(folderOf('loop', container), 'crash');
    writeFileSync(crash, '3');
    const incident = await until('it is given up', async () => {
      const found = await getIncident(worker.context.store.redis, host, container);
      return found?.givenUp === true && found;
    });
    assert.equal(incident.restarts, mostRestarts);
    assert.equal(incident.cause, 'exit code 3');
    await until('the run tells of it', async () =>
      (await worker.run(run.id)).events.some(({ text }) => text.includes('is not restarted any more')),
    );
    assert.equal((await worker.run(run.id)).events.length, mostRestarts + 1);
    await until('the mail is there', async () => (await worker.mails()).length > 0);
    await watch.lookAfterAll();
    assert.deepEqual(
      (await worker.mails()).map(({ subject }) => subject),
      ['[pushtune] team/loop: container is not restarted any more'],
    );

    for (const { id } of [run, other]) {
      await updateRun(worker.context.store.redis, id, (current) => endRun(current, 'failed', ''));
    }
    rmSync(crash);
    await start('loop');
    assert.notEqual((await worker.docker.getContainer(container).inspect()).Id, id);
    assert.equal(await getIncident(worker.context.store.redis, host, container), undefined);
  });

  it('stops a container that no run needs, leaves it alone, and starts it for the next run', async () => {
    const container = await start('idle');
    const run = await worker.trainingRun(container);
    await untilIdle(container);
    await stopIdleContainers(worker.context);
    assert.ok((await startsOf(container)) > 0, 'a run needs it');

    await updateRun(worker.context.store.redis, run.id, (current) => endRun(current, 'succeeded', ''));
    await untilIdle(container);
    await stopIdleContainers(worker.context);
    await watch.lookAfterAll();
    const { State } = await worker.docker.getContainer(container).inspect();
    assert.equal(State.Running, false);
    assert.equal(State.ExitCode, 0, 'it ended by itself');
    assert.equal(await getIncident(worker.context.store.redis, host, container), undefined);

    await start('idle');
    assert.ok((await startsOf(container)) > 0);
  });

  /** As if it had been needed last an hour ago. */
  async function untilIdle(container: string): Promise<void> {
    const usedAt = new Date(Date.now() - 3_600_000).toISOString();
    await setUse(worker.context.store.redis, host, container, { desired: 'running', usedAt });
  }

  it('knows no use of a container that was removed', async () => {
    const container = await start('removed');
    await worker.docker.getContainer(container).remove({ force: true });
    await until(
      'it is forgotten',
      async () => (await getUse(worker.context.store.redis, host, container)) === undefined,
    );
  });

  it('looks after everything when an engine that was away is back, without filling the log', async () => {
    const container = await start('away');
    const stopped = await start('away-stopped');
    await setUse(worker.context.store.redis, host, stopped, { desired: 'stopped', usedAt: new Date().toISOString() });
    const run = await worker.trainingRun(container);
    const started = await startsOf(container);
    const lines = worker.logged.length;
    await worker.engine.close();
    for (const name of [container, stopped]) await worker.docker.getContainer(name).kill();
    await until('it is noticed', async () => worker.logged.length > lines);
    for (let i = 0; i < 5; i += 1) await assert.rejects(watch.lookAfterAll());
    assert.equal(await startsOf(container), 0);
    await worker.engine.open();
    await untilStartedAgain(container, started);
    const told = worker.logged.slice(lines).filter((line) => /engine/i.test(line));
    assert.equal(told.filter((line) => line.includes('does not answer')).length, 1, told.join(''));
    await until('the run tells of it', async () => (await worker.run(run.id)).events.length > 0);
    assert.match(
      (await worker.run(run.id)).events[0]?.text ?? '',
      /exit code 137 when the Docker engine stopped\) and was restarted/,
    );
    assert.equal(await startsOf(stopped), 0, 'it is to be stopped');
  });

  it('has a build wait for an engine that is away', async () => {
    const run = await worker.trainingRun('none');
    await worker.engine.close();
    const request = worker.request({ repository });
    const provided = withEngine(worker.context, run, new AbortController().signal, () =>
      provideContainer(worker.context, request),
    );
    await until('the run says so', async () =>
      (await worker.run(run.id)).events.some(({ text }) => text.includes('the Docker engine does not answer')),
    );
    await worker.engine.open();
    assert.equal(await provided, containerName(request));
  });

  it('has a build fail with a clear error when the engine stays away', async () => {
    const run = await worker.trainingRun('none');
    const { config } = worker.context;
    const impatient = {
      ...worker.context,
      config: { ...config, training: { ...config.training, engine_patience: 0.2 } },
    };
    await worker.engine.close();
    await assert.rejects(
      withEngine(impatient, run, new AbortController().signal, () =>
        provideContainer(worker.context, worker.request()),
      ),
      (error) =>
        error instanceof StageFailure && /has not answered for .*training\.engine_patience/.test(error.message),
    );
    await worker.engine.open();
  });
});
