import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { describe, it } from 'node:test';
import { commandFile } from '../../src/python/command-file.js';
import { applyValues } from '../../src/python/edit.js';
import { inspectProject } from '../../src/python/inspect.js';
import type { Hyperparameter, ProjectFiles } from '../../src/python/inspection.js';
import type { ParameterValue } from '../../src/tuning/space.js';

const parser = `import argparse
p = argparse.ArgumentParser()
p.add_argument('data')
p.add_argument('units', type=int)
p.add_argument('-e', '--epochs', type=int)
p.add_argument('--lr', type=float, required=True)
p.add_argument('--lrx', type=float)
p.add_argument('-v', '--verbose', action='store_true')
p.add_argument('--pair', nargs=2)
p.add_argument('--many', nargs='*')
p.add_argument('-b', type=int)
p.add_argument('drop', type=float, nargs=1)
args = p.parse_args()
`;
const script = `${parser}
from keras import layers, models, optimizers
m = models.Sequential([layers.Dense(args.units), layers.Dense(2, activation='softmax')])
m.compile(optimizer=optimizers.Adam(learning_rate=args.lr), loss='mse')
m.fit(x, y, epochs=args.epochs, batch_size=args.b)
`;
const attributes: Readonly<Record<string, string>> = {
  units: 'units',
  epochs: 'epochs',
  learning_rate: 'lr',
  batch_size: 'b',
};

/** Reads lists of words as JSON lines and answers for each what argparse makes of it; null when it refuses. */
const ARGPARSE = `
import contextlib, io, json, sys
answers = []
for line in sys.stdin:
    sys.argv = ['train.py', *json.loads(line)]
    names = {}
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            exec(${JSON.stringify(parser)}, names)
        answers.append(vars(names['args']))
    except SystemExit:
        answers.append(None)
print(json.dumps(answers))
`;

type Parsed = Readonly<Record<string, unknown>> | null;

function argparse(commands: readonly (readonly string[])[]): readonly Parsed[] {
  const input = commands.map((words) => JSON.stringify(words)).join('\n');
  return JSON.parse(execFileSync('python3', ['-c', ARGPARSE], { input, encoding: 'utf8' }));
}

/** Command lines with the same options in many spellings, among words by position. */
function commandLines(count: number): readonly (readonly string[])[] {
  let state = 7;
  const random = (below: number): number => {
    // Park & Miller's minimal generator, so that a failure can be repeated.
    state = (state * 48271) % 2147483647;
    return state % below;
  };
  const spellings = [
    '--epochs 7',
    '-e 8',
    '-e9',
    '--ep 4',
    '--epochs=11',
    '--lr 0.01',
    '--lr=1e-2',
    '--lr .2',
    '--lrx 3',
    '--lrx=4',
    '-v',
    '--verbose',
    '--pair a 5',
    '--many 1 2',
    '--many',
    '-b 32',
    '-b32',
    '-vb 3',
    '--',
    '-b=5',
    '--l 0.1',
  ];
  return Array.from({ length: count }, () => {
    const byPosition = ['faces', '48', '0.3'].slice(0, 1 + random(3));
    const options = Array.from({ length: random(5) }, () => spellings[random(spellings.length)] ?? '');
    const words: string[] = [];
    while (byPosition.length + options.length > 0) {
      const from = options.length === 0 || (byPosition.length > 0 && random(2) === 0) ? byPosition : options;
      words.push(...(from.shift() ?? '').split(' '));
    }
    return words;
  });
}

function repository(words: readonly string[]): ProjectFiles {
  const texts = { 'train.py': script, [commandFile]: `arguments: ${JSON.stringify(words)}\n` };
  return new Map(Object.entries(texts).map(([file, text]) => [file, new TextEncoder().encode(text)]));
}

function otherValue({ parameter, value }: Hyperparameter): ParameterValue {
  assert.ok(parameter.type !== 'categorical');
  return parameter.high === value ? parameter.low : parameter.high;
}

describe('the command line, read by argparse itself', () => {
  const cases = commandLines(1500).map((words) => ({ files: repository(words), words }));

  it('gives the values that are found, and after an edit the new ones', () => {
    const inspections = cases.map(({ files }) => inspectProject(files));
    const edits = inspections.map(({ hyperparameters }, index) => {
      const files = cases[index]?.files ?? new Map();
      const passed = hyperparameters.filter(({ name }) => name in attributes);
      const values = Object.fromEntries(
        passed.map((hyperparameter) => [hyperparameter.name, otherValue(hyperparameter)]),
      );
      const after = inspectProject(new Map([...files, ...applyValues(files, hyperparameters, values)]));
      return { values, command: after.command.arguments };
    });
    const before = argparse(inspections.map(({ command }) => command.arguments));
    const after = argparse(edits.map(({ command }) => command));
    let compared = 0;
    before.forEach((parsed, index) => {
      if (parsed === null) {
        return;
      }
      const { command, hyperparameters } = inspections[index] ?? assert.fail();
      const { values, command: edited } = edits[index] ?? assert.fail();
      for (const { name, value } of hyperparameters.filter((hyperparameter) => hyperparameter.name in values)) {
        const attribute = attributes[name] ?? '';
        assert.equal(parsed[attribute], value, `${name} of ${command.arguments.join(' ')}`);
        assert.equal(after[index]?.[attribute], values[name], `${name} of ${edited.join(' ')}`);
        compared += 1;
      }
    });
    assert.ok(compared > 1000, `only ${compared} values were compared`);
  });
});
