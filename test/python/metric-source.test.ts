import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { inspectProject } from '../../src/python/inspect.js';
import { writtenMetricFiles } from '../../src/python/metric-source.js';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

describe('the files into which a script writes its metric', () => {
  it('are those that it opens for writing, saves and writes whole, by names that promise figures', () => {
    const script = [
      'import json, numpy as np',
      'from pathlib import Path',
      'from report import tell',
      "with open('accuracy.txt', 'w') as f: f.write('0.9')",
      "open('out/acc.txt', mode='a').write('0.9')",
      "Path('results/metrics.json').write_text(json.dumps({}))",
      "Path('test_accuracy.txt').open('w').write('0.9')",
      "np.savetxt('val_acc.txt', [0.9])",
      "open('old_accuracy.txt').read()",
      "Path('read_acc.txt').open().read()",
      "open('notes.txt', 'w')",
      "open(name, 'w')",
    ].join('\n');
    const module = "def tell():\n    open('final_metrics.json', 'w')\n";
    const files = new Map([
      ['train.py', bytes(script)],
      ['report.py', bytes(module)],
    ]);
    assert.deepEqual([...writtenMetricFiles(files, 'train.py')].sort(), [
      'accuracy.txt',
      'final_metrics.json',
      'out/acc.txt',
      'results/metrics.json',
      'test_accuracy.txt',
      'val_acc.txt',
    ]);
  });

  it('are looked at also where the inspection names the history of Keras as the source', () => {
    const script = "import keras\nmodel = keras.Sequential()\nmodel.fit(x, y)\nopen('accuracy.txt', 'w').write('1')\n";
    const files = new Map([['train.py', bytes(script)]]);
    assert.deepEqual(inspectProject(files).metric, { name: 'val_accuracy', source: 'keras-history' });
    assert.deepEqual(writtenMetricFiles(files, 'train.py'), ['accuracy.txt']);
  });
});
