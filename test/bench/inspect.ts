/**
 * What reading a script costs: lines per second of analysis in a warm process, and the time of `pushtune inspect` on a
 * script of a thousand lines as a whole process, beside the time that Node.js takes to start and do nothing.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packageRoot } from '../../src/package-root.js';
import { inspectProject } from '../../src/python/inspect.js';

const wantedLines = 1000;
const repetitions = 9;

export async function benchInspect(options: readonly string[]): Promise<void> {
  const text = longScript();
  const lines = text.split('\n').length;
  // New bytes each time: a file that was parsed before is not parsed again.
  const analyse = () => inspectProject(new Map([['train.py', new TextEncoder().encode(text)]]));
  analyse();
  const warm = median(analyse);
  const folder = mkdtempSync(join(tmpdir(), 'pushtune-bench-'));
  try {
    writeFileSync(join(folder, 'train.py'), text);
    const cli = join(packageRoot(), 'dist', 'src', 'cli.js');
    const start = median(() => execFileSync(process.execPath, ['-e', '0']));
    const whole = median(() => execFileSync(process.execPath, [cli, 'inspect', folder, '--json']));
    const perSecond = Math.round(lines / (warm / 1000));
    process.stdout.write(
      `analysis: ${lines} lines in ${warm.toFixed(0)} ms, ${perSecond} lines a second\n` +
        `pushtune inspect of these lines: ${whole.toFixed(0)} ms, of which Node.js alone takes ${start.toFixed(0)} ms\n`,
    );
    if (options.includes('--json')) {
      const figures = { lines, lines_per_second: perSecond, inspect_ms: whole - start, node_start_ms: start };
      process.stdout.write(`${JSON.stringify(figures)}\n`);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Scripts of the corpus one after the other, until there are enough lines. */
function longScript(): string {
  const folder = join(packageRoot(), 'test', 'fixtures', 'scripts');
  const names = ['model-add.py', 'build-function.py', 'functional.py', 'folder-classifier.py', 'image-dataset.py'];
  const parts = names.map((name) => readFileSync(join(folder, name), 'utf8').trimEnd());
  const count = Math.ceil(wantedLines / parts.join('\n').split('\n').length);
  return `${Array.from({ length: count }, () => parts.join('\n')).join('\n')}\n`;
}

/** Milliseconds. */
function median(work: () => unknown): number {
  const times = Array.from({ length: repetitions }, () => {
    const began = performance.now();
    work();
    return performance.now() - began;
  });
  return times.sort((a, b) => a - b)[Math.floor(repetitions / 2)] ?? Number.NaN;
}
