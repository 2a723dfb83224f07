/** Trainings with a GPU, on a machine that has none: what is asked for, and what is said when it is not there. */
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import Docker from 'dockerode';
import { ensureContainer, inspectContainer } from '../../src/container/containers.js';
import { ensureEnvironmentImage } from '../../src/container/images.js';
import { followTraining } from '../../src/container/training.js';
import { packageRoot } from '../../src/package-root.js';
import { explainEnd } from '../../src/pipeline/training-end.js';
import { removeAgent, startAgent } from '../support/agent-container.js';
import { startPushtune, type TestServer, untilEnded } from '../support/pushtune.js';
import { startHost } from '../support/training-host.js';

const wanted = 'environment: {gpus: 1}\n';

describe('GPU: the wheels', () => {
  let folder: string;
  let server: TestServer;
  const asked = (): string => readFileSync(join(folder, 'asked'), 'utf8');

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'pushtune-pip-'));
    mkdirSync(join(folder, 'bin'));
    // Stands for the host's pip: the real one would download gigabytes.
    const pip = join(folder, 'bin', 'python3');
    writeFileSync(
      pip,
      `#!/bin/sh\necho "$*" >'${folder}/asked'\necho 'No matching distribution found for cuda' >&2\nexit 1\n`,
    );
    chmodSync(pip, 0o755);
    const path = `${join(folder, 'bin')}${delimiter}${process.env.PATH}`;
    const settings = { training: { cuda_index: 'https://wheels.example/cuda' } };
    server = await startPushtune(settings, 'own', { PATH: path });
  });
  after(async () => {
    await server.close();
    rmSync(folder, { recursive: true });
  });

  it('of TensorFlow are those with CUDA', async () => {
    const script = 'import tensorflow\nprint("val_accuracy: 0.9")\n';
    const run = await untilEnded(server, await server.push({ 'train.py': script, '.pushtune.yml': wanted }));
    assert.equal(run.stages.build.state, 'failed');
    assert.match(run.reason ?? '', /the package cuda has no wheel/);
    assert.match(asked(), / tensorflow==\S+/);
    assert.match(asked(), / nvidia-cudnn-cu12==\S+/);
    assert.match(asked(), / numpy==\S+/);
    assert.doesNotMatch(asked(), /tensorflow-cpu/);
  });

  it('of PyTorch come from the index that has them', async () => {
    const script = 'import torch\nprint("val_accuracy: 0.9")\n';
    const run = await untilEnded(server, await server.push({ 'train.py': script, '.pushtune.yml': wanted }));
    assert.equal(run.stages.build.state, 'failed');
    assert.match(asked(), /--extra-index-url https:\/\/wheels\.example\/cuda .*\btorch\b/);
  });
});

describe('GPU: the container', () => {
  const docker = new Docker();

  it('is asked of the engine, whose refusal says what to do', async () => {
    const host = await startHost();
    const request = host.request({ limits: { gpus: 2 } });
    try {
      const made: Docker.ContainerCreateOptions[] = [];
      const watched = new Proxy(docker, {
        get: (engine, name) =>
          name === 'createContainer'
            ? (options: Docker.ContainerCreateOptions) => {
                made.push(options);
                return engine.createContainer(options);
              }
            : Reflect.get(engine, name, engine),
      });
      await assert.rejects(
        ensureContainer(watched, request),
        /environment\.gpus asks for 2 GPUs, which this host's Docker engine can't give .*driver and the NVIDIA Container Toolkit/,
      );
      assert.deepEqual(made[0]?.HostConfig?.DeviceRequests, [
        { Driver: '', Count: 2, DeviceIDs: [], Capabilities: [['gpu']], Options: {} },
      ]);
      assert.equal(await inspectContainer(docker, host.data, made[0]?.name ?? ''), undefined);
    } finally {
      await host.close();
    }
  });

  it('in which the framework sees none trains nothing, and says so', async () => {
    const dataDirectory = mkdtempSync(join(tmpdir(), 'pushtune-gpu-'));
    const { tag } = await ensureEnvironmentImage(docker, {
      environment: 'tensorflow',
      dataDirectory,
      onProgress: () => {},
    });
    const agent = await startAgent(docker, tag, {
      Entrypoint: ['python3', '/opt/pushtune/trainer'],
      Env: ['PUSHTUNE_RUNS=/runs', 'PUSHTUNE_AGENT=/agent', 'PUSHTUNE_GPUS=1'],
      binds: [`${join(packageRoot(), 'docker', 'tensorflow', 'trainer')}:/opt/pushtune/trainer:ro`],
    });
    try {
      const folders = { runs: join(agent.folder, 'runs'), agent: join(agent.folder, 'agent') };
      mkdirSync(join(folders.runs, 'one', 'workspace'), { recursive: true });
      writeFileSync(join(folders.runs, 'one', 'workspace', 'train.py'), 'open("trained", "w").close()\n');
      const limits = { disk: 1e9, output: 1e6, memory: 1e9, processes: 64, timeout: 60 };
      const request = { run: 'one', main: 'train.py', arguments: [], environment: {}, timeoutSeconds: 60, limits };
      const listener = {
        onLog: async (offset: number, bytes: Buffer) => offset + bytes.length,
        shouldStop: async () => false,
        shouldPrune: async () => false,
      };
      const end = await followTraining(folders, request, 0, listener, AbortSignal.timeout(120_000));
      assert.equal(end.reason, 'refused');
      assert.match(
        explainEnd('train.py', end, limits),
        /^environment\.gpus asks for a GPU, and TensorFlow \S+ \(without CUDA\) sees none: .*NVIDIA Container Toolkit.*\(train\.py was not started\)$/,
      );
      assert.throws(() => readFileSync(join(folders.runs, 'one', 'workspace', 'trained')));
    } finally {
      await removeAgent(agent);
      rmSync(dataDirectory, { recursive: true, force: true });
    }
  });
});
