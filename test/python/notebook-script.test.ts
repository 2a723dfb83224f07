import assert from 'node:assert/strict';
import { it } from 'node:test';
import { notebookScript, notebookScriptPath, workingFolder } from '../../src/python/notebook-script.js';
import { PythonSyntaxError, parsePython } from '../../src/python/syntax.js';

it('turns the cells of a notebook into a script beside it that runs what is analysed', () => {
  const cells = [
    { cell_type: 'markdown', source: ['# words'] },
    { cell_type: 'code', source: ['%matplotlib inline\n', 'files = !ls\n', 'print("é\\n", files)'] },
    { cell_type: 'code', source: '%%bash\nls' },
    { cell_type: 'code', source: 'model.fit(x, y)' },
  ];
  const script = notebookScript('a/b.ipynb', JSON.stringify({ cells }));
  assert.ok(script.includes(String.raw`(1, "pass\nfiles = []\nprint(\"é\\n\", files)\n"),`));
  assert.ok(script.includes(String.raw`(3, "model.fit(x, y)\n"),`));
  assert.doesNotThrow(() => parsePython('b.ipynb.py', script));
  assert.equal(notebookScriptPath('a/b.ipynb'), 'a/b.ipynb.py');
});

it('runs a notebook in its own folder and a script in the root', () => {
  assert.deepEqual(['a/b/c.ipynb', 'c.ipynb', 'a/c.py'].map(workingFolder), ['a/b/', '', '']);
});

it('refuses what is no notebook', () => {
  assert.throws(() => notebookScript('b.ipynb', 'print(1)'), PythonSyntaxError);
});
