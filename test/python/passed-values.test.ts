/** Values that a script is passed: found, and written into `.pushtune.yml`. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { commandFile, isSettableVariable } from '../../src/python/command-file.js';
import { applyValues, EditRefusedError } from '../../src/python/edit.js';
import { inspectProject } from '../../src/python/inspect.js';
import type { Inspection, ProjectFiles } from '../../src/python/inspection.js';
import { commandLine, inspectionToJson, renderInspection } from '../../src/python/render.js';
import type { Values } from '../../src/tuning/space.js';

/** A network of one hidden layer, with what reads the command line before it. */
function script(reading: string, units: string, fit = 'epochs=3'): string {
  return `import argparse, os, sys
from keras import layers, models
${reading}
model = models.Sequential([layers.Dense(${units}), layers.Dense(2, activation='softmax')])
model.compile(optimizer=object(), loss='mse')
model.fit(x, y, ${fit})
`;
}

const parser = 'p = argparse.ArgumentParser()\n';
const reading = `${parser}p.add_argument('--units', type=int, required=True)\np.add_argument('--lr', type=float, required=True)\nargs = p.parse_args()`;
const training = script(reading, 'args.units')
  .replace('object()', "'adam'")
  .replace('epochs=3', '')
  .concat('from keras import optimizers\nmodel.compile(optimizers.Adam(learning_rate=args.lr))\n');
const variables = script("LR = int(os.environ['UNITS'])", 'LR', "epochs=int(os.environ['EPOCHS'])");

function repository(text: string, config?: string): ProjectFiles {
  const files: [string, string][] = [
    ['train.py', text],
    ...(config === undefined ? [] : [[commandFile, config] as [string, string]]),
  ];
  return new Map(files.map(([file, content]) => [file, new TextEncoder().encode(content)]));
}

/** The number of layers is found by other means. */
const options = { hyperparameters: { layers: 'off' } } as const;

function inspect(text: string, config?: string): Inspection {
  return inspectProject(repository(text, config), options);
}

function valuesOf({ hyperparameters }: Inspection): Values {
  return Object.fromEntries(hyperparameters.map(({ name, value }) => [name, value]));
}

/** `.pushtune.yml` after an edit; undefined when it is as it was. */
function edited(text: string, config: string | undefined, values: Values): string | undefined {
  const files = repository(text, config);
  const { hyperparameters } = inspectProject(files);
  const changed = applyValues(files, hyperparameters, values);
  assert.deepEqual(
    [...changed.keys()].filter((file) => file !== commandFile),
    [],
  );
  const bytes = changed.get(commandFile);
  return bytes === undefined ? undefined : new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);
}

describe('what is passed', () => {
  it('is written into a new .pushtune.yml, with everything else that the script is passed', () => {
    assert.equal(edited(training, undefined, { learning_rate: 0.02 }), 'arguments: [--units, 128, --lr, 0.02]\n');
    assert.equal(edited(variables, undefined, { units: 64 }), 'variables: {UNITS: 64, EPOCHS: 10}\n');
  });

  it('is not written as long as nothing changes', () => {
    assert.equal(edited(training, undefined, valuesOf(inspect(training))), undefined);
    assert.equal(edited(training, 'arguments: ["--units", "64"]\n', { units: 64 }), undefined);
  });

  for (const [what, before, after] of [
    [
      'its bytes alone, in a list in brackets',
      'arguments: [ --lr,0.010 , --units , "48"] # a\n',
      'arguments: [ --lr,0.003 , --units , "20"] # a\n',
    ],
    [
      'its bytes alone, in a list of lines',
      "arguments:\r\n- --lr=1e-2 # b\r\n- '--units'\r\n- '48'\r\n",
      "arguments:\r\n- --lr=3.0e-3 # b\r\n- '--units'\r\n- '20'\r\n",
    ],
    [
      'its bytes alone, in a word in quotes',
      'arguments: ["--lr=0.01", --units, 48]\n',
      'arguments: ["--lr=0.003", --units, 20]\n',
    ],
    [
      'a list in brackets, when others stand there',
      'arguments: [--lr, 0.01,]\nmain: train.py',
      'arguments: [--lr, 0.003, --units, 20,]\nmain: train.py',
    ],
    ['an empty list', 'arguments: []\n', 'arguments: [--units, 20, --lr, 0.003]\n'],
    [
      'a list of lines, when others stand there',
      'arguments:\n  # rate\n  - --lr\n  - 0.01   # c\n\nmain: train.py\n',
      'arguments:\n  # rate\n  - --lr\n  - 0.003   # c\n  - --units\n  - 20\n\nmain: train.py\n',
    ],
    [
      'a file without the key',
      '# mine\r\nmain: train.py',
      '# mine\r\nmain: train.py\r\narguments: [--units, 20, --lr, 0.003]\r\n',
    ],
    [
      'a file that is one map in braces',
      '{main: train.py}\n',
      '{main: train.py, arguments: [--units, 20, --lr, 0.003]}\n',
    ],
    ['a file of comments', '# nothing yet\n', '# nothing yet\narguments: [--units, 20, --lr, 0.003]\n'],
    [
      'a file with a byte order mark',
      '\uFEFFmain: train.py\n',
      '\uFEFFmain: train.py\narguments: [--units, 20, --lr, 0.003]\n',
    ],
    [
      'a file whose keys are indented',
      '  main: train.py\n',
      '  main: train.py\n  arguments: [--units, 20, --lr, 0.003]\n',
    ],
  ] as const) {
    it(`changes ${what}`, () => {
      assert.equal(edited(training, before, { units: 20, learning_rate: 0.003 }), after);
    });
  }

  for (const [what, before, after] of [
    [
      'its bytes alone',
      "variables: {UNITS: '48', EPOCHS: 7, SEED: 1} # a\n",
      "variables: {UNITS: '20', EPOCHS: 9, SEED: 1} # a\n",
    ],
    [
      'a map of lines',
      'variables:\n    SEED: 1\n    UNITS: 48\n',
      'variables:\n    SEED: 1\n    UNITS: 20\n    EPOCHS: 9\n',
    ],
    ['a map in braces', 'variables: {UNITS: 48}', 'variables: {UNITS: 20, EPOCHS: 9}'],
  ] as const) {
    it(`changes, for variables, ${what}`, () => {
      assert.equal(edited(variables, before, { units: 20, epochs: 9 }), after);
    });
  }

  it('is refused where it cannot be written', () => {
    assert.throws(() => edited(training, 'main: train.py\n...\n', { units: 20 }), EditRefusedError);
    const kept = 'variables:\n  A: |+\n    text\n';
    assert.throws(() => edited(variables, kept, { units: 20 }), /its variables would be other ones/);
    const block = 'arguments:\n  - |\n    text\nmain: train.py\n';
    assert.throws(() => edited(training, block, { units: 20 }), EditRefusedError);
    const files = repository(training, 'arguments: [--units, 48]\n');
    const { hyperparameters } = inspectProject(files);
    assert.throws(() => applyValues(files, hyperparameters, { units: [3, 3] }), /passed numbers and texts/);
    const other = repository(training, 'arguments: [--units, 148]\n');
    assert.throws(() => applyValues(other, hyperparameters, { units: 20 }), EditRefusedError);
  });

  it('is left alone where an alias or several lines hold it', () => {
    const { hyperparameters, warnings } = inspect(training, 'arguments: [--lr, &x 0.01, --units, "4\n  8"]\n');
    assert.deepEqual(
      hyperparameters.map(({ name }) => name),
      ['optimizer'],
    );
    assert.equal(warnings.filter(({ message }) => message.includes('write it as plain text')).length, 2);
  });

  it('moves into the range of a person, when the person gave no value', () => {
    const inspection = inspectProject(repository(training), {
      hyperparameters: { ...options.hyperparameters, units: { low: 200, high: 300 }, learning_rate: 'off' },
    });
    assert.equal(valuesOf(inspection).units, 200);
    // What is switched off is still needed.
    assert.deepEqual(inspection.command.arguments, ['--units', '200', '--lr', '0.001']);
    assert.deepEqual(
      inspection.hyperparameters.map(({ name }) => name),
      ['units', 'optimizer'],
    );
  });

  it('is shown as a command line', () => {
    const inspection = inspect(training, "arguments: [--lr, 0.01, it's]\nvariables: {A: a b}\n");
    const line = "A='a b' python train.py --lr 0.01 'it'\\''s' --units 128";
    assert.equal(commandLine('train.py', inspection.command), line);
    assert.ok(renderInspection(inspection).includes(`command       ${line}\n`));
    assert.deepEqual(inspectionToJson(inspection).command, {
      arguments: ['--lr', '0.01', "it's", '--units', '128'],
      variables: { A: 'a b' },
    });
    assert.ok(!('command' in inspectionToJson(inspect('import keras\n'))));
  });
});

/** The command line, and the warnings without their places. */
function outcome(text: string, config?: string): readonly string[] {
  const { command, warnings, hyperparameters } = inspect(text, config);
  const names = hyperparameters.map(({ name, value }) => `${name}=${String(value)}`).join(' ');
  return [
    `${names}: ${[...command.arguments, ...Object.keys(command.variables)].join(' ')}`,
    ...warnings.map(({ message }) => message),
  ];
}

describe('a command line that is not clear', () => {
  it('has a position before it that nobody knows', () => {
    const [line, ...warnings] = outcome(script('d = sys.argv[1]', 'int(sys.argv[2])'));
    assert.equal(line, 'epochs=3: ');
    assert.match(
      warnings[0] ?? '',
      /^units is left alone: sys\.argv\[1\], which comes before it, is not known; set arguments:/,
    );
    assert.match(warnings[1] ?? '', /arguments: \[VALUE1, VALUE2\]$/);
    assert.equal(
      outcome(script('d = sys.argv[1]', 'int(sys.argv[2])'), 'arguments: [data]')[0],
      'units=128 epochs=3: data 128',
    );
  });

  for (const [what, reading, units, reason] of [
    ['text where a number is needed', 'u = sys.argv[1]', 'u', /arrives as text/],
    [
      'a number in an abbreviation',
      `${parser}p.add_argument('--units', type=int)\nargs = p.parse_args()`,
      'args.units',
      /--un=5 in \.pushtune\.yml may mean it/,
    ],
    [
      'a type of its own',
      `${parser}p.add_argument('--u', type=size)\nargs = p.parse_args()`,
      'args.u',
      /neither int, float nor str/,
    ],
    [
      'choices that are computed',
      `${parser}p.add_argument('--u', type=int, choices=range(9))\nargs = p.parse_args()`,
      'args.u',
      /choices of --u are computed/,
    ],
    [
      'a list in the script',
      `${parser}p.add_argument('--u', type=int)\nargs = p.parse_args(['--u', '3'])`,
      'args.u',
      /a list of its own/,
    ],
    [
      'a value that is tested',
      `${parser}p.add_argument('--u', type=int)\nargs = p.parse_args()\nif not args.u: print()`,
      'args.u',
      /something else when it is not given/,
    ],
    [
      'a value with a substitute',
      `${parser}p.add_argument('--u', type=int)\nargs = p.parse_args()`,
      'args.u or 16',
      /computed/,
    ],
    [
      'an option that excludes others',
      `${parser}g = p.add_mutually_exclusive_group()\ng.add_argument('--u', type=int)\nargs = p.parse_args()`,
      'args.u',
      /excludes other options/,
    ],
    [
      'another default',
      `${parser}p.add_argument('--u', type=int)\np.set_defaults(u=4)\nargs = p.parse_args()`,
      'args.u',
      /set_defaults/,
    ],
    [
      'two readers',
      `${parser}p.add_argument('--u', type=int)\nargs = p.parse_args()\nprint(sys.argv[1])`,
      'args.u',
      /reads sys\.argv, too/,
    ],
    ['a package that reads it', 'import fire', 'int(sys.argv[1])', /fire reads the command line, too/],
    ['the list as a whole', 'run(*sys.argv[1:])', 'int(sys.argv[1])', /uses sys\.argv in other ways/],
    ['a condition', 'pass', 'int(sys.argv[1]) if len(sys.argv) > 1 else 3', /computed/],
    [
      'a number that is calculated with',
      'total = 10 * int(sys.argv[1])',
      'int(sys.argv[1])',
      /the script calculates with it/,
    ],
    ['a variable that the script sets', "os.environ['U'] = '3'", "int(os.environ['U'])", /sets U itself/],
  ] as const) {
    it(`has ${what}`, () => {
      const [line, ...warnings] = outcome(
        script(reading, units),
        what.includes('abbreviation') ? 'arguments: [--un=5]' : undefined,
      );
      assert.equal(line, `epochs=3: ${what.includes('abbreviation') ? '--un=5' : ''}`);
      assert.ok(
        warnings.some((warning) => /^units .*is left alone/.test(warning) && reason.test(warning)),
        warnings.join('\n'),
      );
    });
  }
});

describe('a command line that is clear', () => {
  for (const [what, reading, units, line] of [
    ['sys.argv under another name', 'from sys import argv as words', 'int(words[1])', 'units=128 epochs=3: 128'],
    [
      'main(argv=None)',
      `def main(argv=None):\n    ${parser.trim()}\n    p.add_argument('u', type=int)\n    return p.parse_args(argv)\n\n\nargs = main(sys.argv[1:])`,
      'args.u',
      'units=128 epochs=3: 128',
    ],
    [
      'vars(…)',
      `${parser}p.add_argument('-u', type=int, required=True)\nargs = vars(p.parse_args())`,
      "args['u']",
      'units=128 epochs=3: -u 128',
    ],
    [
      'parse_known_args()',
      `${parser}p.add_argument('-u', type=int, required=True)\nargs, rest = p.parse_known_args()`,
      'args.u',
      'units=128 epochs=3: -u 128',
    ],
    [
      'a parser that a function returns',
      `def build():\n    ${parser.trim()}\n    p.add_argument('-u', type=int, required=True)\n    return p\n\n\nparser = build()\nargs = parser.parse_args()`,
      'args.u',
      'units=128 epochs=3: -u 128',
    ],
    [
      'a function that adds to the parser',
      `def extend(parser):\n    parser.add_argument('-u', type=int, required=True)\n\n\n${parser}extend(p)\nargs = p.parse_args()`,
      'args.u',
      'units=128 epochs=3: -u 128',
    ],
    [
      'a computed default',
      `${parser}p.add_argument('--u', type=int, default=os.cpu_count())\nargs = p.parse_args()`,
      'args.u',
      'units=128 epochs=3: --u 128',
    ],
    [
      'a default at a constant',
      `N = 24\n${parser}p.add_argument('--u', type=int, default=N)\nargs = p.parse_args()`,
      'args.u',
      'units=24 epochs=3: ',
    ],
    [
      'a default in an environment variable',
      `${parser}p.add_argument('--u', type=int, default=os.environ.get('U', 24))\nargs = p.parse_args()`,
      'args.u',
      'units=24 epochs=3: ',
    ],
  ] as const) {
    it(`has ${what}`, () => {
      assert.deepEqual(outcome(script(reading, units)), [line]);
    });
  }

  it('has the last of several values, as argparse takes it', () => {
    const { hyperparameters } = inspect(training, 'arguments: [--units, 40, --lr, 0.1, --units=50]\n');
    assert.equal(hyperparameters[0]?.value, 50);
    assert.deepEqual(hyperparameters[0]?.places[0]?.written, '50');
  });

  it('puts words by position behind the options, among those that are known', () => {
    const reading = `${parser}p.add_argument('data')\np.add_argument('u', type=int)\np.add_argument('--verbose', action='store_true')\nargs = p.parse_args()`;
    assert.deepEqual(outcome(script(reading, 'args.u'), 'arguments: [--verbose, faces]'), [
      'units=128 epochs=3: --verbose faces 128',
    ]);
  });

  it('takes the place of a default in the script', () => {
    const reading = `${parser}p.add_argument('--u', type=int, default=8)\nargs = p.parse_args()`;
    const { hyperparameters } = inspect(script(reading, 'args.u'), 'arguments: [--u, 16]\n');
    assert.deepEqual(
      hyperparameters[0]?.places.map(({ file, from, to }) => [file, from, to]),
      [[commandFile, 17, 19]],
    );
    assert.equal(hyperparameters[0]?.file, 'train.py');
  });
});

describe('the name of a variable', () => {
  it('is refused where the container itself needs the variable', () => {
    const refused = ['PATH', 'HOME', 'PYTHONPATH', 'LD_PRELOAD', 'PUSHTUNE_RUNS', '1A', 'A-B', 'A=B', ''];
    assert.deepEqual(refused.filter(isSettableVariable), []);
    assert.deepEqual(
      ['LR', '_x1', 'PYTHONHASHSEED'].filter((name) => !isSettableVariable(name)),
      [],
    );
  });
});
