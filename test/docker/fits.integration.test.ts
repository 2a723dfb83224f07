/** What the hooks do with fits that are ended early, seeded, or kept, with real TensorFlow in the training image. */
import assert from 'node:assert/strict';
import { readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import Docker from 'dockerode';
import { ensureEnvironmentImage } from '../../src/container/images.js';
import { readLearningCurve } from '../../src/pipeline/learning-curve.js';
import { readHistory } from '../../src/pipeline/training-events.js';
import { type AgentContainer, removeAgent, startAgent } from '../support/agent-container.js';
import { prepareScript, type ScriptEnd } from '../support/hooked-script.js';

const docker = new Docker();
const dataDirectory = join(tmpdir(), 'pushtune-fits');
let agent: AgentContainer;

before(async () => {
  const options = { environment: 'tensorflow', dataDirectory, onProgress: () => {} } as const;
  agent = await startAgent(docker, (await ensureEnvironmentImage(docker, options)).tag);
});

after(async () => {
  await removeAgent(agent);
  await rm(dataDirectory, { recursive: true, force: true });
});

const beginning = [
  'import json, os, keras, numpy as np',
  'x = np.random.rand(96, 5).astype("float32"); y = np.random.randint(0, 3, 96)',
  'def classifier():',
  '  model = keras.Sequential([keras.layers.Dense(8), keras.layers.Dropout(0.2), keras.layers.Dense(3, activation="softmax")])',
  '  model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])',
  '  return model',
];

function printed({ code, stdout, stderr }: ScriptEnd): unknown {
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '');
}

test('a training that is given up ends with its epoch, and the script goes on to its end', async () => {
  const script = await prepareScript(agent, 'pruned', [
    ...beginning,
    'class Prune(keras.callbacks.Callback):',
    '  def on_epoch_end(self, epoch, logs=None):',
    '    if epoch == 1: open(os.environ["PUSHTUNE_PRUNE"], "w").close()',
    'class Count(keras.callbacks.Callback):',
    '  batches = 0',
    '  def on_train_batch_end(self, batch, logs=None): self.batches += 1',
    'model = classifier()',
    'first = model.fit(x, y, epochs=9, verbose=0, validation_data=(x, y), callbacks=[Prune()])',
    'count = Count()',
    'second = classifier().fit(x, y, epochs=9, verbose=0, validation_data=(x, y), callbacks=[count])',
    'model.save("own.keras")',
    'print(json.dumps([first.epoch, len(first.history["val_accuracy"]), second.epoch, count.batches]))',
  ]);
  const end = await script.start();
  assert.deepEqual(printed(end), [[0, 1], 2, [0], 1]);
  assert.match(end.stderr, /^pushtune: the training ends after epoch 2, since the trial is not promising\n$/);
  const events = await script.read('events.jsonl');
  const { isPruned, fits } = readHistory(events);
  assert.deepEqual({ isPruned, fits }, { isPruned: true, fits: 1 });
  const curve = readLearningCurve(events, { name: 'val_accuracy' });
  assert.deepEqual([curve.values.length, curve.epochs, curve.isEnded], [2, 9, false]);
});

test('the model and the history of the last fit are kept, where it is the study’s best so far', async () => {
  const script = await prepareScript(agent, 'kept', [
    ...beginning,
    'class Odd(keras.Model):',
    '  def __init__(self, odd):',
    '    super().__init__(); self.dense = keras.layers.Dense(3); self.odd = odd',
    '  def call(self, inputs): return self.dense(inputs)',
    '  def get_config(self): raise RuntimeError("by the model")',
    'folder = os.environ["PUSHTUNE_ARTIFACTS"]',
    'path = os.path.join(folder, "model.keras")',
    'found = []',
    'classifier().fit(x, y, epochs=1, verbose=0)',
    'model = classifier()',
    'model.fit(x, y, epochs=2, verbose=0, validation_data=(x, y))',
    'kept = keras.models.load_model(path)',
    'found.append(bool((kept.predict(x, verbose=0) == model.predict(x, verbose=0)).all()))',
    'found.append(open(os.path.join(folder, "history.csv")).read())',
    'for best in ["max:0:val_accuracy", "max:1.1:val_accuracy", "min:0:val_loss", "max:1.1:unknown", "nonsense"]:',
    '  os.environ["PUSHTUNE_BEST"] = best',
    '  model.fit(x, y, epochs=1, verbose=0, validation_data=(x, y))',
    '  found.append(os.path.exists(path))',
    'odd = Odd(object()); odd.compile("sgd", "mse"); odd.fit(x, x[:, :3], verbose=0)',
    'found.append(sorted(os.listdir(folder)))',
    'print(json.dumps(found))',
    // Many short fits: the last one's model is saved at the end.
    'from pushtune_hooks import artifacts; artifacts.FREE_SECONDS = 0',
    'for _ in range(2): model.fit(x, y, epochs=1, verbose=0); assert os.listdir(folder) == ["history.csv"]',
  ]);
  const end = await script.start();
  const [isSame, history, ...found] = printed(end) as [boolean, string, ...unknown[]];
  assert.ok(isSame);
  const [head, ...rows] = history.trimEnd().split('\n');
  assert.equal(head, 'epoch,accuracy,loss,val_accuracy,val_loss,learning_rate,seconds');
  assert.deepEqual(
    rows.map((row) => row.split(',').length),
    [7, 7],
  );
  assert.deepEqual(found, [true, false, false, true, true, ['history.csv']]);
  assert.match(
    end.stderr,
    /^pushtune: save_model of the hooks failed, the script goes on without: .*by the model.*\n$/,
  );
  assert.deepEqual((await readdir(join(script.folder, 'artifacts'))).sort(), ['history.csv', 'model.keras']);
  const skipped = (await script.read('events.jsonl')).split('\n').filter((line) => line.includes('model_skipped'));
  assert.equal(skipped.length, 2);
});

/** A process that was forked off one which had imported everything, as a run of a warm container is. */
const fork = [
  'import os, sys',
  'seed = os.environ.pop("PUSHTUNE_SEED", None)',
  'import random, keras, numpy; random.random(); numpy.random.rand()',
  'child = os.fork()',
  'if child: sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))',
  'if seed is not None: os.environ["PUSHTUNE_SEED"] = seed',
  'from pushtune_hooks import run; run.begin()',
  'import runpy; runpy.run_path("train.py", run_name="__main__")',
].join('\n');

test('the same seed gives the same accuracy, in a warm process as in a cold one', async () => {
  const lines = [
    ...beginning,
    'model = classifier()',
    'history = model.fit(x, y, epochs=3, verbose=0, validation_split=0.5)',
    'print(json.dumps([history.history["val_loss"], model.evaluate(x, y, verbose=0)]))',
  ];
  const cold = await prepareScript(agent, 'seed-cold', lines);
  const first = printed(await cold.start({ PUSHTUNE_SEED: '7', PUSHTUNE_CHECKPOINT: '' }));
  const warm = await prepareScript(agent, 'seed-warm', lines, { asCommand: fork });
  const set = { PUSHTUNE_CHECKPOINT: '' };
  assert.deepEqual(printed(await warm.start({ ...set, PUSHTUNE_SEED: '7' })), first);
  assert.notDeepEqual(printed(await warm.start({ ...set, PUSHTUNE_SEED: '8' })), first);
  assert.notDeepEqual(printed(await warm.start(set)), first);
  const history = readHistory(await warm.read('events.jsonl'));
  assert.deepEqual([history.fits, history.epochs.length], [1, 3], 'a forked process reports as its own');
});

test('a script that opts out is neither backed up, ended, nor kept', async () => {
  const script = await prepareScript(agent, 'alone', [
    ...beginning,
    'history = classifier().fit(x, y, epochs=2, verbose=0)',
    'print(json.dumps(history.epoch))',
  ]);
  await writeFile(join(script.folder, 'prune'), '');
  assert.deepEqual(printed(await script.start({ PUSHTUNE_AUTOLOG: '0' })), [0, 1]);
  assert.deepEqual((await readdir(script.folder)).sort(), ['artifacts', 'checkpoint', 'prune', 'workspace']);
  for (const folder of ['checkpoint', 'artifacts']) assert.deepEqual(await readdir(join(script.folder, folder)), []);
});
