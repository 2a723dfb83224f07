import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { defaultConfig } from '../../src/config.js';
import { packageRoot } from '../../src/package-root.js';
import { checkSpace, sentenceOf } from '../../workers/check-space.js';
import { inspectRepository } from '../../workers/project.js';
import { repositoryConfigIn } from '../../workers/repository-settings.js';
import { sampleFiles } from '../support/sample.js';

const sample = sampleFiles()['train.py'] ?? '';

function check(script: string, yaml?: string) {
  const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
  const files = new Map([['train.py', encode(script)]]);
  if (yaml !== undefined) files.set('.pushtune.yml', encode(yaml));
  const config = repositoryConfigIn(files);
  return checkSpace(files, defaultConfig(), config, inspectRepository(files, config));
}

describe('checkSpace', () => {
  it('finds nothing wrong with scripts without a configuration', () => {
    for (const folder of ['scripts', 'keras2']) {
      const path = join(packageRoot(), 'test', 'fixtures', folder);
      for (const name of readdirSync(path).filter((file) => file.endsWith('.py'))) {
        const { errors, warnings } = check(readFileSync(join(path, name), 'latin1'));
        assert.deepEqual([...errors, ...warnings].map(sentenceOf), [], name);
      }
    }
  });

  it('names every mistake with its line', () => {
    const yaml = `metric:
  name: val_loss
hyperparameters:
  epochs:
    low: 9
    high: 3
  dropuot: off
`;
    const { errors, warnings, size } = check(sample, yaml);
    assert.deepEqual(errors.map(sentenceOf), [
      '.pushtune.yml:5: hyperparameters.epochs.low: low 9 is above high 3',
      '.pushtune.yml:7: hyperparameters.dropuot: no hyperparameter is called so; did you mean dropout?',
      '.pushtune.yml:1: metric.mode: val_loss is better when it is lower, and mode is max: set mode: min',
    ]);
    assert.match(warnings.map(sentenceOf).join(), /^\.pushtune\.yml:2: metric\.name: metric\.target is not set/);
    assert.equal(size, undefined);
  });

  it('refuses ranges in which nothing is left of the image', () => {
    const yaml = 'hyperparameters: {kernel_size: {choices: [15]}, pool_size: {choices: [15]}}';
    const { errors } = check(sample.replaceAll(', padding="same"', ''), yaml);
    assert.match(errors.map(sentenceOf).join(), /^\.pushtune\.yml:1: hyperparameters: no network of this space can be/);
  });

  it('holds the metric against the script only where Keras reports it', () => {
    assert.match(check(sample, 'metric: {name: val_f1}').errors.map(sentenceOf).join(), /the script has no val_f1/);
    assert.deepEqual(check(sample, 'metric: {name: val_f1, source: result.json}').errors, []);
    assert.deepEqual(check(sample, "metric: {name: val_f1, pattern: 'f1 ([0-9.]+)'}").errors, []);
    assert.deepEqual(check('print("accuracy: 0.5")', 'metric: {name: val_f1}').errors, []);
  });
});
