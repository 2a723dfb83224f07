/** A fit that was killed goes on where it was, with real TensorFlow in the training image. */
import assert from 'node:assert/strict';
import { access, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import Docker from 'dockerode';
import { ensureEnvironmentImage } from '../../src/container/images.js';
import { readHistory } from '../../src/pipeline/training-events.js';
import { type AgentContainer, removeAgent, startAgent } from '../support/agent-container.js';
import { type HookedScript, prepareScript } from '../support/hooked-script.js';

const docker = new Docker();
const dataDirectory = join(tmpdir(), 'pushtune-resume');
let agent: AgentContainer;

before(async () => {
  const options = { environment: 'tensorflow', dataDirectory, onProgress: () => {} } as const;
  agent = await startAgent(docker, (await ensureEnvironmentImage(docker, options)).tag);
});

after(async () => {
  await removeAgent(agent);
  await rm(dataDirectory, { recursive: true, force: true });
});

/** Data, and a callback that kills the process when an epoch begins, once; each epoch that is begun is written down. */
const beginning = [
  'import json, os, signal, keras, numpy as np',
  // After every epoch, however short it is here.
  'from pushtune_hooks import resume; resume.LARGEST_SHARE = 1e9',
  'keras.utils.set_random_seed(3)',
  'x = np.random.rand(96, 5).astype("float32"); y = np.random.randint(0, 3, 96)',
  'def note(**said):',
  '  with open("notes", "a") as file: file.write(json.dumps(said) + "\\n")',
  'class Kill(keras.callbacks.Callback):',
  '  def __init__(self, name, at=None):',
  '    super().__init__(); self.label = name; self.at = at',
  '  def on_epoch_begin(self, epoch, logs=None):',
  '    note(fit=self.label, epoch=epoch, rate=float(self.model.optimizer.learning_rate))',
  '    if epoch == self.at and not os.path.exists("killed"):',
  '      open("killed", "w").close(); os.kill(os.getpid(), signal.SIGKILL)',
  'def classifier(*layers):',
  '  model = keras.Sequential([*layers, keras.layers.Dense(8), keras.layers.Dropout(0.2), keras.layers.Dense(3, activation="softmax")])',
  '  model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])',
  '  return model',
];

/** A model with a training step and an optimizer of its own, both of which nobody but a batch can build. */
const ownTraining = [
  'import tensorflow as tf',
  'class Own(keras.Model):',
  '  def __init__(self):',
  '    super().__init__()',
  '    self.dense = keras.layers.Dense(3, activation="softmax")',
  '  def call(self, inputs): return self.dense(inputs["x"])',
  '  def train_step(self, batch):',
  '    with tf.GradientTape() as tape:',
  '      loss = tf.reduce_mean(keras.losses.sparse_categorical_crossentropy(batch[1], self(batch[0], training=True)))',
  '    self.inner.apply_gradients(zip(tape.gradient(loss, self.trainable_variables), self.trainable_variables))',
  '    return {"loss": loss, "each": tf.ones(2)}',
];

interface Note {
  readonly fit?: string;
  readonly epoch?: number;
  readonly rate?: number;
  readonly [name: string]: unknown;
}

async function notesOf(script: HookedScript): Promise<readonly Note[]> {
  const lines = (await script.read('workspace/notes')).trimEnd().split('\n');
  return lines.map((line) => JSON.parse(line) as Note);
}

function begun(notes: readonly Note[], fit: string): readonly (number | undefined)[] {
  return notes.filter((note) => note.fit === fit).map(({ epoch }) => epoch);
}

function said(notes: readonly Note[], name: string): readonly unknown[] {
  return notes.flatMap((note) => (name in note ? [note[name]] : []));
}

test('a fit that was killed goes on at its epoch; one that had ended is not trained again', async () => {
  const script = await prepareScript(agent, 'goes-on', [
    ...beginning,
    'first = classifier(keras.Input((5,)))',
    // An accuracy in whole numbers gets no better by 1: the second epoch is the last, and the first the best.
    'stop = keras.callbacks.EarlyStopping("accuracy", min_delta=1, patience=1, restore_best_weights=True)',
    'class Seen(keras.callbacks.Callback):',
    '  epochs = []',
    '  def on_epoch_end(self, epoch, logs=None): self.epochs.append(epoch)',
    'history = first.fit(x, y, epochs=9, verbose=0, callbacks=[Kill("first"), stop, Seen()])',
    'note(weights=[float(w.sum()) for w in first.get_weights()], iterations=int(first.optimizer.iterations))',
    'note(first=history.history, metrics=first.metrics_names, seen=Seen.epochs)',
    // Not built before its first batch.
    'second = classifier()',
    'class Count(keras.callbacks.Callback):',
    '  def on_train_begin(self, logs=None): self.losses = []; self.batches = 0; self.path = "of this process"',
    '  def on_train_batch_end(self, batch, logs=None): self.batches += 1',
    '  def on_epoch_end(self, epoch, logs=None): self.losses.append(logs["loss"])',
    'count = Count()',
    'own = keras.callbacks.ModelCheckpoint("own-{epoch}.keras")',
    'slower = keras.callbacks.ReduceLROnPlateau("accuracy", factor=0.5, min_delta=1, patience=2)',
    'history = second.fit(x, y, epochs=6, verbose=0, validation_split=0.5, batch_size=16,',
    '  callbacks=[Kill("second", 3), own, slower, count, keras.callbacks.CSVLogger("log.csv")])',
    'note(second=history.history, epochs=history.epoch, iterations=int(second.optimizer.iterations))',
    'note(losses=count.losses, batches=count.batches, is_history=history is second.history)',
    // The same model once more: it begins at its first epoch, as it would have.
    'history = second.fit(x, y, epochs=2, verbose=0, callbacks=[Kill("third")])',
    'note(third=history.epoch)',
    // All backups together take no more than this; the fit that is written last stays.
    'resume.LARGEST_TOTAL = 1',
    'classifier().fit(x, y, epochs=1, verbose=0)',
    'note(backups=[os.path.exists(os.environ["PUSHTUNE_CHECKPOINT"] + f"/fit-{n}/state") for n in (1, 2, 3, 4)])',
  ]);
  assert.equal((await script.start()).code, -9);
  const before = readHistory(await script.read('events.jsonl')).epochs;
  await writeFile(join(script.folder, 'events.jsonl'), '{"type":"started"}\n', { flag: 'a' });
  const { code, stderr } = await script.start();
  assert.equal(code, 0, stderr);
  const notes = await notesOf(script);
  assert.deepEqual(begun(notes, 'first'), [0, 1], 'the first fit was trained once');
  assert.deepEqual(begun(notes, 'second'), [0, 1, 2, 3, 3, 4, 5]);
  assert.deepEqual(begun(notes, 'third'), [0, 1]);
  const [weights, again] = said(notes, 'weights');
  assert.deepEqual(again, weights, 'the best epoch’s weights of the first fit are back');
  const [first, firstAgain] = said(notes, 'first');
  assert.deepEqual(firstAgain, first);
  assert.deepEqual(said(notes, 'metrics'), [
    ['loss', 'accuracy'],
    ['loss', 'accuracy'],
  ]);
  assert.deepEqual(said(notes, 'seen'), [
    [0, 1],
    [0, 1],
  ]);
  const [second] = said(notes, 'second') as readonly Readonly<Record<string, readonly number[]>>[];
  assert.deepEqual(said(notes, 'epochs'), [[0, 1, 2, 3, 4, 5]]);
  assert.ok(Object.keys(second ?? {}).length >= 4);
  for (const figures of Object.values(second ?? {})) assert.equal(figures.length, 6);
  assert.deepEqual(
    second?.val_loss?.slice(0, 3),
    before.map(({ metrics }) => metrics.val_loss),
  );
  // Two epochs of three batches; twice the first fit; six of three of the second.
  assert.deepEqual(said(notes, 'iterations'), [6, 6, 18]);
  assert.deepEqual(said(notes, 'is_history'), [true]);
  assert.deepEqual(said(notes, 'losses'), [second?.loss]);
  assert.deepEqual(said(notes, 'batches'), [18]);
  const rates = notes.filter(({ fit }) => fit === 'second').map(({ rate }) => Math.round((rate ?? 0) * 1e6) / 1e6);
  assert.deepEqual(rates, [0.001, 0.001, 0.001, 0.0005, 0.0005, 0.0005, 0.00025], 'patience is not begun anew');
  const files = await readdir(join(script.folder, 'workspace'));
  assert.equal(files.filter((name) => name.startsWith('own-')).length, 6);
  const rows = (await script.read('workspace/log.csv')).trimEnd().split(/\r?\n/);
  assert.deepEqual(
    rows.map((row) => row.split(',')[0]),
    ['epoch', '0', '1', '2', '3', '4', '5'],
  );
  assert.match(stderr, /^pushtune: fit 1 had ended before the restart, after epoch 2, and is not trained again$/m);
  assert.match(stderr, /^pushtune: fit 2 goes on after the restart, at epoch 4 of 6$/m);
  assert.deepEqual(said(notes, 'backups'), [[false, false, false, true]]);
  const history = readHistory(await script.read('events.jsonl'));
  assert.deepEqual([history.fits, history.epochs.map(({ number }) => number), history.isEnded], [4, [1], true]);
});

test('killed in the middle of a backup: models of every kind go on from the one before', async () => {
  const script = await prepareScript(agent, 'mid-backup', [
    ...beginning,
    ...ownTraining,
    'data = tf.data.Dataset.from_tensor_slices(({"x": x}, y)).batch(32)',
    'own = Own(); own.inner = keras.optimizers.Adam()',
    'own.compile(jit_compile=False)',
    'def batches():',
    '  while True: yield x[:32], y[:32]',
    'compiled = classifier(keras.Input((5,)))',
    'compiled.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"], jit_compile=True)',
    'half = keras.Sequential([keras.Input((5,)), keras.layers.Dense(3, dtype="bfloat16")])',
    'half.compile("sgd", "mse")',
    // Of the third backup of the last fit nothing is in place but its temporary file.
    'replace = os.replace; replaced = []',
    'def replace_or_die(source, target):',
    '  if "fit-4" in str(target):',
    '    replaced.append(target)',
    '    if len(replaced) == 3 and not os.path.exists("killed"):',
    '      open("killed", "w").close(); os.kill(os.getpid(), signal.SIGKILL)',
    '  replace(source, target)',
    'os.replace = replace_or_die',
    'for name, model, given in [("own", own, dict(x=data)), ("half", half, dict(x=x[:, :5], y=x[:, :3])),',
    '    ("compiled", compiled, dict(x=batches(), steps_per_epoch=4)), ("last", classifier(), dict(x=x, y=y))]:',
    '  history = model.fit(**given, epochs=5, verbose=0, callbacks=[Kill(name)])',
    '  note(name=name, epochs=history.epoch, losses=len(history.history["loss"]), keys=list(history.history), weights=float(model.get_weights()[0].sum()),',
    '    steps=int((own.inner if model is own else model.optimizer).iterations))',
  ]);
  assert.equal((await script.start()).code, -9);
  assert.deepEqual((await readdir(join(script.folder, 'checkpoint', 'fit-4'))).sort(), ['state', 'state.new']);
  const { code, stderr } = await script.start();
  assert.equal(code, 0, stderr);
  const notes = await notesOf(script);
  const all = [0, 1, 2, 3, 4];
  for (const name of ['own', 'half', 'compiled']) {
    assert.deepEqual(begun(notes, name), all, name);
    const [before, after] = notes.filter((note) => note.name === name);
    assert.equal(after?.losses, 5, name);
    // Nobody but a batch can build an optimizer that a training step of the script's has for itself.
    assert.deepEqual(name === 'own' ? { ...after, steps: 15 } : after, before, name);
  }
  assert.deepEqual(begun(notes, 'last'), [0, 1, 2, 2, 3, 4]);
  const [last] = notes.filter((note) => note.name === 'last');
  assert.deepEqual([last?.epochs, last?.losses, last?.steps], [all, 5, 15]);
  assert.doesNotMatch(stderr, /failed/);
});

test('a backup that is broken or of another model is put aside; a script’s own BackupAndRestore stays alone', async () => {
  const script = await prepareScript(agent, 'broken', [
    ...beginning,
    'model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(int(os.environ["UNITS"])), keras.layers.Dense(3)])',
    'model.compile("sgd", "mse")',
    'classifier().fit(x, y, epochs=2, verbose=0, callbacks=[Kill("broken")])',
    'model.fit(x, x[:, :3], epochs=2, verbose=0, callbacks=[Kill("other")])',
    'for label, own in [("own", [keras.callbacks.BackupAndRestore("own", delete_checkpoint=False)]), ("whole", [])]:',
    '  model = classifier(keras.Input((5,)))',
    '  model.fit(x, y, epochs=2, verbose=0, callbacks=[Kill(label), *own])',
    '  note(label=label, weights=float(model.get_weights()[0].sum()))',
    ...ownTraining,
    'own = Own(); own.inner = keras.optimizers.Adam(); own.compile()',
    'history = own.fit(tf.data.Dataset.from_tensor_slices(({"x": x}, y)).batch(32), epochs=4, verbose=0, callbacks=[Kill("inner", 2)])',
    'note(steps=int(own.inner.iterations), losses=len(history.history["loss"]))',
  ]);
  const first = await script.start({ UNITS: '4' });
  assert.equal(first.code, -9, first.stderr);
  assert.deepEqual((await readdir(join(script.folder, 'checkpoint'))).sort(), ['fit-1', 'fit-2', 'fit-4', 'fit-5']);
  await access(join(script.folder, 'workspace', 'own'));
  const path = join(script.folder, 'checkpoint', 'fit-1', 'state');
  const content = await readFile(path);
  const middle = content.length >> 1;
  content.writeUInt8(content.readUInt8(middle) ^ 1, middle);
  await writeFile(path, content);
  const { code, stderr } = await script.start({ UNITS: '7' });
  assert.equal(code, 0, stderr);
  const notes = await notesOf(script);
  assert.deepEqual(begun(notes, 'broken'), [0, 1, 0, 1]);
  assert.deepEqual(begun(notes, 'other'), [0, 1, 0, 1]);
  assert.deepEqual(begun(notes, 'own'), [0, 1]);
  assert.deepEqual(begun(notes, 'whole'), [0, 1]);
  assert.deepEqual(begun(notes, 'inner'), [0, 1, 2, 2, 3]);
  // Four epochs of three batches but one, after which its optimizer was there to be restored.
  assert.deepEqual([said(notes, 'steps'), said(notes, 'losses')], [[11], [4]]);
  const weights = said(notes, 'weights');
  assert.deepEqual(weights.slice(2), weights.slice(0, 2));
  assert.match(stderr, /^pushtune: the backup of fit 1 can't be used .*checksum is wrong.*$/m);
  assert.match(stderr, /^pushtune: the backup of fit 2 can't be used .*shape \(5, 4\) in it, \(5, 7\) in the model$/m);
  assert.deepEqual((await readdir(join(script.folder, 'checkpoint', 'fit-1'))).sort(), ['state', 'state.unusable']);
});
