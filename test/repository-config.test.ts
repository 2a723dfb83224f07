import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseConfig } from '../src/config.js';
import { parseRepositoryConfig, RepositoryConfigError, trainingLimits } from '../src/repository-config.js';

describe('.pushtune.yml', () => {
  it('may be missing, empty or partial', () => {
    assert.deepEqual(parseRepositoryConfig(undefined), parseRepositoryConfig(''));
    assert.equal(parseRepositoryConfig('metric: {target: 0.9}').metric.target, 0.9);
  });

  it('switches a hyperparameter off, however YAML reads the word', () => {
    const { hyperparameters } = parseRepositoryConfig('hyperparameters: {dropout: off, units: false, filters: "off"}');
    assert.deepEqual(hyperparameters, { dropout: 'off', units: 'off', filters: 'off' });
  });

  it('switches stopping early off and confirmation on, however YAML reads the word', () => {
    const words = ['', 'pruning: off', 'pruning: false', 'pruning: "off"', 'pruning: on', 'pruning: true'];
    const expected = [true, false, false, false, true, true];
    assert.deepEqual(
      words.map((text) => parseRepositoryConfig(text).pruning),
      expected,
    );
    assert.throws(() => parseRepositoryConfig('pruning: 0'), /pruning/);
    assert.deepEqual(
      ['', 'confirm: on', 'confirm: true', 'confirm: off'].map((text) => parseRepositoryConfig(text).confirm),
      [false, true, true, false],
    );
  });

  it('takes a seed, and leaves a script alone when it is told to', () => {
    const settings = ['', 'seed: 7\nautolog: off'].map(parseRepositoryConfig);
    assert.deepEqual(
      settings.map(({ seed, autolog }) => ({ seed, autolog })),
      [
        { seed: undefined, autolog: true },
        { seed: 7, autolog: false },
      ],
    );
    for (const seed of ['-1', '1.5', '4294967296']) assert.throws(() => parseRepositoryConfig(`seed: ${seed}`), /seed/);
  });

  it('names the key that is wrong', () => {
    assert.throws(() => parseRepositoryConfig('budget: {trials: 0}'), /\.pushtune\.yml: budget\.trials: .*got 0/);
    assert.throws(() => parseRepositoryConfig('bugdet: {}'), /bugdet/);
    assert.throws(() => parseRepositoryConfig('a: [b'), RepositoryConfigError);
  });

  it('takes words and variables for the script, and no name that the container needs', () => {
    const config = parseRepositoryConfig('arguments: [--lr, 0.01, "10"]\nvariables: {LR: 0.1, NAME: a}');
    assert.deepEqual(config.arguments, ['--lr', 0.01, '10']);
    assert.deepEqual(config.variables, { LR: 0.1, NAME: 'a' });
    for (const name of ['PATH', 'LD_PRELOAD', 'PUSHTUNE_RUNS', 'PYTHONPATH']) {
      assert.throws(
        () => parseRepositoryConfig(`variables: {${name}: x}`),
        new RegExp(`variables\\.${name}: not a variable that can be set`),
      );
    }
    assert.throws(() => parseRepositoryConfig('variables: {"A-B": x}'), /A-B/);
    assert.throws(() => parseRepositoryConfig('arguments: [true]'), /arguments/);
    assert.throws(() => parseRepositoryConfig('arguments: --lr 0.1'), /arguments/);
  });

  it('can ask for less than the server allows, never for more', () => {
    const { training } = parseConfig({}, 'f');
    const limits = trainingLimits(
      training,
      parseRepositoryConfig('environment: {memory: 64g, cpus: 1, timeout: 1h, disk: 64g}').environment,
    );
    assert.equal(limits.memory, training.memory);
    assert.deepEqual([limits.disk, limits.gpus], [training.disk, 0]);
    assert.equal(limits.cpus, 1);
    assert.equal(limits.timeout, 3600);
  });

  it('asks for GPUs by their number, and for none by default', () => {
    const { training } = parseConfig({}, 'f');
    const gpus = (text: string): number => trainingLimits(training, parseRepositoryConfig(text).environment).gpus;
    assert.deepEqual([gpus(''), gpus('environment: {gpus: 2}')], [0, 2]);
    assert.throws(() => parseRepositoryConfig('environment: {gpus: all}'), /environment\.gpus/);
    assert.throws(() => parseRepositoryConfig('environment: {gpus: -1}'), /environment\.gpus/);
  });

  it('can switch the network off, and choose no other', () => {
    const { training } = parseConfig({}, 'f');
    assert.equal(
      trainingLimits(training, parseRepositoryConfig('environment: {network: none}').environment).network,
      'none',
    );
    assert.equal(
      trainingLimits(training, parseRepositoryConfig('environment: {network: host}').environment).network,
      'bridge',
    );
  });
});
