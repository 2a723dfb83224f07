/** Writes config/pushtune.schema.json, with which editors complete and check `.pushtune.yml`: npx tsx script/write-schema.ts */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../src/package-root.js';
import { repositoryConfigJsonSchema } from '../src/repository-config.js';

const text = `${JSON.stringify(repositoryConfigJsonSchema(), null, 2)}\n`;
writeFileSync(join(packageRoot(), 'config', 'pushtune.schema.json'), text);
