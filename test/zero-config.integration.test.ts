/** A plain Keras script with folders of images, and no word of configuration: real git, Redis, Docker and TensorFlow. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, it } from 'node:test';
import { ensureEnvironmentImage } from '../src/container/images.js';
import { startPushtune, type TestServer, until, untilEnded } from './support/pushtune.js';

/** scikit-learn's scanned digits as PNG files, `digits/<train or test>/<class>/<number>.png`. */
const writeDigits = `from pathlib import Path

import numpy
from PIL import Image
from sklearn.datasets import load_digits

digits = load_digits()
for index, (image, label) in enumerate(zip(digits.images, digits.target)):
    folder = Path("digits", "test" if index % 4 == 0 else "train", str(label))
    folder.mkdir(parents=True, exist_ok=True)
    Image.fromarray((image * 15.9).astype(numpy.uint8)).save(folder / f"{index}.png")
`;

/** Written as people write it; with these values it reaches about a fifth. */
const script = `import keras
from keras import layers

SIZE = (16, 16)

keras.utils.set_random_seed(7)
train = keras.utils.image_dataset_from_directory("digits/train", image_size=SIZE, color_mode="grayscale", batch_size=64)
test = keras.utils.image_dataset_from_directory("digits/test", image_size=SIZE, color_mode="grayscale", batch_size=64)

model = keras.Sequential([
    layers.Rescaling(1. / 255),
    # the only block
    layers.Conv2D(8, (3, 3), activation="relu"),
    layers.MaxPooling2D((2, 2)),

    layers.Flatten(),
    layers.Dense(32, activation="relu"),
    layers.Dense(10, activation="softmax"),
])
# only the data says how large the images are
model.build(next(iter(train))[0].shape)
model.compile(optimizer="sgd", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(train, validation_data=test, epochs=2, verbose=2)
`;

let server: TestServer;
before(async () => {
  server = await startPushtune({ study: { target: 0.95, budget: { trials: 30, patience: 30 } } });
});
after(() => server.close());

it('tunes a plain script on folders of images until it reaches the target, the number of blocks included', async () => {
  const first = await untilEnded(server, await server.push({ 'train.py': script, ...(await digits()) }), 300);
  assert.equal(first.metric?.name, 'val_accuracy');
  assert.equal(first.metric?.source, 'keras history');
  assert.ok((first.metric?.value ?? 1) < 0.5);
  assert.deepEqual(first.training?.inputShape, [16, 16, 1]);

  const study = await until(
    'the study ends',
    async () => {
      const found = await server.study(first.study);
      return found.state !== 'running' && found;
    },
    600,
  );
  assert.equal(study.state, 'target_reached', JSON.stringify(study.trials.map(({ metric, error }) => metric ?? error)));
  assert.deepEqual(
    study.trials.filter(({ state }) => state === 'failed'),
    [],
  );
  const counts = new Set(study.trials.map(({ values }) => values.conv_blocks));
  assert.ok(counts.size > 1, 'the number of convolutional blocks was tried');

  const changed = server.git('diff', '--name-only', first.sha, 'HEAD').trim();
  assert.equal(changed, 'train.py');
  const best = server.git('show', 'HEAD:train.py');
  assert.equal(best.split('layers.Conv2D(').length - 1, study.trials.at(-1)?.values.conv_blocks);
});

/** The pictures, made where scikit-learn is: in the training image. */
async function digits(): Promise<Record<string, Uint8Array>> {
  const folder = mkdtempSync(join(tmpdir(), 'pushtune-digits-'));
  try {
    const image = await ensureEnvironmentImage(server.docker, {
      environment: 'tensorflow',
      dataDirectory: server.config.data,
      onProgress: () => undefined,
    });
    writeFileSync(join(folder, 'write.py'), writeDigits);
    execFileSync('docker', ['run', '--rm', '-v', `${folder}:/workspace`, image.tag, 'python3', 'write.py']);
    const paths = readdirSync(join(folder, 'digits'), { recursive: true, encoding: 'utf8' });
    return Object.fromEntries(
      paths
        .filter((path) => path.endsWith('.png'))
        .map((path) => [join('digits', path), readFileSync(join(folder, 'digits', path))]),
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
