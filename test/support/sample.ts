/** The sample repository's Python files, which stand in `model/`. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../src/package-root.js';

/** Path → text. */
export function sampleFiles(): Readonly<Record<string, string>> {
  const folder = join(packageRoot(), 'model');
  const names = readdirSync(folder).filter((name) => name.endsWith('.py'));
  return Object.fromEntries(names.map((name) => [name, readFileSync(join(folder, name), 'utf8')]));
}
