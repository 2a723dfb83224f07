/** What the hooks add to a script's interpreter, with real TensorFlow in the training image. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import Docker from 'dockerode';
import { ensureEnvironmentImage } from '../../src/container/images.js';
import { packageRoot } from '../../src/package-root.js';
import { type AgentContainer, removeAgent, startAgent } from '../support/agent-container.js';

interface Training {
  readonly exitCode: number | null;
  readonly log: string;
  readonly events: readonly ReportedEvent[];
}

interface ReportedEvent {
  readonly type: string;
  readonly fit?: number;
  readonly epoch?: number;
  readonly epochs?: number;
  readonly parameters?: number | null;
  readonly metrics?: Readonly<Record<string, number>>;
  readonly learningRate?: number | null;
  readonly seconds?: number;
  readonly name?: string;
}

const docker = new Docker();
const fixtures = join(packageRoot(), 'test', 'fixtures', 'keras2');
const dataDirectory = join(tmpdir(), 'pushtune-hooks');
const agents: AgentContainer[] = [];
let image: string;

before(async () => {
  const options = { environment: 'tensorflow', dataDirectory, onProgress: () => {} } as const;
  image = (await ensureEnvironmentImage(docker, options)).tag;
  // Two, since the fixtures are many and a machine has at least two cores.
  agents.push(await startAgent(docker, image), await startAgent(docker, image));
});

after(async () => {
  for (const agent of agents) await removeAgent(agent);
  await rm(dataDirectory, { recursive: true, force: true });
});

function firstAgent(): AgentContainer {
  const [agent] = agents;
  assert.ok(agent !== undefined);
  return agent;
}

async function train(
  agent: AgentContainer,
  name: string,
  files: Readonly<Record<string, string>>,
  environment: Readonly<Record<string, string>> = {},
): Promise<Training> {
  const run = join(agent.folder, 'runs', name);
  await mkdir(join(run, 'workspace'), { recursive: true });
  for (const [path, text] of Object.entries(files)) {
    await mkdir(join(run, 'workspace', path, '..'), { recursive: true });
    await writeFile(join(run, 'workspace', path), text);
  }
  const request = { run: name, main: 'train.py', arguments: [], timeoutSeconds: 300, environment, maximumStarts: 1 };
  await writeFile(join(run, 'request.json'), JSON.stringify(request));
  await writeFile(join(agent.folder, 'agent', 'requests', name), '');
  const { exitCode } = JSON.parse(await appears(agent, join(run, 'result.json'))) as { exitCode: number | null };
  const lines = (await readFile(join(run, 'events.jsonl'), 'utf8')).trimEnd().split('\n');
  return {
    exitCode,
    log: await readFile(join(run, 'log'), 'utf8'),
    events: lines.map((line) => JSON.parse(line) as ReportedEvent),
  };
}

async function appears(agent: AgentContainer, path: string): Promise<string> {
  const deadline = Date.now() + 300_000;
  while (Date.now() < deadline) {
    const text = await readFile(path, 'utf8').catch(() => undefined);
    if (text !== undefined) return text;
    await delay(50);
  }
  throw new Error(`${path}: ${(await agent.container.logs({ stdout: true, stderr: true })).toString()}`);
}

/** What was reported of trainings, as `fit_started 1`, `epoch 1.2`, `evaluated`. */
function outline(events: readonly ReportedEvent[]): string[] {
  return events
    .filter(({ type }) => !['started', 'exited', 'shim'].includes(type))
    .map(({ type, fit, epoch }) =>
      [type, [fit, epoch].filter((number) => number !== undefined).join('.')].filter((part) => part !== '').join(' '),
    );
}

function shimsIn(log: string): string[] {
  return [...log.matchAll(/^pushtune: Keras 2 compatibility: (.*)$/gm)].map(([, name]) => name ?? '').sort();
}

const data = ['import keras, numpy as np', 'x = np.random.rand(96, 5); y = np.random.randint(0, 3, 96)'];

test('a script of today is reported epoch by epoch, and sees nothing of it', async () => {
  const script = [
    'import json, copy, pickle, os, yaml',
    ...data,
    'def build():',
    '  inputs = keras.Input((5,))',
    '  outputs = keras.layers.Dense(3, activation="softmax")(inputs)',
    '  return keras.Model(inputs, outputs)',
    'model = build()',
    'rate = keras.optimizers.schedules.ExponentialDecay(0.5, 2, 0.5)',
    'model.compile(keras.optimizers.SGD(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])',
    'stop = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, _: setattr(model, "stop_training", epoch == 1))',
    'history = model.fit(x, y, 48, 5, 0, (stop,), 0.0, (x, y))',
    'model = pickle.loads(pickle.dumps(copy.deepcopy(model)))',
    'result = model.evaluate(x, y, verbose=0)',
    'model.evaluate(x, y, verbose=0, return_dict=True)',
    'json.dump({"keys": list(history.history), "copied": type(copy.deepcopy(history.history)).__name__,',
    '  "losses": history.history["loss"], "evaluated": result}, open("seen.json", "w"))',
    'assert yaml.safe_load(yaml.safe_dump(history.history)) == history.history',
    'print(os.path.basename(__file__), __name__)',
  ];
  const { exitCode, log, events } = await train(firstAgent(), 'today', { 'train.py': script.join('\n') });
  assert.deepEqual({ exitCode, log }, { exitCode: 0, log: 'train.py __main__\n' });
  assert.deepEqual(outline(events), [
    'fit_started 1',
    'epoch 1.1',
    'epoch 1.2',
    'fit_ended 1',
    'evaluated',
    'evaluated',
  ]);
  const seen = JSON.parse(await readFile(join(firstAgent().folder, 'runs', 'today', 'workspace', 'seen.json'), 'utf8'));
  assert.deepEqual(seen.keys, ['accuracy', 'loss', 'val_accuracy', 'val_loss']);
  assert.equal(seen.copied, 'dict');
  const [started, first, second, ended, ...evaluated] = events.slice(1);
  assert.deepEqual({ epochs: started?.epochs, parameters: started?.parameters }, { epochs: 5, parameters: 18 });
  assert.deepEqual(Object.keys(first?.metrics ?? {}), seen.keys);
  assert.deepEqual([first?.metrics?.loss, second?.metrics?.loss], seen.losses);
  assert.deepEqual([first?.learningRate, second?.learningRate], [0.5, 0.25]);
  assert.ok((first?.seconds ?? -1) >= 0);
  assert.equal(ended?.epochs, 2);
  for (const { metrics } of evaluated.slice(0, 2)) {
    assert.deepEqual(metrics, { loss: seen.evaluated[0], accuracy: seen.evaluated[1] });
  }
});

test('several fits, one within another, a train_step of one’s own, and a child that trains', async () => {
  const script = [
    'import subprocess, sys',
    ...data,
    'import tensorflow as tf',
    'class Own(keras.Model):',
    '  def __init__(self):',
    '    super().__init__()',
    '    self.dense = keras.layers.Dense(1)',
    '  def call(self, inputs):',
    '    return self.dense(inputs)',
    '  def train_step(self, batch):',
    '    with tf.GradientTape() as tape:',
    '      error = tf.reduce_mean((self(batch[0], training=True) - 1.0) ** 2)',
    '    self.optimizer.apply_gradients(zip(tape.gradient(error, self.trainable_variables), self.trainable_variables))',
    '    return {"error": error, "each": tf.zeros(3)}',
    'own = Own()',
    'own.compile("sgd")',
    'own.fit(x, y, epochs=1, verbose=0)',
    'model = tf.keras.Sequential([tf.keras.layers.Dense(3, activation="softmax")])',
    'model.compile("adam", "sparse_categorical_crossentropy")',
    'class Within(keras.callbacks.Callback):',
    '  def on_epoch_end(self, epoch, logs=None):',
    '    if epoch == 0: own.fit(x, y, epochs=1, verbose=0)',
    '    self.model.evaluate(x, y, verbose=0)',
    'callbacks = keras.callbacks.CallbackList([Within()], add_history=True, model=model, epochs=2)',
    'model.fit(x, y, epochs=2, verbose=0, callbacks=callbacks, validation_split=0.5)',
    'child = "import keras, numpy as np; model = keras.Sequential([keras.layers.Dense(1)]); "',
    "child += \"model.compile('sgd', 'mse'); model.fit(np.ones((4, 2)), np.ones(4), verbose=0); print('child')\"",
    'subprocess.run([sys.executable, "-c", child], check=True)',
  ];
  const { exitCode, log, events } = await train(firstAgent(), 'several', { 'train.py': script.join('\n') });
  assert.deepEqual({ exitCode, log }, { exitCode: 0, log: 'child\n' });
  assert.deepEqual(outline(events), [
    'fit_started 1',
    'epoch 1.1',
    'fit_ended 1',
    'fit_started 2',
    'fit_started 3',
    'epoch 3.1',
    'fit_ended 3',
    'evaluated',
    'epoch 2.1',
    'evaluated',
    'epoch 2.2',
    'fit_ended 2',
  ]);
  const epochs = events.filter(({ type }) => type === 'epoch');
  assert.deepEqual(Object.keys(epochs[0]?.metrics ?? {}), ['error']);
  assert.deepEqual(Object.keys(epochs[2]?.metrics ?? {}), ['loss', 'val_loss']);
});

test('a seed that the request names decides what a training draws, unless the script has its own', async () => {
  const script = (own: string): string =>
    [
      'import random',
      own,
      'import numpy as np, tensorflow as tf',
      'from tensorflow import keras',
      'model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(3), keras.layers.Dropout(0.5)])',
      'model.compile("sgd", "mse")',
      'model.fit(np.ones((8, 5)), np.ones((8, 3)), batch_size=2, epochs=1, verbose=0)',
      'figures = [random.random(), np.random.rand(), float(tf.random.uniform([])), float(model.get_weights()[0].sum())]',
      'print(figures)',
    ].join('\n');
  async function drawn(name: string, seed: string | undefined, own = ''): Promise<string> {
    const environment: Readonly<Record<string, string>> = seed === undefined ? {} : { PUSHTUNE_SEED: seed };
    const { exitCode, log } = await train(firstAgent(), name, { 'train.py': script(own) }, environment);
    assert.equal(exitCode, 0, log);
    return log.trim().split('\n').at(-1) ?? '';
  }
  const first = await drawn('seed-1', '1');
  assert.equal(await drawn('seed-1-again', '1'), first);
  const figures = (line: string): number[] => JSON.parse(line);
  for (const other of [await drawn('seed-2', '2'), await drawn('no-seed', undefined)]) {
    for (const [i, figure] of figures(other).entries()) assert.notEqual(figure, figures(first)[i]);
  }
  const own = 'random.seed(7)';
  assert.equal(figures(await drawn('own-1', '1', own))[0], figures(await drawn('own-2', '2', own))[0]);
});

test('PUSHTUNE_AUTOLOG=0 switches the reports off, not what old scripts need', async () => {
  const script = [
    ...data,
    'model = keras.Sequential([keras.layers.Dense(1)])',
    'model.compile(keras.optimizers.SGD(lr=0.1), "mse")',
    'model.fit(x, y, verbose=0)',
  ];
  const environment = { PUSHTUNE_AUTOLOG: '0' };
  const { exitCode, log, events } = await train(firstAgent(), 'off', { 'train.py': script.join('\n') }, environment);
  assert.equal(exitCode, 0, log);
  assert.deepEqual(outline(events), []);
  assert.deepEqual(shimsIn(log), ['SGD(lr=)']);
});

test('a script that raises shows its own frames and its libraries’, as in a plain run', async () => {
  const script = [
    'import sys, traceback',
    ...data,
    'class Raising(keras.callbacks.Callback):',
    '  def on_epoch_end(self, epoch, logs=None):',
    '    raise RuntimeError("by the callback")',
    'model = keras.Sequential([keras.layers.Dense(1)])',
    'model.compile("sgd", "mse")',
    'try:',
    '  model.fit(x, y, verbose=0, callbacks=[Raising()])',
    'except RuntimeError:',
    '  traceback.print_exc()',
    'try:',
    '  keras.layers.Dense(-1)',
    'except ValueError as error:',
    '  raise KeyError("because of it") from error',
  ].join('\n');
  const { exitCode, log } = await train(firstAgent(), 'raises', { 'train.py': script });
  assert.equal(exitCode, 1);
  const workspace = join(firstAgent().folder, 'runs', 'raises', 'workspace');
  const plain = spawnSync(
    'docker',
    [
      'run',
      '--rm',
      '--network',
      'none',
      '-v',
      `${workspace}:/runs/raises/workspace`,
      '-w',
      '/runs/raises/workspace',
    ].concat('--entrypoint', 'python', image, '-u', 'train.py'),
    { encoding: 'utf8' },
  );
  assert.match(plain.stderr, /by the callback[\s\S]*dense\.py[\s\S]*because of it/);
  assert.equal(log, plain.stderr);
});

test('what was on PYTHONPATH is still found, and a sitecustomize there is still run', async () => {
  const { exitCode, log } = await train(
    firstAgent(),
    'path',
    {
      'extra/sitecustomize.py': 'import os\nos.environ["THEIRS"] = "ran"\n',
      'extra/package_of_image.py': 'value = 3\n',
      'train.py': 'import os, package_of_image, sitecustomize\nprint(os.environ["THEIRS"], sitecustomize.__file__)\n',
    },
    { PYTHONPATH: '/runs/path/workspace/extra' },
  );
  assert.deepEqual({ exitCode, log }, { exitCode: 0, log: 'ran /runs/path/workspace/extra/sitecustomize.py\n' });
});

test('a report that can’t be written costs a line in the log and not the training', () => {
  const script = [
    ...data,
    'model = keras.Sequential([keras.layers.Dense(1)])',
    'model.compile("sgd", "mse")',
    'model.fit(x, y, epochs=2, verbose=0)',
    'print("trained")',
  ].join('\n');
  const flags = ['-e', 'PYTHONPATH=/opt/pushtune/trainer/hooks', '-e', 'PUSHTUNE_EVENTS=/nowhere/events.jsonl'];
  const run = ['exec', ...flags, firstAgent().container.id, 'python', '-c', script];
  const { status, stdout, stderr } = spawnSync('docker', run, { encoding: 'utf8' });
  assert.deepEqual({ status, stdout }, { status: 0, stdout: 'trained\n' });
  assert.match(stderr, /^pushtune: record of the hooks failed, the script goes on without: FileNotFoundError.*\n$/);
});

test('the image alone trains an old script too', async () => {
  const workspace = await mkdtemp(join(tmpdir(), 'pushtune-old-'));
  try {
    await writeFile(
      join(workspace, 'train.py'),
      'from keras.utils import np_utils\nprint(np_utils.to_categorical([1]))\n',
    );
    const run = ['run', '--rm', '--network', 'none', '-v', `${workspace}:/workspace`, image];
    const { status, stdout, stderr } = spawnSync('docker', run, { encoding: 'utf8' });
    assert.deepEqual({ status, stdout }, { status: 0, stdout: '[[0. 1.]]\n' });
    assert.deepEqual(shimsIn(stderr), ['keras.utils.np_utils']);
  } finally {
    await rm(workspace, { recursive: true, force: true });
  }
});

/** Of each old script, some of what it needs. */
const expected: Readonly<Record<string, readonly string[]>> = {
  'functional-merge': ['keras.engine', 'Model(input=)', 'tensorflow.ConfigProto', 'keras.backend.*'],
  'image-folders': ['model.fit_generator', 'fit(workers=)', 'steps_per_epoch= with an ImageDataGenerator'],
  'keras1-convolution': ['Convolution2D(filters, rows, columns)', 'channels_first on a CPU', 'fit(nb_epoch=)'],
  'keras1-generator': ['model.fit_generator', 'BatchNormalization(mode=)', 'batches with lists'],
  'np-utils-perceptron': ['keras.layers.core', 'keras.utils.np_utils', "'acc' in the logs and the history"],
  'scikit-learn-wrapper': ['keras.wrappers.scikit_learn'],
  'sequence-and-numpy': ['numpy.float', 'keras_preprocessing.sequence', 'Adam(decay=)'],
  'several-inputs': ['batches with lists', 'labels by the name of the only output', 'model.predict_generator'],
  'tensorflow-python-keras': ['tensorflow.python.keras.models', 'Adam(lr=)'],
  'tensorflow1-tutorial': ['tensorflow.train.AdamOptimizer', 'next() of an ImageDataGenerator'],
  'text-recurrent': ['keras.layers.embeddings', 'LSTM(consume_less=)', 'batch_input_shape='],
  'tf-keras-callbacks': ['optimizer.lr', 'ModelCheckpoint(period=)', 'keras.optimizers.legacy.SGD'],
};

test('scripts for Keras 1 and 2 train unchanged, and the log says what they needed', async () => {
  const names = (await readdir(fixtures)).map((name) => basename(name, '.py')).sort();
  assert.deepEqual(names, Object.keys(expected).sort());
  const trained = await Promise.all(
    names.map(async (name, index): Promise<readonly [string, Training]> => {
      const agent = agents[index % agents.length] ?? firstAgent();
      const script = await readFile(join(fixtures, `${name}.py`), 'utf8');
      return [name, await train(agent, `old-${name}`, { 'train.py': script })];
    }),
  );
  for (const [name, { exitCode, log, events }] of trained) {
    assert.equal(exitCode, 0, `${name}: ${log}`);
    const shims = shimsIn(log);
    for (const shim of expected[name] ?? []) assert.ok(shims.includes(shim), `${name}: ${shim} is not in ${shims}`);
    assert.equal(new Set(shims).size, shims.length, `${name}: said twice`);
    const reported = events.filter(({ type }) => type === 'shim').map((event) => event.name ?? '');
    assert.deepEqual(reported.sort(), shims, name);
    assert.ok(outline(events).includes('fit_ended 1'), name);
    const measured = events.some(({ metrics }) => Object.keys(metrics ?? {}).some((key) => /acc(uracy)?$/.test(key)));
    assert.ok(measured, `${name}: no accuracy was reported`);
  }
});
