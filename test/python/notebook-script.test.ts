import assert from 'node:assert/strict';
import { it } from 'node:test';
import { notebookScript, notebookScriptPath } from '../../src/python/notebook-script.js';
import { PythonSyntaxError, parsePython } from '../../src/python/syntax.js';

it('turns the cells of a notebook into a script beside it, without its magics', () => {
  const source = ['%matplotlib inline\n', 'files = !ls\n', 'print(files)'];
  const cells = [
    { cell_type: 'markdown', source: ['# words'] },
    { cell_type: 'code', source },
    { cell_type: 'code', source: 'model.fit(x, y)' },
  ];
  const script = notebookScript('a/b.ipynb', JSON.stringify({ cells }));
  assert.match(script, /\npass\nfiles = \[\]\nprint\(files\)\nmodel\.fit\(x, y\)\n$/);
  assert.doesNotThrow(() => parsePython('b.ipynb.py', script));
  assert.equal(notebookScriptPath('a/b.ipynb'), 'a/b.ipynb.py');
});

it('refuses what is no notebook', () => {
  assert.throws(() => notebookScript('b.ipynb', 'print(1)'), PythonSyntaxError);
});
