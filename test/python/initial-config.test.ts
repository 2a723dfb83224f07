import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { initialConfig } from '../../src/python/initial-config.js';
import { inspectProject } from '../../src/python/inspect.js';
import { parseRepositoryConfig } from '../../src/repository-config.js';
import { readFixtures } from './fixtures.js';

const defaults = { target: 0.8, budget: { trials: 50, hours: 12, patience: 15 } };

/** Takes the `#` before every setting away, as a person would. */
function uncommented(text: string): string {
  return text
    .split('\n')
    .map((line) => (line.startsWith('#') && (line.charAt(1) !== ' ' || line.charAt(2) === ' ') ? line.slice(1) : line))
    .join('\n');
}

describe('a configuration to begin with', () => {
  it('changes nothing as it is', () => {
    for (const { files, main } of readFixtures()) {
      const text = initialConfig(inspectProject(files, { main }), defaults);
      assert.deepEqual(parseRepositoryConfig(text), parseRepositoryConfig(undefined));
    }
  });

  for (const { name, files, main } of readFixtures()) {
    it(`says for ${name}, uncommented, what was found`, () => {
      const inspection = inspectProject(files, { main });
      const config = parseRepositoryConfig(uncommented(initialConfig(inspection, defaults)));
      assert.equal(config.main, inspection.main);
      assert.equal(config.metric.target, 0.8);
      assert.equal(config.environment.memory, 4 * 1024 ** 3);
      assert.deepEqual(config.budget, defaults.budget);
      assert.deepEqual([config.pruning, config.confirm], [true, false]);
      const again = inspectProject(files, { main: config.main, hyperparameters: config.hyperparameters });
      assert.deepEqual(again.hyperparameters, inspection.hyperparameters);
    });
  }

  it('names the place and the value of each hyperparameter', () => {
    const files = new Map([['train.py', new TextEncoder().encode('import keras\nmodel.fit(x, y, epochs=5)\n')]]);
    const text = initialConfig(inspectProject(files), defaults);
    assert.match(text, /^# {2}epochs: \{type: int, low: 2, high: 10, log: true\} {2}# train\.py:2, now 5$/m);
  });
});
