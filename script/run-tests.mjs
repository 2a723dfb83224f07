/**
 * Runs the tests below `test/` with node:test through tsx: `unit`, `integration` or `all`, or the files that are named.
 *
 * A test that needs a service (Redis, Docker, a real training) is called `*.integration.test.ts`; every other
 * `*.test.ts` is a unit test and needs nothing but the checkout.
 */
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';

const [selection = 'all', ...named] = process.argv.slice(2);

function select() {
  const tests = readdirSync('test', { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.test.ts'))
    .map((file) => join('test', file))
    .sort();
  if (selection === 'all') return tests;
  return tests.filter((file) => file.endsWith('.integration.test.ts') === (selection === 'integration'));
}

const files = named.length > 0 ? named : select();
// Integration tests share one Docker engine and two cores: side by side they would only starve each other.
const concurrency = selection === 'unit' ? [] : ['--test-concurrency=1'];
const { status } = spawnSync(process.execPath, ['--import', 'tsx', '--test', ...concurrency, ...files], {
  stdio: 'inherit',
});
process.exit(status ?? 1);
