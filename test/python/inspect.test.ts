import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { inspectProject } from '../../src/python/inspect.js';
import type { Inspection } from '../../src/python/inspection.js';
import { MainScriptError } from '../../src/python/main-script.js';
import { inspectionToJson, renderInspection } from '../../src/python/render.js';
import { PythonSyntaxError } from '../../src/python/syntax.js';
import { readFixtures } from './fixtures.js';
import { summarize } from './summary.js';

function projectOf(files: Record<string, string>): ReadonlyMap<string, Uint8Array> {
  return new Map(Object.entries(files).map(([file, text]) => [file, new TextEncoder().encode(text)]));
}

function inspectScript(text: string): Inspection {
  return inspectProject(projectOf({ 'train.py': text }));
}

function namesOf(inspection: Inspection): readonly string[] {
  return inspection.hyperparameters.map((hyperparameter) => hyperparameter.name);
}

const SMALL = `from keras.layers import Dense
from keras.models import Sequential
model = Sequential([Dense(32, activation='relu'), Dense(10, activation='softmax')])
model.compile(optimizer='adam', loss='mse')
model.fit(x, y, epochs=5)
`;

describe('the corpus of scripts', () => {
  for (const fixture of readFixtures()) {
    it(`finds in ${fixture.name} what its author would expect`, () => {
      assert.deepEqual(summarize(inspectProject(fixture.files, { main: fixture.main })), fixture.expected);
    });
  }

  it('holds at least 30 scripts', () => {
    assert.ok(readFixtures().length >= 30);
  });
});

describe('the main script', () => {
  it('is train.py before all others, which are listed', () => {
    const inspection = inspectProject(projectOf({ 'main.py': SMALL, 'train.py': SMALL, 'zoo/other.py': SMALL }));
    assert.equal(inspection.main, 'train.py');
    assert.deepEqual(inspection.candidates, ['main.py', 'train.py', 'zoo/other.py']);
  });

  it('is otherwise the only script that trains', () => {
    assert.equal(inspectProject(projectOf({ 'plot.py': 'import os\n', 'cnn.py': SMALL })).main, 'cnn.py');
  });

  it('is asked for when nothing trains', () => {
    const files = projectOf({ 'a.py': 'import os\n', 'b.py': 'import sys\n' });
    assert.throws(() => inspectProject(files), MainScriptError);
    assert.throws(() => inspectProject(projectOf({})), /no Python script/);
    assert.throws(() => inspectProject(files, { main: 'c.py' }), /c\.py is not in the repository/);
  });

  it('that is no Python is refused with file and line', () => {
    assert.throws(
      () => inspectScript('import os\nmodel.fit(x, y, epochs=3\nprint(1)\n'),
      (error) => error instanceof PythonSyntaxError && error.file === 'train.py' && error.line >= 2,
    );
    assert.throws(() => inspectScript("print 'hello'\n"), /Python 2/);
  });

  it('may use what Python accepts and the grammar does not know', () => {
    assert.deepEqual(inspectScript('import keras\nx = x / 255.\n\f\ny = [1., 2.]\ndef f():\n    yield\n').imports, [
      'keras',
    ]);
  });
});

describe('numbers that end in a point', () => {
  it('are read wherever Python reads them', () => {
    const text = [
      'import keras',
      'a = x / 255.  # scaled',
      'b = 1. if x else 2.',
      'c = f(1.e-3, .5, [3.,4.], x1.y, "v1. of")',
      'o = keras.optimizers.SGD(learning_rate=1.)  # high',
      "m.compile(optimizer=o, loss='mse')",
      'm.fit(x, y, epochs=5)',
    ].join('\n');
    const { hyperparameters } = inspectScript(text);
    assert.deepEqual(
      hyperparameters.map(({ name, line, column, value }) => [name, line, column, value]),
      [
        ['learning_rate', 5, 39, 1],
        ['epochs', 7, 19, 5],
      ],
    );
  });
});

describe('a window from a constant', () => {
  it('is found where the constant is written', () => {
    const text = `from keras.layers import Conv2D, Dense
import numpy as np
SIDE = 3
m = Sequential([Conv2D(8, (SIDE, SIDE)), Dense(2)])
m.fit(np.concatenate([a, b]), y)
`;
    const { hyperparameters } = inspectScript(text);
    assert.deepEqual(
      hyperparameters.map(({ name, line, value }) => [name, line, value]),
      [
        ['kernel_size', 3, 3],
        ['filters', 4, 8],
      ],
    );
  });
});

describe('a pooling that a function returns', () => {
  const block = `import keras
from keras import layers
def block(x, f):
    x = layers.Conv2D(f, 3)(x)
    return layers.MaxPooling2D(2)(x)
a = keras.Input((32, 32, 3))
x = layers.Flatten()(block(block(a, 8), 16))
m = keras.Model(a, layers.Dense(10)(x))
m.fit(data, epochs=3)
`;
  it('ends a block, and is tuned', () => {
    assert.ok(namesOf(inspectScript(block)).includes('pool_size'));
  });

  it('is left alone where images grow again', () => {
    const grown = block.replace('m = ', 'x = layers.Conv2DTranspose(3, 2)(x)\nm = ');
    assert.ok(!namesOf(inspectScript(grown)).includes('pool_size'));
  });
});

describe('what is needed', () => {
  it('is taken from requirements.txt when there is one', () => {
    const files = projectOf({
      'train.py': SMALL,
      'requirements.txt': '# needs\nkeras==3.0  # new\n-r more.txt\n\nnumpy\n',
    });
    assert.deepEqual(inspectProject(files).requirements, ['keras==3.0', 'numpy']);
  });

  it('is taken from pyproject.toml when there is one', () => {
    const text =
      '[project]\nname = "x"\ndependencies = [\n  "keras>=3", # yes\n  "pandas",\n]\n[tool.other]\ndependencies = ["no"]\n';
    const files = projectOf({ 'train.py': SMALL, 'pyproject.toml': text });
    assert.deepEqual(inspectProject(files).requirements, ['keras>=3', 'pandas']);
  });

  it('decides the environment where the imports do not', () => {
    const environment = (requirements: string, script = 'import wrapper\n') =>
      inspectProject(projectOf({ 'train.py': script, 'requirements.txt': requirements })).environment;
    assert.equal(environment('Keras>=3\n'), 'tensorflow');
    assert.equal(environment('torch==2.9\n'), 'torch');
    assert.equal(environment('numpy\n'), 'sklearn');
    assert.equal(environment('tensorflow\n', 'import torch\n'), 'torch');
  });

  it('leaves local modules and the standard library out', () => {
    const files = projectOf({
      'train.py': 'import helper, os, numpy\nfrom . import other\n',
      'helper.py': 'import cv2\n',
    });
    const inspection = inspectProject(files);
    assert.deepEqual(inspection.imports, ['cv2', 'numpy']);
    assert.deepEqual(inspection.packages, ['numpy', 'opencv-python-headless']);
  });
});

describe('overrides', () => {
  it('switch a hyperparameter off by name or by kind', () => {
    const files = projectOf({ 'train.py': SMALL });
    assert.deepEqual(namesOf(inspectProject(files)), ['units', 'activation', 'optimizer', 'epochs', 'dense_layers']);
    const off = { units: 'off', activation: 'off' } as const;
    assert.deepEqual(namesOf(inspectProject(files, { hyperparameters: off })), ['optimizer', 'epochs', 'dense_layers']);
  });

  it('narrow a range or replace it', () => {
    const inspection = inspectProject(projectOf({ 'train.py': SMALL }), {
      hyperparameters: { units: { high: 64 }, epochs: { type: 'categorical', choices: [5, 9] } },
    });
    const parameters = inspection.hyperparameters.map((hyperparameter) => hyperparameter.parameter);
    assert.deepEqual(parameters[0], { name: 'units', type: 'int', low: 8, high: 64, log: true });
    assert.deepEqual(parameters[3], { name: 'epochs', type: 'categorical', choices: [5, 9] });
  });
});

describe('what is shown', () => {
  it('names file and line of every hyperparameter', () => {
    const text = renderInspection(inspectScript(SMALL));
    assert.match(text, /train\.py:3/);
    assert.match(text, /8 … 128 \(int, log\)/);
  });

  it('is one flat object per hyperparameter as JSON', () => {
    const json = JSON.parse(JSON.stringify(inspectionToJson(inspectScript(SMALL))));
    assert.deepEqual(json.hyperparameters[0], {
      name: 'units',
      kind: 'units',
      file: 'train.py',
      line: 3,
      column: 26,
      value: 32,
      type: 'int',
      low: 8,
      high: 128,
      log: true,
    });
  });
});
