/** What is kept of a study's best trial: real Keras, a real container, and the command that trains it once more. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, it } from 'node:test';
import { repositoryFolders } from '../src/container/folders.js';
import { repository, startPushtune, type TestServer, until, untilEnded } from './support/pushtune.js';

/** How well each trial does follows from its number, which is that of the other runs beside its folder. */
const script = `import os

import keras
import numpy as np

trial = len(os.listdir("../..")) - 1


class Pretended(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs):
        logs["val_accuracy"] = {0: 0.3, 1: 0.5, 2: 0.4}.get(trial, 0.9)


model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(16, activation="relu"), keras.layers.Dense(2)])
model.compile(optimizer=keras.optimizers.Adam(learning_rate=0.001), loss="mse", metrics=["accuracy"])
x, y = np.zeros((8, 3)), np.zeros((8, 2))
model.fit(x, y, epochs=1, verbose=0, validation_data=(x, y), callbacks=[Pretended()])
print("seed", os.environ["PUSHTUNE_SEED"], np.random.rand())
`;

let server: TestServer;
before(async () => {
  server = await startPushtune({
    training: { network: 'none' },
    study: { target: 0.95, budget: { trials: 3 } },
  });
});
after(() => server.close());

it('keeps the model, the history, the packages and the command of the best trial', async () => {
  const sha = await server.push({ 'train.py': script, '.pushtune.yml': 'seed: 7\n' });
  const { study: id } = await untilEnded(server, sha);
  const study = await until('the study ends', async () => {
    const found = await server.study(id);
    return found.state !== 'running' && found;
  });
  assert.deepEqual(
    study.trials.map(({ metric }) => metric?.value),
    [0.3, 0.5, 0.4],
  );
  const best = study.trials[1];
  const { runs, studies } = repositoryFolders(server.config.data, repository);
  assert.deepEqual(readdirSync(studies), [id]);
  const folder = join(studies, id);
  assert.deepEqual(readdirSync(folder).sort(), ['environment.txt', 'history.csv', 'model.keras', 'reproduce.sh']);
  const read = (name: string): string => readFileSync(join(folder, name), 'latin1');
  assert.match(read('model.keras'), /^PK.*config\.json/s);
  const [head, row] = read('history.csv').split('\n');
  assert.equal(row?.split(',')[head?.split(',').indexOf('val_accuracy') ?? -1], '0.5');
  assert.match(read('environment.txt'), /^# Python 3\.[\s\S]*\nkeras==3\.[\s\S]*\ntensorflow/i);
  const saved = study.trials.map(({ run }) => existsSync(join(runs, run, 'artifacts', 'model.keras')));
  assert.deepEqual(saved, [true, true, false], 'a model that is worse than the best is not saved');

  const log = await server.log(best?.run ?? '');
  const again = spawnSync('bash', [join(folder, 'reproduce.sh')], { encoding: 'utf8' });
  assert.equal(again.status, 0, again.stderr);
  assert.ok(read('reproduce.sh').includes(best?.sha ?? 'none'));
  const drawn = /^seed 7 [\d.]+$/m.exec(log)?.[0];
  assert.ok(drawn !== undefined, log);
  assert.ok(again.stdout.includes(drawn), again.stdout);
});
