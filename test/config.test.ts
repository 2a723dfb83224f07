import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { parse } from 'yaml';
import { ConfigError, defaultConfig, findRepository, parseConfig, repositoryUrl } from '../src/config.js';
import { packageRoot } from '../src/package-root.js';
import { assertReadyToServe } from '../src/server.js';

const path = join(packageRoot(), 'config', 'pushtune.yml');

describe('the configuration', () => {
  it('has the defaults that config/pushtune.yml shows', () => {
    const shown = parse(readFileSync(path, 'utf8'));
    assert.deepEqual(parseConfig(shown, path), parseConfig({}, 'nothing'));
    assert.deepEqual(Object.keys(shown).sort(), Object.keys(defaultConfig()).sort());
  });

  it('is overridden by environment variables, lists as YAML', () => {
    const config = parseConfig({ server: { port: 1 } }, 'file', {
      PUSHTUNE_SERVER_PORT: '9090',
      PUSHTUNE_REPOSITORIES: '[{name: a/b, branches: [main]}]',
      PUSHTUNE_GITHUB_WEBHOOK_SECRET: '12345',
      REDIS_URL: 'redis://elsewhere',
    });
    assert.equal(config.server.port, 9090);
    assert.deepEqual(config.repositories[0]?.branches, ['main']);
    assert.equal(config.github.webhook_secret, '12345', 'a secret of digits stays a text');
    assert.equal(config.redis.url, 'redis://elsewhere');
  });

  it('names the key, what it got and what it expects', () => {
    assert.throws(
      () => parseConfig({ server: { port: 'many' } }, 'pushtune.yml'),
      (error: unknown) =>
        error instanceof ConfigError &&
        /pushtune\.yml: server\.port: .*expected.*number.*got "many"/i.test(error.message),
    );
    assert.throws(
      () => parseConfig({ training: { memory: '4 apples' } }, 'f'),
      /training\.memory: expects a size such as 512m or 4g/,
    );
    assert.throws(() => parseConfig({ sever: {} }, 'f'), /sever/);
    assert.throws(
      () => parseConfig({ repositories: [{ name: 'no-owner' }] }, 'f'),
      /repositories\.0\.name: expects owner\/name/,
    );
  });

  it('says which variable matches no setting', () => {
    assert.throws(() => parseConfig({}, 'f', { PUSHTUNE_SEVER_PORT: '1' }), /PUSHTUNE_SEVER_PORT matches no setting/);
  });

  it('never shows a secret in an error', () => {
    assert.throws(
      () => parseConfig({ github: { token: { oops: 'ghp_verysecret' } } }, 'f'),
      (error: unknown) =>
        error instanceof Error && !error.message.includes('verysecret') && /github\.token/.test(error.message),
    );
  });

  it('understands sizes and durations', () => {
    const { training } = parseConfig({ training: { memory: '512m', timeout: '90s' } }, 'f');
    assert.equal(training.memory, 512 * 1024 ** 2);
    assert.equal(training.timeout, 90);
  });

  it('builds clone URLs from the repository name, unless one is given', () => {
    const config = parseConfig({ repositories: [{ name: 'a/b' }, { name: 'c/d', url: '/srv/d.git' }] }, 'f');
    const [first, second] = config.repositories;
    assert.ok(first !== undefined && second !== undefined);
    assert.equal(repositoryUrl(config, first), 'https://github.com/a/b.git');
    assert.equal(repositoryUrl(config, second), '/srv/d.git');
    assert.equal(findRepository(config, 'A/B'), first);
    assert.equal(findRepository(config, 'a/bb'), undefined);
  });

  it('does not serve with neither webhook nor poll, and says which setting is missing', () => {
    assertReadyToServe(parseConfig({}, 'f'));
    assert.throws(
      () => assertReadyToServe(parseConfig({ poll: { every: 0 } }, 'f')),
      /no push would ever be noticed: set github\.webhook_secret.*PUSHTUNE_GITHUB_WEBHOOK_SECRET.*poll\.every/,
    );
  });
});
