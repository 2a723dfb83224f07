import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { inspectProject } from '../../src/python/inspect.js';
import { parseRepositoryConfig } from '../../src/repository-config.js';

const folder = join(import.meta.dirname, '../../model');

function read(name: string): string {
  return readFileSync(join(folder, name), 'utf8');
}

const inspection = inspectProject(new Map(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name))])));

test('the sample is understood without a configuration', () => {
  assert.equal(inspection.main, 'train.py');
  assert.equal(inspection.environment, 'tensorflow');
  assert.equal(inspection.metric.name, 'val_accuracy');
  assert.deepEqual(inspection.warnings, []);
});

test('two convolutions, two poolings and all that a person would tune are found', () => {
  const names = inspection.hyperparameters.map(({ name }) => name);
  const wanted = [
    'filters_1',
    'filters_2',
    'kernel_size_1',
    'pool_size_1',
    'pool_size_2',
    'units',
    'dropout',
    'learning_rate',
    'epochs',
    'steps_per_epoch',
    'batch_size',
  ];
  for (const name of wanted) assert.ok(names.includes(name), `${name} in ${names.join(', ')}`);
});

test('neither the seed nor the size of the test set is tuned', () => {
  assert.deepEqual(
    inspection.hyperparameters.filter(({ value }) => value === 42 || value === 10),
    [],
  );
});

test('its .pushtune.yml changes nothing, and is valid with every # removed', () => {
  const text = read('.pushtune.yml');
  assert.deepEqual(parseRepositoryConfig(text), parseRepositoryConfig(undefined));
  const settings = text.split('\n').filter((line) => /^# (\w+:| {2})/.test(line));
  const config = parseRepositoryConfig(settings.map((line) => line.slice(2)).join('\n'));
  const names = new Set(inspection.hyperparameters.map(({ name }) => name));
  assert.ok(Object.keys(config.hyperparameters).length > 0);
  for (const name of Object.keys(config.hyperparameters)) assert.ok(names.has(name), name);
});
