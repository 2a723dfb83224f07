import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { applyValues } from '../../src/python/edit.js';
import { inspectProject } from '../../src/python/inspect.js';

const IMPORTS = `from keras.layers import Convolution2D, Dense
from keras.models import Sequential
from keras.optimizers import SGD, Adam
`;

function inspectFiles(files: Record<string, string>) {
  return inspectProject(new Map(Object.entries(files).map(([file, text]) => [file, new TextEncoder().encode(text)])));
}

function inspectBody(body: string) {
  return inspectFiles({ 'train.py': `${IMPORTS}${body}` });
}

describe('a value without effect', () => {
  const cases: readonly [string, string, string, RegExp][] = [
    [
      'of an optimizer that no model is compiled with',
      "old = SGD(lr=0.5)\nm = Sequential([Dense(8), Dense(1)])\nm.compile(optimizer='adam', loss='mse')\nm.fit(x, y)\n",
      'learning_rate',
      /nothing trains or uses old/,
    ],
    [
      'of a compile() that a later one replaces',
      "m = Sequential([Dense(8), Dense(1)])\nm.compile(optimizer='sgd')\nm.summary()\nm.compile(optimizer=Adam())\nm.fit(x, y)\n",
      'optimizer',
      /a later compile\(\) replaces this one/,
    ],
    [
      'of a model that is never trained',
      "m = Sequential()\nm.add(Dense(8))\nm.add(Dense(1))\nm.compile(optimizer='sgd')\nm.summary()\nfit(x, y)\n",
      'units',
      /nothing trains or uses m,/,
    ],
    [
      'of a model whose name is given to another one',
      'm = Sequential([Dense(8), Dense(1)])\nm = make()\nm.fit(x, y)\n',
      'units',
      /nothing trains or uses m,/,
    ],
    ['that nothing reads', 'EPOCHS = 10\nmodel.fit(x, y)\n', 'epochs', /EPOCHS is not tuned: nothing reads it/],
    [
      'of a default that every call replaces',
      'def train(epochs=9):\n    model.fit(x, y, epochs=epochs)\ntrain(epochs=count())\n',
      'epochs',
      /the default of epochs is not tuned: every call of train\(\) replaces it/,
    ],
  ];
  for (const [what, body, name, message] of cases) {
    it(`${what} is not tuned, and told`, () => {
      const { hyperparameters, warnings } = inspectBody(body);
      assert.ok(!hyperparameters.some((hyperparameter) => hyperparameter.name.startsWith(name)));
      assert.ok(
        warnings.some((warning) => message.test(warning.message)),
        JSON.stringify(warnings),
      );
    });
  }

  it('of a parameter file that the script never loads is told', () => {
    const { warnings } = inspectFiles({ 'train.py': 'model.fit(x, y)\n', 'params.yaml': 'epochs: 5\n' });
    assert.deepEqual(warnings, [
      { file: 'params.yaml', message: 'its values are not tuned: train.py does not load it' },
    ]);
  });
});

describe('a key of a parameter file', () => {
  it('that nothing asks for is told', () => {
    const script = "import yaml\np = yaml.safe_load(open('params.yaml'))\nmodel.fit(x, y, epochs=p['epochs'])\n";
    const { hyperparameters, warnings } = inspectFiles({
      'train.py': script,
      'params.yaml': 'epochs: 5\nbatch_size: 8\n',
    });
    assert.deepEqual(
      hyperparameters.map(({ name, file }) => [name, file]),
      [['epochs', 'params.yaml']],
    );
    assert.deepEqual(warnings, [{ file: 'params.yaml', message: 'batch_size is not tuned: nothing reads it' }]);
  });
});

describe('a value with an effect', () => {
  const cases: readonly [string, string, string][] = [
    [
      'of a model that a function returns',
      'def f():\n    m = Sequential([Dense(8), Dense(1)])\n    return m\nf().fit(x, y)\n',
      'units',
    ],
    [
      'of an optimizer in a closure',
      'o = SGD(lr=0.5)\ndef f():\n    m.compile(optimizer=o)\nf()\nm.fit(x, y)\n',
      'learning_rate',
    ],
    [
      'of the old model that the new one is made of',
      'x = Dense(8)(a)\nx = Dense(1)(x)\nm = Model(a, x)\nm.fit(x, y)\n',
      'units',
    ],
    ['of a training whose history nobody looks at', 'h = model.fit(x, y, epochs=5)\n', 'epochs'],
  ];
  for (const [what, body, name] of cases) {
    it(`${what} is tuned`, () => {
      assert.ok(inspectBody(body).hyperparameters.some((hyperparameter) => hyperparameter.name === name));
    });
  }
});

describe('a window of rows and columns, as Keras 1 has it', () => {
  it('is one hyperparameter, and both numbers change', () => {
    const text = `${IMPORTS}m = Sequential([Convolution2D(8, 3, 3), Dense(1)])\nm.fit(x, y)\n`;
    const files = new Map([['train.py', new TextEncoder().encode(text)]]);
    const { hyperparameters } = inspectProject(files);
    assert.deepEqual(
      hyperparameters.filter(({ kind }) => kind === 'kernel_size').map(({ value, column }) => [value, column]),
      [[3, 33]],
    );
    const changed = applyValues(files, hyperparameters, { kernel_size: 5 }).get('train.py');
    assert.equal(new TextDecoder().decode(changed), text.replace('8, 3, 3', '8, 5, 5'));
  });

  it('that is not square is left alone', () => {
    const { hyperparameters } = inspectBody('m = Sequential([Convolution2D(8, 3, 5), Dense(1)])\nm.fit(x, y)\n');
    assert.ok(!hyperparameters.some(({ kind }) => kind === 'kernel_size'));
  });
});
