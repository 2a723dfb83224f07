/** A mistake in the search space ends the run before anything is built or trained. Real git, Redis and server. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startPushtune, type TestServer, untilEnded } from './support/pushtune.js';

const script = `import keras
model = keras.Sequential([keras.layers.Dense(64, activation='relu'), keras.layers.Dense(10)])
model.compile('adam', 'mse', metrics=['accuracy'])
model.fit(x, y, epochs=3, validation_split=0.2)
`;

describe('a push with a mistake in its search space', () => {
  let server: TestServer;
  before(async () => {
    server = await startPushtune();
  });
  after(() => server.close());

  it('fails at once, with every mistake and its line', async () => {
    const yaml = 'metric: {name: val_f1}\nhyperparameters:\n  unitz: off\n  epochs: {choices: [2, 2, 4]}\n';
    const run = await untilEnded(server, await server.push({ 'train.py': script, '.pushtune.yml': yaml }));
    assert.equal(run.state, 'failed');
    assert.equal(run.stages.build.state, 'failed');
    assert.equal(run.stages.train.state, 'skipped');
    assert.deepEqual(run.reason?.split('\n'), [
      '.pushtune.yml:3: hyperparameters.unitz: no hyperparameter is called so; did you mean units?',
      '.pushtune.yml:1: metric.name: the script has no val_f1 (it reports loss, accuracy, val_loss, val_accuracy)',
    ]);
    const warnings = run.events.filter(({ isWarning }) => isWarning === true).map(({ text }) => text);
    assert.deepEqual(warnings, [
      '.pushtune.yml:4: hyperparameters.epochs.choices.1: 2 stands there twice',
      '.pushtune.yml:4: hyperparameters.epochs: leaves out 3, which stands in train.py:4; only trial 0 is trained with it',
    ]);
    assert.equal((await server.study(run.study)).state, 'failed');
  });
});
