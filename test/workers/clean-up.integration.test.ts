/** What the clean-up removes, and what it leaves, with the real engine and disk. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type Docker from 'dockerode';
import { agentFolder, containerName } from '../../src/container/containers.js';
import { repositoryFolders, scratchFolder, wheelsFolder } from '../../src/container/folders.js';
import { temporaryName } from '../../src/container/temporary.js';
import { endRun } from '../../src/pipeline/run.js';
import { getUse, setUse } from '../../src/store/container-uses.js';
import { updateRun } from '../../src/store/runs.js';
import { newId } from '../../src/store/start-run.js';
import { cleanUp } from '../../workers/clean-up.js';
import type { WorkerContext } from '../../workers/context.js';
import { provideContainer } from '../../workers/provide-container.js';
import { host, repository, startTestWorker, type TestWorker } from '../support/worker-context.js';

const day = 24 * 3600;
const longAgo = new Date(Date.now() - 30 * day * 1000);

describe('the clean-up', () => {
  let worker: TestWorker;
  /** Made by hand, and removed by hand. */
  const made: string[] = [];
  before(async () => {
    worker = await startTestWorker({ repositories: [{ name: repository }] });
  });
  after(async () => {
    for (const name of made) {
      await worker.docker
        .getContainer(name)
        .remove({ force: true })
        .catch(() => undefined);
      await worker.docker
        .getImage(name)
        .remove({ force: true })
        .catch(() => undefined);
    }
    await worker.close();
  });

  function folderOf(run: string): string {
    return join(repositoryFolders(worker.context.config.data, repository).runs, run);
  }

  function writeFolder(run: string): void {
    for (const folder of ['workspace', 'checkpoint', 'artifacts']) {
      mkdirSync(join(folderOf(run), folder), { recursive: true });
      writeFileSync(join(folderOf(run), folder, 'file'), 'x'.repeat(100_000));
    }
    writeFileSync(join(folderOf(run), 'log'), 'a line');
  }

  function left(run: string): string[] {
    return ['workspace', 'checkpoint', 'artifacts', 'log'].filter((name) => existsSync(join(folderOf(run), name)));
  }

  async function endedRun(at: Date): Promise<string> {
    const { id } = await worker.trainingRun('none');
    await updateRun(worker.context.store.redis, id, (run) => endRun(run, 'succeeded', at.toISOString()));
    writeFolder(id);
    return id;
  }

  /** An image of a single file with the label of ours, or without. */
  async function makeImage(
    name: string,
    labels: Readonly<Record<string, string>>,
    base = worker.request().image,
  ): Promise<string> {
    const container = await worker.docker.createContainer({
      Image: base,
      HostConfig: { NetworkMode: 'none' },
      Entrypoint: ['sh', '-c', `echo ${name} >/made`],
      Labels: labels,
    });
    await container.start();
    await container.wait();
    const [repo, tag] = name.split(':');
    await container.commit({ repo, tag });
    await container.remove();
    made.unshift(name);
    return name;
  }

  async function hasImage(name: string): Promise<boolean> {
    return (await worker.docker.listImages()).some(({ RepoTags }) => RepoTags?.includes(name));
  }

  async function hasContainer(name: string): Promise<boolean> {
    return (await worker.docker.listContainers({ all: true })).some(({ Names }) => Names.includes(`/${name}`));
  }

  it('removes the checkpoint of a run that has ended, its workspace after a day, and nothing of one that has not', async () => {
    const { id: running } = await worker.trainingRun('none');
    writeFolder(running);
    const fresh = await endedRun(new Date());
    const old = await endedRun(longAgo);
    await cleanUp(worker.context);
    assert.deepEqual(left(running), ['workspace', 'checkpoint', 'artifacts', 'log']);
    assert.deepEqual(left(fresh), ['workspace', 'artifacts', 'log']);
    assert.deepEqual(left(old), ['artifacts', 'log']);
    const line = worker.logged.find((text) => text.includes('files of runs that have ended were removed')) ?? '{}';
    assert.ok(JSON.parse(line).bytes > 300_000);
    await updateRun(worker.context.store.redis, running, (run) => endRun(run, 'succeeded', longAgo.toISOString()));
  });

  it('follows no link that a script put in place of its folder', async () => {
    const id = newId();
    const elsewhere = join(worker.context.config.data, 'elsewhere');
    mkdirSync(join(elsewhere, 'workspace'), { recursive: true });
    writeFileSync(join(elsewhere, 'file'), 'precious');
    mkdirSync(folderOf(id), { recursive: true });
    symlinkSync(elsewhere, join(folderOf(id), 'checkpoint'));
    mkdirSync(join(folderOf(id), 'workspace'));
    symlinkSync(elsewhere, join(folderOf(id), 'workspace', 'link'));
    utimesSync(folderOf(id), longAgo, longAgo);
    await cleanUp(worker.context);
    assert.deepEqual(left(id).includes('workspace'), false);
    assert.ok(existsSync(join(elsewhere, 'file')));
  });

  it('removes what a killed process left in the scratch folder', async () => {
    const scratch = scratchFolder(worker.context.config.data);
    const mine = temporaryName('image');
    const dead = mine.replace(/\.\d+\.\d+-/, `.${process.pid}.1-`);
    for (const name of [mine, dead, 'index-new', 'index-old']) mkdirSync(join(scratch, name), { recursive: true });
    utimesSync(join(scratch, 'index-old'), longAgo, longAgo);
    await cleanUp(worker.context);
    const names = [mine, dead, 'index-new', 'index-old'];
    assert.deepEqual(
      names.filter((name) => existsSync(join(scratch, name))),
      [mine, 'index-new'],
    );
  });

  it('removes downloaded packages that no build used for long, and downloads that were interrupted', async () => {
    const wheels = wheelsFolder(worker.context.config.data);
    const names = ['abc', 'abc.new', 'def', 'def.old'];
    for (const name of names) mkdirSync(join(wheels, name), { recursive: true });
    for (const name of ['def', 'def.old']) utimesSync(join(wheels, name), longAgo, longAgo);
    await cleanUp(worker.context);
    assert.deepEqual(
      names.filter((name) => existsSync(join(wheels, name))),
      ['abc', 'abc.new'],
    );
  });

  it('removes the container of a build that was killed, and no other', async () => {
    const mine = temporaryName('pushtune-build');
    const dead = mine.replace(/\.\d+\.\d+-/, `.${process.pid}.1-`);
    const foreign = `a-persons-${process.pid}`;
    for (const name of [mine, dead, foreign]) {
      made.push(name);
      const Labels = { 'pushtune.image': 'packages' };
      await worker.docker.createContainer({ name, Image: worker.request().image, Cmd: ['true'], Labels });
    }
    await cleanUp(worker.context);
    assert.deepEqual(await Promise.all([mine, dead, foreign].map(hasContainer)), [true, false, true]);
  });

  it('removes a container that idled for long', async () => {
    const { redis } = worker.context.store;
    const idle = worker.request({ repository: 'team/model' });
    const recent = worker.request({ limits: { ...idle.limits, processes: 65 } });
    for (const [request, usedAt] of [
      [idle, longAgo],
      [recent, new Date()],
    ] as const) {
      const name = await provideContainer(worker.context, request);
      await worker.docker.getContainer(name).kill();
      await setUse(redis, host, name, { desired: 'stopped', usedAt: usedAt.toISOString() });
    }
    await cleanUp(worker.context);
    const name = containerName(idle);
    assert.equal(await hasContainer(name), false);
    assert.equal(existsSync(agentFolder(worker.context.config.data, repository, name)), false);
    assert.equal(await getUse(redis, host, name), undefined);
    assert.equal(await hasContainer(containerName(recent)), true);
  });

  it('removes what trainings of a repository downloaded, when it does not train any more', async () => {
    const { data } = worker.context.config;
    const names = ['ada/old', 'ada/fresh', repository];
    for (const name of names) {
      const { cache, runs } = repositoryFolders(data, name);
      mkdirSync(join(cache, '.keras', 'datasets'), { recursive: true });
      writeFileSync(join(cache, '.keras', 'datasets', 'mnist.npz'), 'x'.repeat(100_000));
      mkdirSync(runs, { recursive: true });
      if (name !== 'ada/fresh') utimesSync(runs, longAgo, longAgo);
    }
    await provideContainer(worker.context, worker.request());
    utimesSync(repositoryFolders(data, repository).runs, longAgo, longAgo);
    const kept = (): string[] =>
      names.filter((name) => existsSync(join(repositoryFolders(data, name).cache, '.keras', 'datasets')));

    await cleanUp(worker.context);
    assert.deepEqual(kept(), ['ada/fresh', repository]);
    const { cache } = repositoryFolders(data, 'ada/old');
    assert.ok(existsSync(join(cache, '.keras')), 'a container that starts now mounts it');
    const { config } = worker.context;
    const clean_up = { ...config.clean_up, caches_size: 100_000 };
    await cleanUp({ ...worker.context, config: { ...config, clean_up } });
    assert.deepEqual(kept(), [repository], 'together they are larger than the limit');
  });

  it('removes an image that was not used for long, with its container, and none that something needs', async () => {
    const ours = { 'pushtune.image': 'environment' };
    const suffix = `${process.pid}-${Date.now()}`;
    const stopped = await makeImage(`pushtune/test:stopped-${suffix}`, ours);
    const running = await makeImage(`pushtune/test:running-${suffix}`, ours);
    const base = await makeImage(`pushtune/test:base-${suffix}`, ours);
    const upper = await makeImage(`persons/test:upper-${suffix}`, {}, base);
    const alone = await makeImage(`pushtune/test:alone-${suffix}`, ours);
    const theirs = await makeImage(`persons/test:theirs-${suffix}`, ours);
    const foreign = await makeImage(`persons/test:foreign-${suffix}`, {});
    const inTheirs = await makeImage(`pushtune/test:container-${suffix}`, ours);
    const container = `a-persons-other-${process.pid}`;
    made.unshift(container);
    await worker.docker.createContainer({ name: container, Image: inTheirs, Cmd: ['true'] });
    for (const image of [stopped, running]) await provideContainer(worker.context, worker.request({ image }));
    const name = containerName(worker.request({ image: stopped }));
    await setUse(worker.context.store.redis, host, name, { desired: 'stopped', usedAt: longAgo.toISOString() });
    await worker.docker.getContainer(name).kill();

    await cleanUp(withImages(suffix, 60, 1e12));
    assert.equal(await hasImage(alone), true, 'it is young, and there is room');
    await cleanUp(withImages(suffix, 60, 1));
    const images = [stopped, running, base, upper, alone, theirs, foreign, inTheirs];
    const present = await Promise.all(images.map(hasImage));
    assert.deepEqual(
      images.filter((_, i) => present[i]),
      [running, base, upper, theirs, foreign, inTheirs],
    );
    assert.equal(await hasContainer(name), false);
    assert.equal(await hasContainer(containerName(worker.request({ image: running }))), true);
    assert.ok(worker.logged.some((line) => line.includes('an image that nothing needs') && line.includes(alone)));
  });

  /** The worker as if this test's images were the only ones of the engine: others on this machine are not ours to remove. */
  function withImages(suffix: string, images_age: number, images_size: number): WorkerContext {
    const { config, docker } = worker.context;
    const narrow: Docker = Object.create(docker);
    narrow.listImages = (async () => {
      const all = await docker.listImages();
      return all.filter(({ RepoTags }) => RepoTags?.some((tag) => tag.endsWith(suffix)));
    }) as Docker['listImages'];
    const limits = { ...config.clean_up, images_age, images_size };
    return { ...worker.context, docker: narrow, config: { ...config, clean_up: limits } };
  }
});
