/** Scripts that take their hyperparameters from the command line, tuned with real git, Redis and Docker; they only pretend to train. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Run } from '../src/pipeline/run.js';
import type { Study } from '../src/pipeline/study.js';
import { startPushtune, type TestServer, until, untilEnded } from './support/pushtune.js';

/** A script that reads its hyperparameters as `reading` says, prints `shown` and names `accuracy` as its result. */
function script(reading: string, model: string, shown: string, accuracy: string): string {
  return `import argparse
import json
import os
import sys

${reading}
if os.environ.get("REALLY"):
    import keras

    model = keras.Sequential([keras.layers.LSTM(${model}), keras.layers.Dense(2)])
    model.compile(optimizer=keras.optimizers.Adam(learning_rate=rate), loss="mse")
    model.fit(None, None)
print(${shown})
with open("metrics.json", "w") as file:
    json.dump({"val_accuracy": ${accuracy}}, file)
`;
}

const byPosition = 'units = int(sys.argv[1])\nrate = float(os.environ["RATE"])';
const byOption = `parser = argparse.ArgumentParser()
parser.add_argument("units", type=int)
parser.add_argument("--rate", type=float, required=True)
args = parser.parse_args()
rate = args.rate`;

describe('what a script is passed', () => {
  let server: TestServer;
  before(async () => {
    server = await startPushtune({ study: { budget: { trials: 3 } } });
  });
  after(() => server.close());

  async function tuned(files: Readonly<Record<string, string>>): Promise<{ sha: string; first: Run; study: Study }> {
    const sha = await server.push(files);
    const first = await untilEnded(server, sha);
    const study = await until('the study ends', async () => {
      const found = await server.study(first.study);
      return found.state !== 'running' && found;
    });
    return { sha, first, study };
  }

  async function lastLog(study: Study): Promise<string> {
    return server.log(study.trials.at(-1)?.run ?? '');
  }

  it('leaves no .pushtune.yml behind when the values of the push were the best', async () => {
    const best = '["--rate", "0.001", "128"]';
    const { sha, study } = await tuned({
      'train.py': script(byOption, 'args.units', 'sys.argv[1:]', `0.5 if sys.argv[1:] == ${best} else 0.4`),
    });
    assert.equal(study.state, 'budget_ended');
    assert.deepEqual(
      study.trials.map(({ metric }) => metric?.value),
      [0.5, 0.4, 0.4],
    );
    const last = study.trials.at(-1)?.sha ?? '';
    assert.match(server.git('show', `${last}:.pushtune.yml`), /^arguments: \[--rate, .*\]\n$/);
    assert.equal(server.git('rev-parse', 'HEAD').trim(), study.restoredSha);
    assert.equal(server.git('diff', '--name-only', sha, 'HEAD'), '');
  });

  it('is tuned by its position and as a variable, in a .pushtune.yml of the bot', async () => {
    const { sha, first, study } = await tuned({
      'train.py': script(
        byPosition,
        'units',
        'sys.argv[1:], os.environ["RATE"]',
        '0.5 if sys.argv[1] == "128" else 0.9',
      ),
    });
    assert.equal(first.build?.commandLine, 'RATE=0.001 python train.py 128');
    assert.equal(await server.log(first.id), "['128'] 0.001\n");

    assert.equal(study.state, 'target_reached');
    const { units, learning_rate: rate } = study.trials.at(-1)?.values ?? {};
    assert.equal(await lastLog(study), `['${String(units)}'] ${String(rate)}\n`);
    assert.equal(
      server.git('show', 'HEAD:.pushtune.yml'),
      `arguments: [${String(units)}]\nvariables: {RATE: ${String(rate)}}\n`,
    );
    assert.equal(server.git('diff', '--name-only', sha, 'HEAD'), '.pushtune.yml\n');
  });

  it('is tuned as an option, in the .pushtune.yml of a person, of which nothing else changes', async () => {
    const written = '# ours\narguments:\n  - "100"      # units\n  - --rate=0.010\nbudget: {patience: 3}\n';
    const { sha, study } = await tuned({
      '.pushtune.yml': written,
      'train.py': script(byOption, 'args.units', 'sys.argv[1:]', '0.5 if sys.argv[1] == "100" else 0.9'),
    });
    assert.equal(study.state, 'target_reached');
    const { units, learning_rate: rate } = study.trials.at(-1)?.values ?? {};
    assert.equal(await lastLog(study), `['${String(units)}', '--rate=${String(rate)}']\n`);
    const expected = written.replace('"100"', `"${String(units)}"`).replace('0.010', String(rate));
    assert.equal(server.git('show', 'HEAD:.pushtune.yml'), expected);
    assert.equal(server.git('diff', '--name-only', sha, 'HEAD'), '.pushtune.yml\n');
  });

  it('ends a run whose values cannot be written, and says why', async () => {
    const sha = await server.push({
      '.pushtune.yml': 'main: train.py\n...\n',
      'train.py': script(byOption, 'args.units', 'sys.argv[1:]', '0.5'),
    });
    const run = await untilEnded(server, sha);
    assert.equal(run.stages.tune.state, 'failed');
    assert.match(run.reason ?? '', /cannot be written into \.pushtune\.yml: .* plain lists/);
    assert.equal((await server.study(run.study)).state, 'failed');
  });
});
