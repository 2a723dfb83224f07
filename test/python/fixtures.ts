import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('../fixtures/scripts/', import.meta.url));

export interface Fixture {
  /** A script's name, or that of a folder that stands for a repository. */
  readonly name: string;
  readonly files: ReadonlyMap<string, Uint8Array>;
  /** The main script where the name alone does not say. */
  readonly main: string | undefined;
  readonly expected: ExpectedInspection;
}

export interface ExpectedInspection {
  readonly imports: readonly string[];
  readonly packages: readonly string[];
  readonly environment: string;
  /** `file:line:column name value range`, as in `train.py:7:9 epochs 10 int 5..20 log`. */
  readonly hyperparameters: readonly string[];
  /** The command line, where the script is given anything. */
  readonly command?: string;
  readonly warnings: readonly string[];
}

export const expectedFile = 'expected.json';

/** Every fixture: each `.py` file by itself, each folder as one repository. */
export function readFixtures(): readonly Fixture[] {
  const expected: Record<string, ExpectedInspection> = JSON.parse(readFileSync(join(folder, expectedFile), 'utf8'));
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.name !== expectedFile)
    .map((entry) => {
      const files = entry.isDirectory() ? readRepository(join(folder, entry.name)) : readSingle(entry.name);
      const expectation = expected[entry.name];
      if (expectation === undefined) {
        throw new Error(`${expectedFile} says nothing about ${entry.name}`);
      }
      return { name: entry.name, files, main: entry.isDirectory() ? undefined : entry.name, expected: expectation };
    });
}

function readSingle(name: string): ReadonlyMap<string, Uint8Array> {
  return new Map([[name, new Uint8Array(readFileSync(join(folder, name)))]]);
}

function readRepository(root: string): ReadonlyMap<string, Uint8Array> {
  const files = new Map<string, Uint8Array>();
  for (const entry of readdirSync(root, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) {
      const path = join(entry.parentPath, entry.name);
      files.set(path.slice(root.length + 1), new Uint8Array(readFileSync(path)));
    }
  }
  return files;
}
