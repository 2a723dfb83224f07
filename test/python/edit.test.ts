import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { commandFile } from '../../src/python/command-file.js';
import { applyValues, EditRefusedError } from '../../src/python/edit.js';
import { inspectProject } from '../../src/python/inspect.js';
import type { Hyperparameter } from '../../src/python/inspection.js';
import { formatLiteral } from '../../src/python/literals.js';
import { formatYaml } from '../../src/python/parameter-files.js';
import type { ParameterValue, Values } from '../../src/tuning/space.js';
import { readFixtures } from './fixtures.js';

/** A value at one end of the range, and different from the written one. */
function otherValue({ parameter, value }: Hyperparameter): ParameterValue {
  if (parameter.type === 'categorical') {
    const other = parameter.choices.find((choice) => JSON.stringify(choice) !== JSON.stringify(value));
    assert.ok(other !== undefined);
    return other;
  }
  return parameter.high === value ? parameter.low : parameter.high;
}

function valuesOf(hyperparameters: readonly Hyperparameter[], choose: (h: Hyperparameter) => ParameterValue): Values {
  return Object.fromEntries(hyperparameters.map((hyperparameter) => [hyperparameter.name, choose(hyperparameter)]));
}

describe('an edit of every fixture', () => {
  for (const { name, files, main } of readFixtures()) {
    it(`of ${name} with the written values changes nothing`, () => {
      const { hyperparameters } = inspectProject(files, { main });
      assert.equal(applyValues(files, hyperparameters, {}).size, 0);
      assert.equal(
        applyValues(
          files,
          hyperparameters,
          valuesOf(hyperparameters, (h) => h.value),
        ).size,
        0,
      );
    });

    it(`of ${name} reads back as the new values, with everything around them kept`, () => {
      // The number of blocks has no literal: structure.test.ts is about it.
      const hyperparameters = inspectProject(files, { main }).hyperparameters.filter(({ kind }) => kind !== 'layers');
      const values = valuesOf(hyperparameters, otherValue);
      const changed = applyValues(files, hyperparameters, values);
      const after = inspectProject(new Map([...files, ...changed]), { main });
      for (const hyperparameter of hyperparameters) {
        const found = after.hyperparameters.find(
          (other) =>
            other.file === hyperparameter.file &&
            other.line === hyperparameter.line &&
            other.name === hyperparameter.name,
        );
        // A size that leaves no range around it (1) is not found again; its text is compared below.
        if (found !== undefined) {
          assert.deepEqual(found.value, values[hyperparameter.name]);
        }
      }
      // What is passed may need new lines in .pushtune.yml; its edits have tests of their own.
      for (const [file, bytes] of [...changed].filter(([name]) => name !== commandFile)) {
        const before = Buffer.from(files.get(file) ?? []).toString('latin1');
        const text = Buffer.from(bytes).toString('latin1');
        const lines = new Set(hyperparameters.filter((h) => h.file === file).map((h) => h.line));
        const beforeLines = before.split('\n');
        text.split('\n').forEach((line, index) => {
          if (!lines.has(index + 1)) {
            assert.equal(line, beforeLines[index]);
          }
        });
        assert.equal(text.split('\n').length, beforeLines.length);
      }
    });
  }
});

describe('one edit', () => {
  const text = "from keras.layers import Dense\nm.add(Dense( 32 ,activation = 'relu'))  # é 32\nm.add(Dense(2))\n";
  const files = new Map([['train.py', new TextEncoder().encode(text)]]);

  it('replaces the literal and not one byte more', () => {
    const { hyperparameters } = inspectProject(files);
    const changed = applyValues(files, hyperparameters, { units: 48, activation: 'tanh' });
    const expected = text.replace('Dense( 32 ,', 'Dense( 48 ,').replace('relu', 'tanh');
    assert.equal(new TextDecoder().decode(changed.get('train.py')), expected);
  });

  it('of another file than the inspected one is refused', () => {
    const { hyperparameters } = inspectProject(files);
    const other = new Map([['train.py', new TextEncoder().encode(`# new\n${text}`)]]);
    assert.throws(() => applyValues(other, hyperparameters, { units: 48 }), EditRefusedError);
    assert.throws(() => applyValues(files, hyperparameters, { nothing: 48 }), /No hyperparameter is called nothing/);
  });
});

describe('a literal', () => {
  const cases: readonly [string, ParameterValue, ParameterValue, string][] = [
    ['32', 32, 64, '64'],
    ['1e-3', 0.001, 0.0005, '5e-4'],
    ['1E-3', 0.001, 0.02, '2E-2'],
    ['0.001', 0.001, 0.0000012, '1.2e-6'],
    ['0.5', 0.5, 0.25, '0.25'],
    ['.5', 0.5, 0.25, '.25'],
    ['0.5', 0.5, 1, '1.0'],
    ['1.', 1, 2, '2.'],
    ['0', 0, 0.3, '0.3'],
    ['(3, 3)', [3, 3], [5, 5], '(5, 5)'],
    ['(3,3)', [3, 3], [5, 5], '(5,5)'],
    ['[3, 3]', [3, 3], [5, 5], '[5, 5]'],
    ['(3,)', [3], [5], '(5,)'],
    ["'relu'", 'relu', 'elu', "'elu'"],
    ['"relu"', 'relu', 'elu', '"elu"'],
    ['1_000', 1000, 1000, '1_000'],
  ];
  for (const [written, read, value, expected] of cases) {
    it(`${written} becomes ${expected}`, () => {
      assert.equal(formatLiteral(value, written, read), expected);
    });
  }
});

describe('a number in YAML', () => {
  it('stays a number for readers of YAML 1.1', () => {
    assert.equal(formatYaml(1e-7, '1.0e-3'), '1.0e-7');
    assert.equal(formatYaml(0.002, '1.0e-3'), '2.0e-3');
    assert.equal(formatYaml(0.002, '0.001'), '0.002');
    assert.equal(formatYaml(64, '32'), '64');
    assert.equal(formatYaml(1, '0.5'), '1.0');
  });
});
