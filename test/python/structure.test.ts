import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { applyValues, EditRefusedError } from '../../src/python/edit.js';
import { inspectProject } from '../../src/python/inspect.js';
import type { Hyperparameter, Inspection } from '../../src/python/inspection.js';
import { isFeasible, type Values } from '../../src/tuning/space.js';

const HEAD = `from keras import Input, Model
from keras.models import Sequential
from keras.layers import Conv2D, MaxPooling2D, Flatten, Dense, Dropout, Activation, GlobalAveragePooling2D
`;
const TAIL = `model.compile(optimizer='adam', loss='mse')
model.fit(x, y, epochs=5)
`;

function filesOf(body: string, file = 'train.py'): Map<string, Uint8Array> {
  return new Map([[file, new TextEncoder().encode(`${HEAD}${body}${TAIL}`)]]);
}

function inspectBody(body: string): Inspection {
  return inspectProject(filesOf(body));
}

function edited(body: string, values: Values): string {
  const files = filesOf(body);
  const changed = applyValues(files, inspectProject(files).hyperparameters, values).get('train.py');
  const text = new TextDecoder().decode(changed);
  return text.slice(HEAD.length, text.length - TAIL.length);
}

function find(inspection: Inspection, name: string): Hyperparameter | undefined {
  return inspection.hyperparameters.find((hyperparameter) => hyperparameter.name === name);
}

const ADDED = `model = Sequential()
model.add(Conv2D(8, (3, 3), input_shape=(64, 64, 3)))
model.add(Activation('relu'))
model.add(MaxPooling2D(pool_size=(2, 2)))

# second block
model.add(Conv2D(16, (3, 3)))  # more filters
model.add(MaxPooling2D(pool_size=(2, 2)))
model.add(Dropout(0.25))

model.add(Flatten())
model.add(Dense(64))
model.add(Activation('relu'))
model.add(Dense(2, activation='softmax'))
`;

describe('the number of convolutional blocks', () => {
  it('is found where the first block begins, with the number that was written', () => {
    const blocks = find(inspectBody(ADDED), 'conv_blocks');
    assert.deepEqual(
      {
        kind: blocks?.kind,
        line: blocks?.line,
        column: blocks?.column,
        value: blocks?.value,
        range: blocks?.parameter,
      },
      { kind: 'layers', line: 5, column: 0, value: 2, range: { name: 'conv_blocks', type: 'int', low: 1, high: 4 } },
    );
  });

  it('goes up by writing the last block again, set apart as the others are', () => {
    const block = `
model.add(Conv2D(16, (3, 3)))  # more filters
model.add(MaxPooling2D(pool_size=(2, 2)))
model.add(Dropout(0.25))
`;
    const grown = ADDED.replace('\nmodel.add(Flatten())', `${block}${block}\nmodel.add(Flatten())`);
    assert.equal(edited(ADDED, { conv_blocks: 4 }), grown);
  });

  it('shows new literals in every copy', () => {
    const text = edited(ADDED, { conv_blocks: 3, filters_2: 24, dropout: 0.4 });
    assert.equal(text.split('Conv2D(24, (3, 3))').length, 3);
    assert.equal(text.split('Dropout(0.4)').length, 3);
    assert.ok(!text.includes('0.25') && !text.includes('Conv2D(16'));
  });

  it('goes down by leaving out the last block with the comment above it', () => {
    const expected = ADDED.replace(
      `# second block
model.add(Conv2D(16, (3, 3)))  # more filters
model.add(MaxPooling2D(pool_size=(2, 2)))
model.add(Dropout(0.25))
`,
      '',
    );
    assert.equal(edited(ADDED, { conv_blocks: 1 }), expected);
    assert.equal(edited(ADDED, { conv_blocks: 1, filters_2: 24 }), expected);
  });

  it('takes the literals of a later block with it', () => {
    const inspection = inspectBody(ADDED);
    assert.deepEqual(find(inspection, 'filters_2')?.parameter.when, { parameter: 'conv_blocks', atLeast: 2 });
    assert.equal(find(inspection, 'filters_1')?.parameter.when, undefined);
  });

  it('leaves the shape of the input out of a copy of the first block', () => {
    const body = `model = Sequential([
    Conv2D(8, 3, padding="same", input_shape=(32, 32, 3), activation="relu"),
    MaxPooling2D(),
    Flatten(),
    Dense(4),
])
`;
    const copy = `    Conv2D(8, 3, padding="same", activation="relu"),
    MaxPooling2D(),
`;
    const original = body.split('\n').slice(1, 3).join('\n');
    assert.equal(edited(body, { conv_blocks: 2 }), body.replace(`${original}\n`, `${original}\n${copy}`));
  });

  it('stays within one line where the script does', () => {
    const body = `model = Sequential([Conv2D(8, 3, padding='same'), MaxPooling2D(), Conv2D(9, 3), MaxPooling2D(), Flatten(), Dense(4)])\n`;
    const more = 'Conv2D(9, 3), MaxPooling2D(), Conv2D(9, 3), MaxPooling2D(), Flatten()';
    const grown = body.replace('input_shape', '');
    assert.equal(edited(grown, { conv_blocks: 3 }), grown.replace('Conv2D(9, 3), MaxPooling2D(), Flatten()', more));
    assert.equal(edited(body, { conv_blocks: 1 }), body.replace(' Conv2D(9, 3), MaxPooling2D(),', ''));
  });

  it('is written in the functional style too', () => {
    const body = `inputs = Input(shape=(32, 32, 3))
x = Conv2D(8, 3)(inputs)
x = MaxPooling2D()(x)
x = GlobalAveragePooling2D()(x)
model = Model(inputs, Dense(3)(x))
`;
    const grown = body.replace(
      'x = MaxPooling2D()(x)\n',
      'x = MaxPooling2D()(x)\nx = Conv2D(8, 3)(x)\nx = MaxPooling2D()(x)\n',
    );
    assert.equal(edited(body, { conv_blocks: 2 }), grown);
  });

  it('keeps the line ends of the file', () => {
    const body = ADDED.replaceAll('\n', '\r\n');
    assert.ok(!edited(body, { conv_blocks: 3 }).replaceAll('\r\n', '').includes('\n'));
  });

  it('never shrinks a feature map to nothing', () => {
    const narrow = inspectBody(ADDED.replace('64, 64, 3', '20, 20, 3'));
    // 20 → 18 → 9 → 7 → 3 → 1 → 0
    assert.deepEqual(find(narrow, 'conv_blocks')?.parameter, { name: 'conv_blocks', type: 'int', low: 1, high: 2 });
    // 28 → 26 → 13 → 11 → 5 → 3 → 1
    const wider = inspectBody(ADDED.replace('64, 64, 3', '28, 28, 3'));
    assert.deepEqual(find(wider, 'conv_blocks')?.parameter, { name: 'conv_blocks', type: 'int', low: 1, high: 3 });
    const space = { parameters: [], featureMaps: wider.featureMaps };
    assert.equal(isFeasible(space, { conv_blocks: 3 }), true);
    assert.equal(isFeasible(space, { conv_blocks: 3, kernel_size_1: [5, 5], kernel_size_2: [5, 5] }), false);
    assert.equal(isFeasible(space, { conv_blocks: 2, pool_size_1: [3, 3], pool_size_2: [3, 3] }), true);
  });

  it('knows the input from constants and sums of tuples', () => {
    const body = ADDED.replace('64, 64, 3', 'SIDE, SIDE, 3');
    assert.deepEqual(inspectBody(`SIDE = 64\n${body}`).featureMaps[0]?.size, [64, 64]);
    const sum = ADDED.replace('(64, 64, 3)', 'SIZE + (3,)');
    assert.deepEqual(inspectBody(`SIZE = (48, 32)\n${sum}`).featureMaps[0]?.size, [48, 32]);
    assert.equal(inspectBody(ADDED.replace('(64, 64, 3)', 'x.shape[1:]')).featureMaps[0]?.size, undefined);
  });

  it('does not believe in an input in which the written network would vanish', () => {
    assert.equal(inspectBody(ADDED.replace('64, 64, 3', '3, 64, 64')).featureMaps[0]?.size, undefined);
  });

  it('of an input that is not known goes no further than what was written surely allows', () => {
    const { featureMaps } = inspectBody(ADDED.replace('(64, 64, 3)', 'x.shape[1:]'));
    const space = { parameters: [], featureMaps };
    assert.equal(isFeasible(space, { conv_blocks: 2 }), true);
    assert.equal(isFeasible(space, { conv_blocks: 3 }), false);
  });

  const refused: readonly [string, string][] = [
    ['layers that are named', ADDED.replace('Conv2D(16, (3, 3))', "Conv2D(16, (3, 3), name='b')")],
    ['layers that are taken by their index', `${ADDED}print(model.layers[2].output)\n`],
    ['weights that are loaded before the training', `${ADDED}model.load_weights('w.h5')\n`],
    ['something between two layers', ADDED.replace('\n# second', "\nprint('half')\n# second")],
    ['a layer whose effect is not known', ADDED.replace('model.add(Dropout(0.25))', 'model.add(Shuffle())')],
    ['two statements in one line', ADDED.replace('))\nmodel.add(Dropout', ')); model.add(Dropout')],
    ['an output that has to be as large as the input', ADDED.replace('Flatten()', 'UpSampling2D()')],
  ];
  for (const [what, body] of refused) {
    it(`is left alone beside ${what}`, () => {
      assert.equal(find(inspectBody(body), 'conv_blocks'), undefined);
    });
  }
});

describe('the number of hidden dense layers', () => {
  it('goes up and down with what belongs to each of them', () => {
    const grown = ADDED.replace(
      "model.add(Dense(64))\nmodel.add(Activation('relu'))\n",
      "model.add(Dense(48))\nmodel.add(Activation('tanh'))\n".repeat(3),
    );
    assert.equal(edited(ADDED, { dense_layers: 3, units: 48, activation_2: 'tanh' }), grown);
  });

  it('counts in a network of dense layers alone', () => {
    const body = "model = Sequential([Dense(32, input_dim=8, activation='relu'), Dense(16), Dense(1)])\n";
    assert.equal(find(inspectBody(body), 'dense_layers')?.value, 2);
    assert.equal(edited(body, { dense_layers: 1 }), body.replace(' Dense(16),', ''));
    const one = "model = Sequential([Dense(32, input_dim=8, activation='relu'), Dense(1)])\n";
    assert.equal(edited(one, { dense_layers: 2 }), one.replace(' Dense(1)', " Dense(32, activation='relu'), Dense(1)"));
  });

  it('is written in a notebook as lines of its cell', () => {
    const lines = ['model = Sequential()', 'model.add(Dense(32))', 'model.add(Dense(2))', 'model.fit(x, y, epochs=3)'];
    const source = (code: readonly string[]) =>
      JSON.stringify(
        { cells: [{ cell_type: 'code', source: [...HEAD.trim().split('\n'), ...code].map((line) => `${line}\n`) }] },
        undefined,
        1,
      );
    const files = new Map([['train.ipynb', new TextEncoder().encode(source(lines))]]);
    const { hyperparameters } = inspectProject(files);
    const changed = applyValues(files, hyperparameters, { dense_layers: 3, units: 20 }).get('train.ipynb');
    const hidden = 'model.add(Dense(20))';
    const expected = source([lines[0] ?? '', hidden, hidden, hidden, ...lines.slice(2)]);
    assert.equal(new TextDecoder().decode(changed), expected);
  });
});

describe('a loop that adds layers', () => {
  const looped = `count = 1
model = Sequential()
model.add(Conv2D(8, (3, 3), input_shape=(28, 28, 1)))
for i in range(count):
    model.add(Conv2D(16, (3, 3)))
    model.add(MaxPooling2D())
model.add(Flatten())
model.add(Dense(2, activation='softmax'))
`;

  it('is passed as often as a hyperparameter says, and the image is followed through it', () => {
    const inspection = inspectBody(looped);
    const layers = find(inspection, 'layers');
    assert.deepEqual([layers?.line, layers?.column, layers?.value], [4, 8, 1]);
    assert.deepEqual(layers?.parameter, { name: 'layers', type: 'int', low: 1, high: 3 });
    const space = { parameters: [], featureMaps: inspection.featureMaps };
    // 28 → 26, then 24 → 12, 10 → 5, 3 → 1, and for a kernel of 5: 22 → 11, 7 → 3, nothing
    assert.equal(isFeasible(space, { layers: 3 }), true);
    assert.equal(isFeasible(space, { layers: 3, kernel_size_2: [5, 5] }), false);
    assert.ok(edited(looped, { layers: 3 }).startsWith('count = 3\n'));
  });

  it('never grows where the image can not be followed', () => {
    const unknown = looped.replace('model.add(Flatten())', 'model.add(Shuffle())').replace('count = 1', 'count = 2');
    assert.deepEqual(find(inspectBody(unknown), 'layers')?.parameter, { name: 'layers', type: 'int', low: 1, high: 2 });
  });

  it('whose layers differ each time is left alone', () => {
    const differing = looped.replace('Conv2D(16, (3, 3))', 'Conv2D(16 * (i + 1), (3, 3))');
    assert.equal(find(inspectBody(differing), 'layers'), undefined);
  });
});

describe('an edit of blocks', () => {
  it('with the written number changes nothing', () => {
    const files = filesOf(ADDED);
    const { hyperparameters } = inspectProject(files);
    assert.equal(applyValues(files, hyperparameters, { conv_blocks: 2, dense_layers: 1 }).size, 0);
  });

  it('of another file than the inspected one is refused', () => {
    const { hyperparameters } = inspectProject(filesOf(ADDED));
    const other = filesOf(ADDED.replace('0.25', '0.75'));
    assert.throws(() => applyValues(other, hyperparameters, { conv_blocks: 3 }), EditRefusedError);
  });
});
