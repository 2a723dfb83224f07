import assert from 'node:assert/strict';
import { it } from 'node:test';
import { inspectProject } from '../../src/python/inspect.js';
import { reachOf } from '../../src/python/reach.js';

it('reaches the main script and its modules, and what they name', () => {
  const text: Record<string, string> = {
    'train.py': [
      'import yaml, glob',
      'from lib import model',
      'params = yaml.safe_load(open("params.yaml"))',
      "paths = glob.glob('./data/*/*.png')",
      'model.build(params["units"]).fit(open("labels.csv"))',
    ].join('\n'),
    'lib/__init__.py': '',
    'lib/model.py': 'import keras\ndef build(units): return keras.Sequential([keras.layers.Dense(units)])\n',
    'params.yaml': 'units: 32\n',
    'tools/plot.py': 'print("nothing")\n',
  };
  const files = new Map(Object.entries(text).map(([path, code]) => [path, new TextEncoder().encode(code)]));
  const { files: reached, names } = reachOf(files, inspectProject(files), ['sets/faces/']);
  for (const path of ['train.py', 'lib/model.py']) assert.ok(reached.includes(path), reached.join());
  assert.ok(!reached.includes('tools/plot.py'));
  for (const name of ['data', 'labels.csv', 'params.yaml', 'sets/faces']) assert.ok(names.includes(name), names.join());
});

it('says when a script may read whatever lies beside it', () => {
  for (const [text, reads] of [
    ['import glob\nglob.glob("*.csv")', true],
    ['import os\nos.listdir(".")', true],
    ['import glob\nglob.glob("data/*.csv")', false],
    ['print(f"{1 + 1}")', false],
  ] as const) {
    const files = new Map([['train.py', new TextEncoder().encode(`import keras\n${text}\n`)]]);
    assert.equal(reachOf(files, inspectProject(files), []).names.includes('*'), reads, text);
  }
});
