/** Notebooks, and scripts exported from them, in the training image. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, before, beforeEach, describe, it } from 'node:test';
import Docker from 'dockerode';
import { ensureEnvironmentImage } from '../../src/container/images.js';
import { notebookScript, notebookScriptPath } from '../../src/python/notebook-script.js';

let image: string;
let workspace: string;

before(async () => {
  const dataDirectory = join(tmpdir(), 'pushtune-notebook');
  const options = { environment: 'tensorflow', dataDirectory, onProgress: () => {} } as const;
  image = (await ensureEnvironmentImage(new Docker(), options)).tag;
});

beforeEach(async () => {
  workspace = await mkdtemp(join(tmpdir(), 'pushtune-notebook-'));
  await mkdir(join(workspace, 'work'));
});

afterEach(() => rm(workspace, { recursive: true, force: true }));

function notebookText(sources: readonly string[]): string {
  return JSON.stringify({ cells: sources.map((source) => ({ cell_type: 'code', source })) });
}

function dockerRun(parameters: readonly string[]) {
  const hooks = ['-e', 'PYTHONPATH=/opt/pushtune/trainer/hooks'];
  const all = ['run', '--rm', '--network', 'none', ...(parameters.length > 0 ? hooks : [])];
  const { status, stdout, stderr } = spawnSync(
    'docker',
    [...all, '-v', `${workspace}:/workspace`, image, ...parameters],
    {
      encoding: 'utf8',
    },
  );
  return { status, stdout, stderr };
}

/** Runs the script that a worker makes of the notebook. */
async function runNotebook(...sources: readonly string[]) {
  const path = notebookScriptPath('work/train.ipynb');
  await writeFile(join(workspace, path), notebookScript('work/train.ipynb', notebookText(sources)));
  return dockerRun(['python3', '-u', path]);
}

describe('a notebook as a script', () => {
  it('sees what it would see in Jupyter', async () => {
    await writeFile(join(workspace, 'work/beside.py'), 'value = 3\n');
    const { status, stdout, stderr } = await runNotebook(
      'from __future__ import annotations\nimport os, sys',
      'from beside import value\ndef f(x: NotThere): return x\nprint(os.getcwd(), sys.path[0], __name__)',
      'try:\n    __file__\nexcept NameError:\n    print("no file")',
      'import asyncio\nawait asyncio.sleep(0)\ndisplay(f(value), "shown")',
      'value + 1',
      'value + 2;',
      '"é"',
    );
    assert.equal(stderr, '');
    assert.deepEqual(stdout.split('\n'), [
      '/workspace/work /workspace/work __main__',
      'no file',
      '3 shown',
      '4',
      "'é'",
      '',
    ]);
    assert.equal(status, 0);
  });

  it('has its functions compiled by TensorFlow, which reads their source', async () => {
    const { stdout } = await runNotebook(
      'import tensorflow as tf',
      '@tf.function\ndef f(x):\n    if x > 2:\n        return x\n    return -x',
      'print(int(f(tf.constant(1))), int(f(tf.constant(3))))',
    );
    assert.equal(stdout, '-1 3\n');
  });

  it('fails with a traceback that names its cells and shows their lines', async () => {
    const { status, stderr } = await runNotebook(
      '%matplotlib inline\ndef fails():\n    raise ValueError("broken")',
      '%%bash\nls',
      '# the call\nfails()',
    );
    assert.equal(status, 1);
    assert.equal(
      stderr,
      `Traceback (most recent call last):
  File "work/train.ipynb, cell 3", line 2, in <module>
    fails()
  File "work/train.ipynb, cell 1", line 3, in fails
    raise ValueError("broken")
ValueError: broken
`,
    );
  });

  it('ends with the exit code that it asks for', async () => {
    assert.equal((await runNotebook('import sys', 'sys.exit(3)')).status, 3);
  });
});

describe('the image by itself', () => {
  it('trains with the only notebook of a repository', async () => {
    const cells = ['import os\n%matplotlib inline\n!pip install x', '%%time\nvalue = 0.5', 'print(os.getcwd(), value)'];
    await writeFile(join(workspace, 'train.ipynb'), notebookText(cells));
    const { status, stdout, stderr } = dockerRun([]);
    assert.deepEqual({ status, stdout }, { status: 0, stdout: '/workspace 0.5\n' });
    assert.equal(stderr, 'pushtune: training with train.ipynb\npushtune: the notebook command `!pip …` is skipped\n');
  });

  it('trains with the notebook that .pushtune.yml names, in its folder', async () => {
    await writeFile(join(workspace, 'train.py'), 'print("the usual one")\n');
    await writeFile(join(workspace, '.pushtune.yml'), 'main: work/train.ipynb\n');
    await writeFile(join(workspace, 'work/train.ipynb'), notebookText(['import os', 'print(os.getcwd())\n1 / 0']));
    const { status, stdout, stderr } = dockerRun([]);
    assert.deepEqual({ status, stdout }, { status: 1, stdout: '/workspace/work\n' });
    assert.match(
      stderr,
      /\nTraceback \(most recent call last\):\n {2}File "work\/train\.ipynb, cell 2", line 2, in <module>\n/,
    );
  });
});

describe('a script that was exported from a notebook', () => {
  async function runExported(script: string) {
    await writeFile(join(workspace, 'train.py'), script);
    return dockerRun([]);
  }

  it('is not ended by the commands of Jupyter, runs what is Python in them, and shows none of their arguments', async () => {
    const { status, stdout, stderr } = await runExported(`
# In[1]:
get_ipython().run_line_magic('matplotlib', 'inline')
get_ipython().magic(u'load_ext autoreload')
get_ipython().system('pip install --password=hidden x')
files = get_ipython().getoutput('ls')
# In[2]:
get_ipython().run_cell_magic('time', '', 'value = 7\\ndef f(x):\\n    return x\\n')
get_ipython().run_line_magic('time', 'other = 3')
get_ipython().magic('time third = 4')
get_ipython().run_cell_magic('bash', '', 'ls\\n')
display(value, other, third, files)
import inspect
print(inspect.getsource(f), end='')
`);
    assert.deepEqual({ status, stdout }, { status: 0, stdout: '7 3 4 []\ndef f(x):\n    return x\n' });
    const skipped = ['!pip …', '!ls', '%%bash'].map(
      (command) => `pushtune: the notebook command \`${command}\` is skipped\n`,
    );
    assert.equal(stderr, ['pushtune: training with train.py\n', ...skipped].join(''));
  });

  it('finds out that it is in no notebook, also when it asks IPython itself', async () => {
    const { status, stdout } = await runExported(`
from IPython import get_ipython
import IPython
get_ipython().run_line_magic('matplotlib', 'inline')
print('google.colab' in str(get_ipython()), bool(IPython.get_ipython()), get_ipython() is not None)
import matplotlib.pyplot as plt
plt.plot([1, 2])
plt.show()
`);
    assert.deepEqual({ status, stdout }, { status: 0, stdout: 'False False True\n' });
  });
});
