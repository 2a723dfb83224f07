/** Imports point one way, so that the rules of runs and studies can be read and tested without any service. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { it } from 'node:test';
import { packageRoot } from '../src/package-root.js';

/** What each folder below src/ may import of the others. Files directly in src/ that hold plain types and parsing count as `src`. */
const allowed: Readonly<Record<string, readonly string[]>> = {
  tuning: [],
  python: ['tuning'],
  pipeline: ['tuning'],
  threads: ['pipeline', 'tuning'],
  notify: ['pipeline'],
  store: ['pipeline', 'tuning'],
  git: ['pipeline', 'src'],
  container: ['pipeline', 'src'],
  http: ['container', 'git', 'pipeline', 'store', 'threads', 'src'],
  workers: ['container', 'git', 'notify', 'pipeline', 'python', 'store', 'threads', 'tuning', 'src'],
};

/** The processes: they put the parts together, and nothing imports them. */
const roots = ['src/cli.ts', 'src/server.ts'];

/** What does I/O: no folder of rules may import it. */
const pure = ['tuning', 'python', 'pipeline'];

const files = ['src', 'workers'].flatMap((folder) =>
  readdirSync(join(packageRoot(), folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => join(folder, name)),
);

it('lets every folder import only what stands below it', () => {
  const wrong = files
    .filter((file) => !roots.includes(file))
    .flatMap((file) =>
      imports(file)
        .filter((target) => target.startsWith('.'))
        .map((target) => folderOf(normalize(join(dirname(file), target))))
        .filter((folder) => folder !== folderOf(file) && !mayImport(file, folder))
        .map((folder) => `${file} imports ${folder}`),
    );
  assert.deepEqual(wrong, []);
});

it('keeps input and output out of the rules', () => {
  const wrong = files
    .filter((file) => pure.includes(folderOf(file)))
    .flatMap((file) =>
      imports(file)
        .filter((target) => target.startsWith('node:') && target !== 'node:crypto')
        .map((target) => `${file}: ${target}`),
    );
  assert.deepEqual(wrong, []);
});

it('lets nothing import the processes', () => {
  const names = roots.map((root) => root.replace(/\.ts$/, '.js'));
  const wrong = files
    .filter((file) => !roots.includes(file))
    .filter((file) => imports(file).some((target) => names.includes(normalize(join(dirname(file), target)))));
  assert.deepEqual(wrong, []);
});

function mayImport(file: string, folder: string): boolean {
  return (
    allowed[folderOf(file)] ?? ['src', 'http', 'store', 'pipeline', 'container', 'git', 'python', 'tuning']
  ).includes(folder);
}

/** Files directly below src/ share the name `src`. */
function folderOf(path: string): string {
  const [top = '', second = ''] = path.split('/');
  if (top === 'workers') return 'workers';
  return second.includes('.') ? 'src' : second;
}

function imports(file: string): string[] {
  const text = readFileSync(join(packageRoot(), file), 'utf8');
  return [...text.matchAll(/^(?:import|export)\b[^;]*?from '([^']+)'|^import '([^']+)'/gm)].map(
    (match) => match[1] ?? match[2] ?? '',
  );
}
