/** What is read of scripts before they run, by the training image's Python. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import Docker from 'dockerode';
import { ensureEnvironmentImage } from '../../src/container/images.js';
import { packageRoot } from '../../src/package-root.js';
import { notebookScript } from '../../src/python/notebook-script.js';

interface Case {
  readonly what: string;
  readonly files: Readonly<Record<string, string>>;
  readonly main?: string;
  readonly steps: readonly unknown[];
  /** Why the reading ends, when it does not end with the script. */
  readonly ends?: RegExp;
}

const numpy = ['import', 'numpy', []];
const keras = ['import', 'keras', []];

const cases: readonly Case[] = [
  {
    what: 'imports at the top, in their order',
    files: {
      'train.py':
        '"""Doc."""\nfrom __future__ import annotations\nimport os, numpy as np\nfrom keras.layers import Dense, Input\nimport keras\n',
    },
    steps: [numpy, ['import', 'keras.layers', ['Dense', 'Input']], keras],
  },
  {
    what: 'imports behind what does not touch them',
    files: {
      'train.py': [
        'import warnings; warnings.filterwarnings("ignore")',
        'EPOCHS = 3; print("start", EPOCHS)',
        'def build(): import torch; return torch.nn',
        'class Own:\n  epochs = 3\n  def build(self): import torch',
        'try:\n  import numpy\nexcept ImportError:\n  numpy = None',
        'import logging; logging.getLogger("tensorflow").setLevel("ERROR")',
        'if __name__ == "__main__":\n  import keras\n  keras.Model()\n  import pandas',
      ].join('\n'),
    },
    steps: [numpy, keras],
    ends: /line 14 of the script/,
  },
  {
    what: 'nothing behind a module that may do anything',
    files: { 'train.py': 'import numpy\nimport strange\nimport keras\n' },
    steps: [numpy],
    ends: /what strange does when it is imported is not known/,
  },
  {
    what: 'modules of the script’s own, with relative imports and submodules',
    files: {
      'train.py': 'from net import model\nfrom settings import RATE\nimport pandas\n',
      'net/__init__.py': 'import numpy\n',
      'net/model.py': 'from . import parts\nfrom .parts import deep\nimport keras\n',
      'net/parts.py': 'import scipy\n',
      'settings.py': 'RATE = 0.1\nif __name__ == "__main__":\n  import torch\n',
    },
    steps: [numpy, ['import', 'scipy', []], keras, ['import', 'pandas', []]],
  },
  {
    what: 'no module of the script’s own that stands for a framework',
    files: { 'train.py': 'import numpy\nimport keras\n', 'keras.py': '' },
    steps: [numpy],
    ends: /a module of its own called keras/,
  },
  {
    what: 'variables that are set to constants',
    files: {
      'train.py': [
        'import os\nfrom os import environ',
        'os.environ["KERAS_BACKEND"] = "torch"; environ.setdefault("TF_X", "1"); os.putenv("OMP_X", "2")',
        'os.environ.update({"CUDA_X": ""}, XLA_X="3", OWN=str(4)); os.environ["OWN"] = "5"',
        'del os.environ["MKL_X"]; os.environ.pop("MPL_X", None)',
        'import numpy',
        'os.environ["KERAS_LATE"] = "1"',
      ].join('\n'),
    },
    steps: [
      ['set', 'KERAS_BACKEND', 'torch'],
      ['default', 'TF_X', '1'],
      ['putenv', 'OMP_X', '2'],
      ['set', 'CUDA_X', ''],
      ['set', 'XLA_X', '3'],
      ['unset', 'MKL_X'],
      ['unset', 'MPL_X'],
      numpy,
    ],
  },
  ...[
    'os.environ["TF_X"] = str(1)',
    'os.environ[name] = "1"',
    'os.environ.update(values)',
    'os.environ["OWN"] = set_up()',
    'os.environ |= {"TF_X": "1"}',
    'for name in ("TF_X",): os.environ[name] = "1"',
    'if fast: os.environ["TF_X"] = "1"',
    'os.unsetenv("TF_X")',
    'set_up()',
    'np.own = 1',
    'if fast: import torch',
    'with quiet(): import torch',
    '@register\ndef own(): pass',
    'sys.path.insert(0, "..")',
  ].map((statement) => ({
    what: `nothing behind \`${statement}\``,
    files: { 'train.py': `import os, sys\nimport numpy\n${statement}\nimport keras\n` },
    steps: [numpy],
    // Of a decorated function the line of its `def`.
    ends: /line [34]/,
  })),
  {
    what: 'cells of a notebook',
    files: {
      'work/a.ipynb.py': notebookScript(
        'work/a.ipynb',
        JSON.stringify({
          nbformat: 4,
          nbformat_minor: 5,
          metadata: {},
          cells: ['%matplotlib inline\nimport numpy', 'import own', '!ls', 'own.begin()', 'import pandas'].map(
            (source) => ({
              cell_type: 'code',
              metadata: {},
              outputs: [],
              source,
            }),
          ),
        }),
      ),
      'work/own.py': 'import keras\n',
    },
    main: 'work/a.ipynb.py',
    steps: [['import', 'pushtune_hooks.cells', []], numpy, keras],
    ends: /may change what follows/,
  },
  {
    what: 'nothing where a framework reads a file of the folder',
    files: { 'train.py': 'import matplotlib\n', matplotlibrc: '' },
    steps: [],
    ends: /matplotlibrc/,
  },
  {
    what: 'nothing of what is no Python',
    files: { 'train.py': 'import numpy\nx =\n' },
    steps: [],
    ends: /can't be read/,
  },
  { what: 'nothing where there is nothing', files: { 'train.py': 'import os\n' }, steps: [], ends: /no framework/ },
];

interface Plan {
  readonly steps: readonly unknown[];
  readonly ends: string | null;
}

let folder: string;
let plans: readonly Plan[];

before(async () => {
  const dataDirectory = join(tmpdir(), 'pushtune-preload');
  const options = { environment: 'tensorflow', dataDirectory, onProgress: () => {} } as const;
  const { tag } = await ensureEnvironmentImage(new Docker(), options);
  await rm(dataDirectory, { recursive: true, force: true });
  folder = await mkdtemp(join(tmpdir(), 'pushtune-preload-'));
  for (const [index, { files }] of cases.entries()) {
    for (const [path, text] of Object.entries(files)) {
      const whole = join(folder, String(index), path);
      await mkdir(dirname(whole), { recursive: true });
      await writeFile(whole, text);
    }
  }
  const program = [
    'import json, sys',
    'sys.path.insert(0, "/trainer")',
    'from dataclasses import asdict',
    'from pathlib import Path',
    'from preload import read_plan',
    'mains = json.loads(sys.argv[1])',
    'print(json.dumps([asdict(read_plan(Path("/cases") / str(i), main)) for i, main in enumerate(mains)]))',
  ].join('\n');
  const trainer = join(packageRoot(), 'docker', 'tensorflow', 'trainer');
  const mains = JSON.stringify(cases.map(({ main }) => main ?? 'train.py'));
  const mounts = ['-v', `${trainer}:/trainer:ro`, '-v', `${folder}:/cases:ro`];
  const command = ['run', '--rm', ...mounts, '--entrypoint', 'python3', tag, '-c', program, mains];
  const { stdout, stderr } = spawnSync('docker', command);
  assert.equal(stderr.toString(), '');
  plans = JSON.parse(stdout.toString());
});

after(() => rm(folder, { recursive: true, force: true }));

for (const [index, { what, steps, ends }] of cases.entries()) {
  test(`read ahead: ${what}`, () => {
    const plan = plans[index];
    assert.deepEqual(plan?.steps, steps, plan?.ends ?? '');
    if (ends === undefined) assert.equal(plan?.ends, null);
    else assert.match(plan?.ends ?? '', ends);
  });
}
