/** Trials that need more memory than there is: the study learns from them how large a network may be. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Study } from '../src/pipeline/study.js';
import { needsAsMuch } from '../src/tuning/memory.js';
import type { SearchSpace } from '../src/tuning/space.js';
import { startPushtune, type TestServer, until, untilEnded } from './support/pushtune.js';

/** Wide networks are better, and take a hundred times the memory that the container has. */
const script = `import os
import re


def build():
    import keras

    model = keras.Sequential(
        [
            keras.layers.Conv2D(8, 3, activation="relu"),
            keras.layers.Flatten(),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(optimizer="adam", loss="mse", metrics=["accuracy"])
    return model


if os.environ.get("REALLY"):
    build().fit(None, None)
filters = int(re.search(r"Conv2D.(\\d+)", open(__file__).read()).group(1))
weights = bytearray(filters * 8 * 1024 * 1024)
print("val_accuracy:", filters / 1000)
`;

/** Values drawn at random: what is not tried is not tried for this reason alone. */
const settings = `sampler: random
hyperparameters: {kernel_size: off, activation: off}
`;

describe('a study in which wide networks need too much memory', () => {
  let server: TestServer;
  before(async () => {
    server = await startPushtune({
      study: { target: 0.99, budget: { trials: 12 } },
      training: { memory: '160m' },
    });
  });
  after(() => server.close());

  it('is told so by the trials that fail, and tries none that is as wide', async () => {
    const first = await untilEnded(server, await server.push({ 'train.py': script, '.pushtune.yml': settings }));
    const study = await until('the study ends', async () => {
      const found = await server.study(first.study);
      return found.state !== 'running' && (found as Study & { readonly space: SearchSpace });
    });
    assert.equal(study.state, 'budget_ended');
    const tooLarge = study.trials.filter(({ isTooLarge }) => isTooLarge);
    assert.ok(tooLarge.length > 0, 'no trial was too large');
    for (const { error } of tooLarge) assert.match(error ?? '', /out of memory/);
    for (const { number, values } of study.trials) {
      const before = tooLarge.filter((trial) => trial.number < number);
      assert.ok(!before.some((trial) => needsAsMuch(study.space, values, trial.values)), `trial ${number}`);
    }
  });
});
