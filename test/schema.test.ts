import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { packageRoot } from '../src/package-root.js';
import { repositoryConfigJsonSchema } from '../src/repository-config.js';

it('keeps config/pushtune.schema.json up to date (npx tsx script/write-schema.ts writes it)', () => {
  const written = JSON.parse(readFileSync(join(packageRoot(), 'config', 'pushtune.schema.json'), 'utf8'));
  assert.deepEqual(written, JSON.parse(JSON.stringify(repositoryConfigJsonSchema())));
});
