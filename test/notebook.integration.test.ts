/** A notebook is a main file like any other: it is run, tuned and edited in place. Real git, Redis and Docker. */
import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import { startPushtune, type TestServer, until, untilEnded } from './support/pushtune.js';

const cells: readonly (readonly string[])[] = [
  ['%matplotlib inline\n', 'import os\n', 'import keras\n', 'from names import label'],
  ['!nvidia-smi\n', 'EPOCHS = 2\n', "data = open('../data.txt').read().strip()"],
  [
    'if os.environ.get("REALLY"):\n',
    '    model = keras.Sequential([keras.layers.Dense(2)])\n',
    '    model.fit(None, None, epochs=EPOCHS)',
  ],
  ['display({"data": data})\n', 'get_ipython().run_line_magic("matplotlib", "inline")\n', 'print(label, EPOCHS)'],
  [
    'import json\n',
    'with open("metrics.json", "w") as file:\n',
    '    json.dump({"val_accuracy": min(0.95, 0.3 + EPOCHS / 10)}, file)',
  ],
];

/** As Jupyter writes it, with outputs and ids. */
const notebook = `${JSON.stringify(
  {
    cells: cells.map((source, index) => ({
      cell_type: 'code',
      execution_count: index,
      id: `cell-${index}`,
      metadata: {},
      outputs: [{ name: 'stdout', output_type: 'stream', text: ['EPOCHS = 2\n'] }],
      source,
    })),
    metadata: { kernelspec: { display_name: 'Python 3', language: 'python', name: 'python3' } },
    nbformat: 4,
    nbformat_minor: 5,
  },
  undefined,
  1,
)}\n`;

let server: TestServer;
before(async () => {
  server = await startPushtune();
});
after(() => server.close());

it('runs and tunes a notebook, in its own folder, and changes nothing but the values', async () => {
  const sha = await server.push({
    'work/train.ipynb': notebook,
    'work/names.py': 'label = "epochs:"\n',
    'data.txt': 'some data\n',
  });
  const first = await untilEnded(server, sha, 300);
  assert.equal(first.build?.main, 'work/train.ipynb');
  assert.deepEqual(first.metric, { name: 'val_accuracy', value: 0.5, source: 'work/metrics.json' });
  assert.match(await server.log(first.id), /\{'data': 'some data'\}/);

  const study = await until('the study ends', async () => {
    const found = await server.study(first.study);
    return found.state !== 'running' && found;
  });
  assert.equal(study.state, 'target_reached');
  const epochs = study.trials.at(-1)?.values.epochs;
  assert.equal(
    server.git('show', 'HEAD:work/train.ipynb'),
    notebook.replace('"EPOCHS = 2\\n",\n    "data', `"EPOCHS = ${epochs}\\n",\n    "data`),
  );
  assert.equal(server.git('ls-files').trim(), 'data.txt\nwork/names.py\nwork/train.ipynb');
});
