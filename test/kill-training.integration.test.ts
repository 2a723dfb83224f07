/**
 * What becomes of a training when something is killed under it: the container at three moments, the agent, the script's
 * process, the server, and the Docker engine. Each time the run ends with every epoch, every line and the accuracy of a
 * training that nobody disturbed.
 */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import Docker from 'dockerode';
import { ensureEnvironmentImage } from '../src/container/images.js';
import type { Run } from '../src/pipeline/run.js';
import { type OwnEngine, startEngine } from './support/engine.js';
import { repository, startPushtune, type TestServer, until, untilEnded } from './support/pushtune.js';

const epochs = 6;
/** In this epoch, and when all are through, the script waits for a file, so that the test finds it there. */
const heldEpoch = 4;

/** Trains the same way each time: the same weights to begin with, the same batches in the same order. */
const script = `import pathlib
import time

import keras
import numpy as np


def hold(name):
    print("holding", name, flush=True)
    while not pathlib.Path(name).exists():
        time.sleep(0.02)


class Hold(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        if epoch + 1 == ${heldEpoch}:
            hold("middle")

    def on_epoch_end(self, epoch, logs=None):
        print("epoch", epoch + 1, "ended", flush=True)


hold("beginning")
keras.utils.set_random_seed(1)
x = np.random.default_rng(0).normal(size=(256, 8)).astype("float32")
y = (x[:, 0] + x[:, 1] * x[:, 2] > 0).astype("int32")
model = keras.Sequential([keras.layers.Dense(16, activation="relu"), keras.layers.Dense(2, activation="softmax")])
model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
history = model.fit(x, y, epochs=${epochs}, shuffle=False, validation_split=0.25, verbose=0, callbacks=[Hold()])
hold("end")
print("epochs in the history:", len(history.history["val_accuracy"]), history.epoch)
print("losses:", [round(float(loss), 6) for loss in history.history["loss"]])
print("val_accuracy:", history.history["val_accuracy"][-1])
`;

const holds = ['beginning', 'middle', 'end'] as const;
type Hold = (typeof holds)[number];

/** A server, and what a test does with the training that runs in it. */
interface Scene {
  readonly server: TestServer;
  readonly run: Run;
}

/** Lets the script go on from where it holds. */
function release({ server, run }: Scene, hold: Hold): void {
  writeFileSync(join(runFolder(server, run), 'workspace', hold), '');
}

function runFolder(server: TestServer, run: Run): string {
  return join(server.config.data, 'repositories', repository, 'runs', run.id);
}

/** What the script wrote, not what the server has read of it by now. */
function written({ server, run }: Scene): string {
  const log = join(runFolder(server, run), 'log');
  return existsSync(log) ? readFileSync(log, 'utf8') : '';
}

async function untilHolding(scene: Scene, hold: Hold, times = 1): Promise<void> {
  await until(
    `the script holds ${hold} (${times})`,
    async () => written(scene).split(`holding ${hold}\n`).length > times,
  );
}

/** Pushes the script and lets it run until it holds. */
async function trainUntil(server: TestServer, hold: Hold): Promise<Training> {
  const sha = await server.push({ 'train.py': script });
  const run = await until('the training has begun', async () =>
    (await server.runs()).find((found) => found.sha === sha && existsSync(join(runFolder(server, found), 'log'))),
  );
  const scene = { server, run, sha };
  for (const next of holds) {
    await untilHolding(scene, next);
    if (next === hold) break;
    release(scene, next);
  }
  return scene;
}

/** Lets the script run to its end, wherever it begins again. */
async function finish(scene: Training): Promise<Run> {
  for (const hold of holds) release(scene, hold);
  return untilEnded(scene.server, scene.sha, 120);
}

/** The lines that tell what the training came to: the same of each training that ended. */
function outcome(log: string): readonly string[] {
  return log.split('\n').filter((line) => /^(epochs in|losses|val_accuracy)/.test(line));
}

/** Ids of the container's processes that fulfil the condition, as the machine counts them. */
async function processesOf({ server, run }: Scene, condition: (pid: string) => boolean): Promise<number[]> {
  const { Titles, Processes } = await server.docker.getContainer(containerOf(run)).top({ ps_args: '-eo pid' });
  const column = Titles.indexOf('PID');
  const pids = (Processes as string[][]).map((row) => row[column] ?? '');
  return pids.filter(condition).map(Number);
}

function containerOf(run: Run): string {
  assert.ok(run.build !== undefined, 'the run has a container');
  return run.build.container;
}

function isAgent(pid: string): boolean {
  const [program, ...parameters] = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  return program === 'python3' && parameters.includes('agent');
}

interface Training extends Scene {
  readonly sha: string;
}

/** How the undisturbed training came out, on any server. */
async function trainUndisturbed(server: TestServer): Promise<readonly string[]> {
  const run = await finish(await trainUntil(server, 'beginning'));
  const lines = outcome(await server.log(run.id));
  assert.equal(lines.length, 3);
  return lines;
}

async function assertUnharmed(training: Training, undisturbed: readonly string[], starts: number): Promise<void> {
  const run = await finish(training);
  assert.equal(run.state, 'succeeded', JSON.stringify(run.stages));
  const log = await training.server.log(run.id);
  assert.equal(log, written(training), 'what the server read is what the script wrote');
  assert.deepEqual(outcome(log), undisturbed);
  for (let epoch = 1; epoch <= epochs; epoch += 1) assert.ok(log.includes(`epoch ${epoch} ended\n`), `epoch ${epoch}`);
  assert.equal(run.training?.starts, starts);
  assert.equal(run.training?.curve?.values.length, epochs);
}

describe('a training under which something is killed', () => {
  let server: TestServer;
  let undisturbed: readonly string[];
  before(async () => {
    server = await startPushtune({ study: { target: 0.01 } }, 'own');
    undisturbed = await trainUndisturbed(server);
  });
  after(() => server.close());

  for (const hold of holds) {
    it(`goes on when its container is killed (${hold})`, async () => {
      const training = await trainUntil(server, hold);
      await server.docker.getContainer(containerOf(training.run)).kill();
      await assertUnharmed(training, undisturbed, 2);
      const [, ...afterKill] = written(training).split(`holding ${hold}\n`);
      const isTrainedAgain = afterKill.some((text) => text.includes('epoch 1 ended'));
      assert.equal(isTrainedAgain, hold === 'beginning', 'what was trained is not trained again');
    });
  }

  it('goes on when the agent is killed', async () => {
    const training = await trainUntil(server, 'middle');
    const [agent, ...others] = await processesOf(training, isAgent);
    assert.ok(agent !== undefined && others.length === 0);
    process.kill(agent, 'SIGKILL');
    await assertUnharmed(training, undisturbed, 2);
  });

  it('goes on when its own process is killed', async () => {
    const training = await trainUntil(server, 'middle');
    const log = `/${training.run.id}/log`;
    const [script, ...others] = await processesOf(training, (pid) => readlinkSync(`/proc/${pid}/fd/1`).endsWith(log));
    assert.ok(script !== undefined && others.length === 0);
    process.kill(script, 'SIGKILL');
    await assertUnharmed(training, undisturbed, 2);
  });

  it('is followed on when the server is killed', async () => {
    const training = await trainUntil(server, 'middle');
    await server.killAndRestart();
    await assertUnharmed(training, undisturbed, 1);
  });
});

const skip = process.getuid?.() !== 0 && 'a Docker engine of its own needs root';

describe('a training whose Docker engine is killed', { skip }, () => {
  let engine: OwnEngine;
  let server: TestServer;
  before(async () => {
    engine = await startEngine();
    const dataDirectory = mkdtempSync(join(tmpdir(), 'pushtune-kill-'));
    const wanted = { environment: 'tensorflow', dataDirectory, onProgress: () => {} } as const;
    await engine.copyImage((await ensureEnvironmentImage(new Docker(), wanted)).tag);
    rmSync(dataDirectory, { recursive: true });
    const settings = { study: { target: 0.01 }, training: { network: 'none' } };
    server = await startPushtune(settings, 'own', { DOCKER_HOST: engine.host });
  });
  after(async () => {
    await server?.close();
    await engine?.close();
  });

  it('goes on when the engine is back', async () => {
    const undisturbed = await trainUndisturbed(server);
    const training = await trainUntil(server, 'middle');
    await engine.kill();
    await engine.start();
    await assertUnharmed(training, undisturbed, 2);
  });
});
