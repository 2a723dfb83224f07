import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, beforeEach, describe, it } from 'node:test';
import { UnsafeFileError } from '../../src/container/guarded-files.js';
import { findMetricFiles, readMetricFile } from '../../src/container/metric-files.js';
import { readEvents } from '../../src/container/training.js';

/** Seconds since 1970 at which the training of these tests began. */
const began = 2000;

describe('the files of a training', () => {
  let runs = '';
  const made: string[] = [];
  beforeEach(() => {
    runs = mkdtempSync(join(tmpdir(), 'pushtune-runs-'));
    made.push(runs);
    mkdirSync(join(runs, 'r1/workspace'), { recursive: true });
  });
  after(() => {
    for (const folder of made) rmSync(folder, { recursive: true, force: true });
  });

  /** Writes a file of the workspace at a time, in seconds since 1970. */
  function write(path: string, text: string, at = began + 1): void {
    const place = join(runs, 'r1/workspace', path);
    mkdirSync(dirname(place), { recursive: true });
    writeFileSync(place, text);
    utimesSync(place, at, at);
  }

  async function found(written: readonly string[] = [], folder = ''): Promise<readonly string[]> {
    const request = { run: 'r1', since: began * 1000, written, folder };
    return (await findMetricFiles({ runs, agent: '' }, request)).map(({ path, text }) => `${path}: ${text}`);
  }

  it('are those of the folder in which the script runs', async () => {
    write('metrics.json', '1');
    write('work/metrics.json', '2');
    write('work/mlruns/0/abc/metrics/val_accuracy', '3');
    write('out/accuracy.txt', '4');
    assert.deepEqual(await found(['../out/accuracy.txt', '../../escaped.txt'], 'work/'), [
      'work/metrics.json: 2',
      'work/mlruns/0/abc/metrics/val_accuracy: 3',
      'out/accuracy.txt: 4',
    ]);
  });

  it('are taken in their order, those that the script names among their kind', async () => {
    write('accuracy.txt', '1');
    write('out/metrics.json', '2');
    write('val_acc.txt', '3');
    write('dvclive/metrics.json', '4');
    write('mlruns/0/abc/metrics/val_accuracy', '5');
    write('metrics.json', '6');
    write('train_metrics.json', '7');
    write('out/final.txt', '8');
    write('notes.txt', '9');
    assert.deepEqual(await found(['out/final.txt', 'out/metrics.json', 'out/none.json']), [
      'metrics.json: 6',
      'out/metrics.json: 2',
      'train_metrics.json: 7',
      'dvclive/metrics.json: 4',
      'mlruns/0/abc/metrics/val_accuracy: 5',
      'accuracy.txt: 1',
      'out/final.txt: 8',
      'val_acc.txt: 3',
    ]);
  });

  it('are only those that the training wrote, and not what was committed', async () => {
    for (const path of ['metrics.json', 'accuracy.txt', 'dvclive/metrics.json', 'mlruns/0/old/metrics/acc']) {
      write(path, 'old', began - 1);
    }
    assert.deepEqual(await found(), []);
    const request = { run: 'r1', since: began * 1000 };
    assert.equal(await readMetricFile({ runs, agent: '' }, request, 'metrics.json'), undefined);
  });

  it('of MLflow are those of the newest run, with nested names', async () => {
    write('mlruns/0/first/metrics/val_accuracy', 'first', began + 1);
    write('mlruns/1/second/metrics/val/accuracy', 'second', began + 2);
    write('mlruns/1/second/metrics/loss', 'loss', began + 1);
    for (const name of ['a', 'b', 'c', 'd', 'e']) write(`mlruns/1/${name}/metrics/val_accuracy`, name, began + 1);
    write('mlruns/1/second/meta.yaml', '', began + 3);
    assert.deepEqual(await found(), [
      'mlruns/1/second/metrics/loss: loss',
      'mlruns/1/second/metrics/val/accuracy: second',
    ]);
  });

  it('are no links, pipes and folders', async () => {
    const outside = join(runs, 'outside');
    mkdirSync(outside);
    writeFileSync(join(outside, 'metrics.json'), 'secret');
    symlinkSync(join(outside, 'metrics.json'), join(runs, 'r1/workspace/metrics.json'));
    symlinkSync(outside, join(runs, 'r1/workspace/dvclive'));
    symlinkSync(outside, join(runs, 'r1/workspace/mlruns'));
    execFileSync('mkfifo', [join(runs, 'r1/workspace/accuracy.txt')]);
    mkdirSync(join(runs, 'r1/workspace/acc.txt'));
    assert.deepEqual(await found(['../outside/metrics.json']), []);
    const request = { run: 'r1', since: 0 };
    await assert.rejects(readMetricFile({ runs, agent: '' }, request, 'metrics.json'), UnsafeFileError);
  });

  it('hold the events of the hook, of many of which the first and the last are read', async () => {
    assert.equal(await readEvents({ runs, agent: '' }, 'r1'), '');
    const events = join(runs, 'r1/events.jsonl');
    writeFileSync(events, '{"type":"shim"}\n');
    assert.equal(await readEvents({ runs, agent: '' }, 'r1'), '{"type":"shim"}\n');
    writeFileSync(events, `first\n${'x'.repeat(5 * 1024 * 1024)}\nlast\n`);
    const text = await readEvents({ runs, agent: '' }, 'r1');
    assert.match(text, /^first\n/);
    assert.match(text, /\nlast\n$/);
    assert.ok(text.length < 4.5 * 1024 * 1024);
  });
});
