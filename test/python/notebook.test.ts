import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { inspectProject } from '../../src/python/inspect.js';
import { type NotebookScript, readNotebook } from '../../src/python/notebook.js';
import { inspectionToJson, renderInspection } from '../../src/python/render.js';
import { PythonSyntaxError } from '../../src/python/syntax.js';

function notebookText(...sources: readonly string[]): string {
  const cells = sources.map((source) => ({ cell_type: 'code', metadata: {}, outputs: [], source: source.split(/^/m) }));
  return JSON.stringify({ cells, metadata: {}, nbformat: 4, nbformat_minor: 5 }, undefined, 1);
}

function read(...sources: readonly string[]): NotebookScript {
  return readNotebook('train.ipynb', notebookText(...sources));
}

function inspect(...sources: readonly string[]) {
  return inspectProject(new Map([['train.ipynb', new TextEncoder().encode(notebookText(...sources))]]));
}

function messagesOf({ warnings }: Pick<NotebookScript, 'warnings'>): readonly string[] {
  return warnings.map(({ message }) => message);
}

describe('a magic', () => {
  const cases: readonly [string, string][] = [
    ['%matplotlib inline\nx = 1', 'pass\nx = 1\n'],
    ['for f in y:\n    !echo f\n', 'for f in y:\n    pass\n\n'],
    ['files = !ls *.png\nprint(files)', 'files = []\nprint(files)\n'],
    ['%time history = model.fit(x, y)', 'history = model.fit(x, y)\n'],
    ['if x:\n    %time  f()\n', 'if x:\n    f()\n\n'],
    ['h = %time f()\n', 'h = f()\n\n'],
    ['!python prepare.py \\\n    --size 28 \\\n    --out data\nx = 1', 'pass\n\n\nx = 1\n'],
    ['model.fit?\nx = 1', 'pass\nx = 1\n'],
    ['pip install imutils\nx = 1', 'pass\nx = 1\n'],
    ['%%time\nx = 1', 'pass\nx = 1\n'],
    ['ls', '\n'],
    ['%%bash\nls', '\n'],
    // The person's own words, which only look like one.
    ['x = "%d"\\\n  % 3', 'x = "%d"\\\n  % 3\n'],
    ['x = """\n!ls\nwhat?\n"""', 'x = """\n!ls\nwhat?\n"""\n'],
    ['# is it?\n!ls', '# is it?\npass\n\n'],
    ['async with a as b:\n    await b\nawait c', 'async with a as b:\n    await b\nawait c\n'],
  ];
  for (const [source, code] of cases) {
    it(`in ${JSON.stringify(source)} leaves ${JSON.stringify(code)}`, () => {
      assert.equal(read(source).code, code);
    });
  }

  it('is silent about the display, and otherwise told without its arguments', () => {
    const silent = read('%matplotlib inline\n%load_ext autoreload\nx?\n%time f()\n', '%%html\n<b>', '%env\n%pwd');
    assert.deepEqual(messagesOf(silent), []);
    const sources = [
      '!curl -u me:hidden x\n%env KEY=hidden\n!KEY=hidden run\n! ls\n%run prepare.py\n',
      '%%writefile a.py\nx',
    ];
    assert.deepEqual(messagesOf(read(...sources)), [
      '`!curl …` is a notebook command and is skipped when Pushtune trains',
      '`%env …` is a notebook command and is skipped when Pushtune trains',
      '`!KEY …` is a notebook command and is skipped when Pushtune trains',
      '`!ls` is a notebook command and is skipped when Pushtune trains',
      '`%run …` is a notebook command and is skipped when Pushtune trains',
      'a cell that begins with %%writefile is not Python and is left out',
    ]);
  });

  it('of a cell with thousands is replaced in a moment', () => {
    const { code } = read(`${'!ls\n'.repeat(5000)}x = 1`);
    assert.equal(code, `${'pass\n'.repeat(5000)}x = 1\n`);
  });
});

describe('pip in a notebook', () => {
  it('names packages', () => {
    const source = `!pip3 install -q -U "imutils>=0.5" keras!=3.1 scikit-image[data] > /dev/null\n%pip install -r requirements.txt`;
    const { installs, warnings } = read(source);
    assert.deepEqual(installs, ['imutils>=0.5', 'keras!=3.1', 'scikit-image[data]']);
    assert.deepEqual(warnings, []);
  });

  it('of something else is told, and no address is taken for a package', () => {
    const address = 'git+https://me:hidden@git.example.org/x.git';
    const inspection = inspect(`!pip install ${address} imutils\nimport imutils`);
    assert.deepEqual(inspection.packages, ['imutils']);
    assert.match(messagesOf(inspection).join('\n'), /`!pip …` installs more than packages of an index/);
    const shown = renderInspection(inspection) + JSON.stringify(inspectionToJson(inspection));
    assert.ok(!shown.includes('hidden'));
  });
});

describe('a hyperparameter in a notebook', () => {
  it('is found in a statement that is timed, at its place', () => {
    const text = notebookText('import keras\n%time model.fit(x, y, epochs=12)');
    const { hyperparameters } = inspect('import keras\n%time model.fit(x, y, epochs=12)');
    const [epochs] = hyperparameters;
    assert.equal(epochs?.value, 12);
    assert.equal(text.slice(epochs?.places[0]?.from, epochs?.places[0]?.to), '12');
  });
});

describe('the cells of a notebook', () => {
  it('have the numbers that Jupyter gives them when all are run', () => {
    const { cells, code } = read('a = 1', '', '%%bash\nls', 'b = 2');
    assert.deepEqual(
      cells.map(({ number, from, to }) => [number, code.slice(from, to)]),
      [
        [1, 'a = 1\n'],
        [3, 'b = 2\n'],
      ],
    );
  });

  it('of a broken file are an error that shows nothing of it', () => {
    assert.throws(
      () => readNotebook('train.ipynb', '{"cells": [hidden]}'),
      (error) => error instanceof PythonSyntaxError && !error.message.includes('hidden'),
    );
  });
});
