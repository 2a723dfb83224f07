/** A study whose bad trials are ended while they train: real Keras, a real container, and a server that is killed meanwhile. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startPushtune, type TestServer, until, untilEnded } from './support/pushtune.js';

/**
 * Trains with Keras, for two epochs or for ever: how well each trial does follows from its number, which is that of the
 * other runs beside its folder. Trial 1 diverges, trial 6 is slow and does not let itself be ended gently.
 */
const script = `import os
import signal
import time

import keras
import numpy as np

trial = len(os.listdir("../..")) - 1
accuracies = [0.1, 0.1] if trial == 6 else [0.3, (50 + trial) / 100]


class Pretended(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 1 and trial in (1, 6):
            time.sleep(3600)

    def on_epoch_end(self, epoch, logs):
        logs["val_accuracy"] = accuracies[epoch]
        if trial == 1:
            logs["loss"] = float("nan")


if trial == 6:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
model = keras.Sequential([keras.layers.Dense(16, activation="relu"), keras.layers.Dense(2)])
model.compile(optimizer=keras.optimizers.Adam(learning_rate=0.001), loss="mse", metrics=["accuracy"])
x, y = np.zeros((8, 3)), np.zeros((8, 2))
model.fit(x, y, epochs=len(accuracies), validation_data=(x, y), callbacks=[Pretended()])
print("after the training")
`;

describe('stopping early', () => {
  let server: TestServer;
  before(async () => {
    server = await startPushtune({ study: { target: 0.95, budget: { trials: 8 } } }, 'own');
  });
  after(() => server.close());

  it('ends bad trials while they train, and the study goes on, also through a kill of the server', async () => {
    const sha = await server.push({ 'train.py': script });
    const slow = await until(
      'it is decided that trial 6 is stopped',
      async () => (await server.runs()).find(({ trial, earlyStop }) => trial === 6 && earlyStop !== undefined),
      600,
    );
    await server.killAndRestart();
    const first = await untilEnded(server, sha);
    const study = await until(
      'the study ends',
      async () => {
        const found = await server.study(first.study);
        return found.state !== 'running' && found;
      },
      300,
    );

    assert.equal(study.state, 'budget_ended');
    const states = study.trials.map(({ state }) => state);
    assert.deepEqual(states, ['completed', 'pruned', ...Array(4).fill('completed'), 'pruned', 'completed']);
    const [diverged, stopped, last] = [study.trials[1], study.trials[6], study.trials[7]];
    assert.deepEqual(diverged?.earlyStop, { epoch: 1, epochs: 2, reason: 'its loss became NaN in epoch 1' });
    assert.deepEqual(stopped?.curve, [0.1]);
    assert.equal(stopped?.metric?.value, 0.1);
    assert.deepEqual(stopped?.earlyStop, slow.earlyStop, 'the decision outlived the server');
    assert.deepEqual(last?.curve, [0.3, 0.57]);
    assert.ok(study.trials.every(({ state, curve }) => state !== 'completed' || curve?.length === 2));

    const reason =
      'stopped after epoch 1 of 2: its best val_accuracy of 0.1 was behind the median of 0.3 that 6 earlier trials had by then';
    const message = server.git('show', '--no-patch', '--format=%B', last?.sha ?? '');
    assert.ok(message.includes(`\n\nTrial 6 was ${reason}; the target is 0.95.\n`), message);
    const run = (await server.runs()).find(({ id }) => id === stopped?.run);
    assert.equal(run?.state, 'succeeded');
    assert.ok(run?.reason?.startsWith(`Trial 6 was ${reason}; trial 7 follows`), run?.reason);
    assert.equal(run?.training?.starts, 1);
    assert.doesNotMatch(await server.log(run?.id ?? ''), /after the training/);

    const mail = await until('the mail is there', async () => (await server.mails().catch(() => [])).at(0));
    assert.match(mail.text ?? '', /Trial 7 was the best, with val_accuracy 57\.0 %/);
    assert.deepEqual(mail.text?.match(/^ {4}\d {4}pruned /gm)?.length, 2);
  });
});
