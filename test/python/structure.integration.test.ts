/** Networks as they are proposed, built by Keras itself. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import Docker from 'dockerode';
import { ensureEnvironmentImage } from '../../src/container/images.js';
import { applyValues } from '../../src/python/edit.js';
import { inspectProject } from '../../src/python/inspect.js';
import { suggest } from '../../src/tuning/suggest.js';

/** Small images, so that many of the combinations would leave nothing of them. */
const scripts: readonly string[] = [
  `m = Sequential([Input(shape=(12, 12, 1)), Conv2D(8, 3), MaxPooling2D(2), Flatten(), Dense(8), Dense(2, activation='softmax')])
m.fit(None, epochs=2)
`,
  `m = Sequential()
m.add(Conv2D(8, (5, 5), input_shape=(28, 28, 1)))
m.add(MaxPooling2D(pool_size=(2, 2)))

# the second
m.add(Conv2D(8, (3, 3), padding='same'))
m.add(Activation('relu'))
m.add(MaxPooling2D(pool_size=(2, 2), strides=(2, 2)))
m.add(Dropout(0.25))
m.add(Flatten())
m.add(Dense(16))
m.add(Dropout(0.5))
m.add(Dense(3, activation='softmax'))
m.fit(None, epochs=2)
`,
  `SIDE = 20
inputs = Input(shape=(SIDE, SIDE, 3))
x = Conv2D(4, 3, activation='relu')(inputs)
x = AveragePooling2D(2)(x)
x = Conv2D(8, 3, strides=1, activation='relu')(x)
x = Conv2D(8, 3, activation='relu')(x)
x = MaxPooling2D(3)(x)
x = GlobalAveragePooling2D()(x)
x = Dense(16, activation='relu')(x)
outputs = Dense(4, activation='softmax')(x)
m = Model(inputs, outputs)
m.fit(None, epochs=2)
`,
  `def build(width, kernel=3):
    net = Sequential()
    net.add(Input(shape=(width, width, 1)))
    net.add(Conv2D(6, kernel, padding='same'))
    net.add(BatchNormalization())
    net.add(MaxPooling2D(padding='same'))
    net.add(Flatten())
    net.add(Dense(5))
    net.add(Dense(2))
    return net
m = build(6)
m.fit(None, epochs=2)
`,
];
const head = `from keras import Input, Model, Sequential
from keras.layers import (Activation, AveragePooling2D, BatchNormalization, Conv2D, Dense, Dropout, Flatten,
                          GlobalAveragePooling2D, MaxPooling2D)
`;
const suggestions = 20;

/** Runs every script up to its training, and prints which of them fail. */
const buildAll = `import glob, keras
class Built(Exception): pass
def fit(self, *args, **kwargs): raise Built
keras.Model.fit = fit
for path in sorted(glob.glob("*.txt")):
    try:
        exec(compile(open(path).read(), path, "exec"), {})
    except Built:
        continue
    except Exception as error:
        print(path, repr(error)[:300])
        continue
    print(path, "trains nothing")
print("all were tried")
`;

it('proposes no network that Keras refuses', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'pushtune-networks-'));
  try {
    const image = await ensureEnvironmentImage(new Docker(), {
      environment: 'tensorflow',
      dataDirectory: join(folder, 'data'),
      onProgress: () => undefined,
    });
    scripts.forEach((body, index) => {
      const files = new Map([['train.py', new TextEncoder().encode(head + body)]]);
      const { hyperparameters, featureMaps } = inspectProject(files);
      assert.ok(hyperparameters.some(({ name }) => name === 'conv_blocks'));
      assert.ok(hyperparameters.some(({ name }) => name === 'dense_layers'));
      const space = { parameters: hyperparameters.map(({ parameter }) => parameter), featureMaps };
      for (let number = 0; number < suggestions; number += 1) {
        const values = suggest(space, [], `${index}/${number}`)?.values ?? {};
        const text = applyValues(files, hyperparameters, values).get('train.py') ?? new Uint8Array();
        writeFileSync(join(folder, `${index}-${number}.txt`), text);
      }
    });
    writeFileSync(join(folder, 'build.py'), buildAll);
    const run = ['run', '--rm', '-v', `${folder}:/workspace`, image.tag, 'python3', 'build.py'];
    assert.equal(
      execFileSync('docker', run, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }),
      'all were tried\n',
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
