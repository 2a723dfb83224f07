import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { checkOverrides } from '../../src/python/check-overrides.js';
import { lineOfKey } from '../../src/python/config-lines.js';
import { inspectProject } from '../../src/python/inspect.js';
import { parseRepositoryConfig } from '../../src/repository-config.js';

const script = `
import keras
from keras import layers
model = keras.Sequential([
    keras.Input((28, 28, 1)),
    layers.Conv2D(16, (3, 3), activation='relu'),
    layers.Flatten(),
    layers.Dropout(0.5),
    layers.Dense(64, activation='relu'),
    layers.Dense(10),
])
model.compile(optimizer=keras.optimizers.Adam(learning_rate=0.001), loss='mse')
model.fit(x, y, epochs=3, batch_size=32)
`;
const files = new Map([['train.py', new TextEncoder().encode(script)]]);

/** The findings for `hyperparameters:` with this content, a line each. */
function findings(yaml: string): string[] {
  const { hyperparameters } = parseRepositoryConfig(`hyperparameters: {${yaml}}`);
  return checkOverrides(inspectProject(files).hyperparameters, hyperparameters).map(
    ({ severity, key = [], message }) => `${severity} ${key.slice(1).join('.')}: ${message}`,
  );
}

describe('checkOverrides', () => {
  it('accepts what can be searched', () => {
    const fine = [
      'learning_rate: {type: float, low: 1.0e-4, high: 1.0e-1, log: true}',
      'kernel_size: {type: categorical, choices: [3, 5]}',
      'dropout: off',
      'units: {high: 128}',
      'epochs: {low: 2, high: 8, step: 2}',
      'activation: {choices: [relu, gelu]}',
      'filters: {type: categorical, choices: [8, 16]}',
    ];
    assert.deepEqual(findings(fine.join(', ')), []);
  });

  const mistakes: readonly (readonly [yaml: string, ...expected: RegExp[]])[] = [
    ['lerning_rate: off', /^error lerning_rate: .*did you mean learning_rate\?/],
    ['batchsize: {low: 8}', /^error batchsize: .*did you mean batch_size\?/],
    ['momentum: {high: 0.9}', /^error momentum: .*there are .*filters, .*units/],
    ['pool_size: off', /^warning pool_size: nothing of this kind/],
    ['units: {low: 100, high: 50}', /^error units\.low: low 100 is above high 50$/],
    ['units: {low: 1000}', /^error units\.low: low 1000 is above high 256; high 256 was found, give both/],
    ['units: {high: 2}', /^error units\.high: low 16 is above high 2; low 16 was found, give both/],
    [
      'learning_rate: {low: 0, high: 0.1, log: true}',
      /^error learning_rate\.low: 0 is no learning_rate/,
      /^error .*log: /,
    ],
    ['dropout: {low: 0, log: true}', /^error dropout\.log: a logarithmic range begins above 0, and low is 0/],
    ['learning_rate: {log: true, step: 0.001}', /^error learning_rate\.step: a logarithmic range has no steps/],
    [
      'dropout: {low: 0.3, high: 0.6, step: 0.5}',
      /^error dropout\.step: a step of 0\.5 is larger than the range 0\.3 … 0\.6/,
    ],
    ['units: {low: 10, high: 100, step: 16}', /^warning units\.step: high 100 is not reached .* the last value is 90/],
    ['dropout: {high: 1}', /^error dropout\.high: 1 is no dropout, which is a number from 0 to below 1/],
    ['epochs: {low: 0}', /^error epochs\.low: 0 is no epochs, which is a whole number from 1 on/],
    ['units: {low: 16.5}', /^error units\.low: 16\.5 is no units/],
    ['units: {type: float, low: 16}', /^error units\.type: units is a whole number/],
    ['learning_rate: {type: int, low: 0.5, high: 1}', /^error learning_rate\.low: 0\.5 is no whole number/],
    ['kernel_size: {low: 3}', /^error kernel_size: it has choices and no range/],
    ['kernel_size: {type: int, low: 3}', /^error kernel_size: type: int needs low and high/],
    ['units: {type: categorical}', /^error units: type: categorical needs choices/],
    [
      'units: {choices: [64, 64.5, "80"]}',
      /^error units\.choices\.1: 64\.5 is no units/,
      /^error units\.choices\.2: "80" is no/,
    ],
    ['activation: {choices: [relu, 3]}', /^error activation\.choices\.1: 3 is no activation, which is a name/],
    ['units: {choices: [64, 32, 64]}', /^warning units\.choices\.2: 64 stands there twice/],
    ['units: {choices: [64]}', /^warning units\.choices: 64 is its only value; write off/],
    ['units: {low: 64, high: 64}', /^warning units: 64 is its only value; write off/],
    ['units: {choices: [32, 64], low: 3}', /^warning units: low means nothing beside choices/],
    ['units: {low: 100, high: 200}', /^warning units: leaves out 64, which stands in train\.py:9; only trial 0/],
    ['kernel_size: {choices: [5, 7]}', /^warning kernel_size: leaves out \[3,3\]/],
  ];
  for (const [yaml, ...expected] of mistakes) {
    it(`says what is wrong with ${yaml}`, () => {
      const found = findings(yaml);
      assert.equal(found.length, expected.length, found.join('\n'));
      for (const [i, pattern] of expected.entries()) assert.match(found[i] ?? '', pattern);
    });
  }

  it('warns when everything is off', () => {
    const names = inspectProject(files).hyperparameters.map(({ name }) => `${name}: off`);
    assert.deepEqual(findings(names.join(', ')), [
      'warning : every hyperparameter is off, so there is nothing to search',
    ]);
  });

  it('holds an override of a kind against each of that kind, and tells the same once', () => {
    const two = script.replace('layers.Dense(10)', "layers.Dense(32, activation='relu'), layers.Dense(10)");
    const { hyperparameters } = inspectProject(new Map([['train.py', new TextEncoder().encode(two)]]));
    const own = { low: 100, high: 200 };
    const messages = (overrides: Parameters<typeof checkOverrides>[1]) =>
      checkOverrides(hyperparameters, overrides).map(({ message }) => message.slice(0, 13));
    assert.deepEqual(messages({ units: own }), ['leaves out 64', 'leaves out 32']);
    assert.deepEqual(messages({ units: own, units_2: 'off' }), ['leaves out 64']);
    assert.equal(messages({ units: { low: 5, high: 3 } }).length, 1);
  });
});

describe('lineOfKey', () => {
  const text =
    '# comment\nmetric: {name: a}\nhyperparameters:\n  units:\n    choices:\n      - 1\n      - 2\n  "a.b": off\n';

  it('finds keys and items, and the nearest key above what is not there', () => {
    assert.equal(lineOfKey(text, ['metric', 'name']), 2);
    assert.equal(lineOfKey(text, ['hyperparameters', 'units', 'choices', '1']), 7);
    assert.equal(lineOfKey(text, ['hyperparameters', 'a.b']), 8);
    assert.equal(lineOfKey(text, ['hyperparameters', 'units', 'low']), 4);
    assert.equal(lineOfKey(text, ['budget', 'trials']), undefined);
    assert.equal(lineOfKey('', ['budget']), undefined);
  });
});
