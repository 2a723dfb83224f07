import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { parse } from 'yaml';
import { applyValues, EditRefusedError } from '../../src/python/edit.js';
import { readParameter } from '../../src/python/parameter-files.js';
import {
  edited,
  jsonDocument,
  type WrittenDocument,
  withNumbers,
  withValue,
  yamlDocument,
} from './parameter-documents.js';

function yaml(text: string, path: string, value: number | string | number[]): string | undefined {
  return edited('params.yaml', text, [{ path: path.split('/'), value }]);
}

function json(text: string, path: string, value: number | string | number[]): string | undefined {
  return edited('params.json', text, [{ path: path.split('/'), value }]);
}

describe('a YAML file', () => {
  const cases: readonly (readonly [what: string, before: string, value: number | string | number[], after: string])[] =
    [
      ['a comment', 'lr: 0.001 # the rate\n', 0.0032, 'lr: 0.0032 # the rate\n'],
      ['a tab before a comment', 'lr: 0.001\t# the\trate\n', 0.0032, 'lr: 0.0032\t# the\trate\n'],
      ['aligned comments', 'lr:    0.001   # a\nunits: 5      # b\n', 0.5, 'lr:    0.5   # a\nunits: 5      # b\n'],
      ['carriage returns', 'a: 1\r\nlr: 0.001\r\nb: 2\r\n', 0.5, 'a: 1\r\nlr: 0.5\r\nb: 2\r\n'],
      ['no newline at the end', 'lr: 0.001', 0.5, 'lr: 0.5'],
      ['a byte order mark', '\uFEFFlr: 0.001\n', 0.5, 'lr: 0.5\n'],
      ['letters beyond ASCII before it', 'größe: "ü€😀"\nlr: 0.001 # ü\n', 0.5, 'größe: "ü€😀"\nlr: 0.5 # ü\n'],
      ['a small number', 'lr: 0.001\n', 1e-7, 'lr: 1.0e-7\n'],
      ['a small number with digits', 'lr: 0.001\n', 1.25e-7, 'lr: 1.25e-7\n'],
      ['a large number', 'lr: 0.001\n', 1e21, 'lr: 1.0e+21\n'],
      ['an exponent', 'lr: 1.0e-3\n', 0.0032, 'lr: 3.2e-3\n'],
      ['an exponent without a point', 'lr: 1e-3\n', 0.002, 'lr: 2.0e-3\n'],
      ['an exponent in capitals', 'lr: 1E-3\n', 0.002, 'lr: 2.0e-3\n'],
      ['a float that is whole', 'lr: 0.5\n', 2, 'lr: 2.0\n'],
      ['an exponent for what is whole', 'lr: 1e-3\n', 1, 'lr: 1.0\n'],
      ['a string', 'lr: adam\n', 'sgd', 'lr: sgd\n'],
      ['single quotes', "lr: 'adam'\n", 'sgd', "lr: 'sgd'\n"],
      ['double quotes', 'lr: "adam"\n', 'it "is"', 'lr: "it \\"is\\""\n'],
      ['a word that YAML 1.1 reads otherwise', 'lr: adam\n', 'off', 'lr: "off"\n'],
      ['a text that would be two items', 'lr: adam\n', 'a, b', 'lr: "a, b"\n'],
      ['a number as a string', "lr: '0.001'\n", 1e-7, "lr: '1.0e-7'\n"],
      ['a number as a string in double quotes', 'lr: "64"\n', 128, 'lr: "128"\n'],
      ['a list in brackets', 'lr: [16, 32]\n', [16, 64], 'lr: [16, 64]\n'],
      ['a list with a layout of its own', 'lr: [ 16,32 ,  8 ] # three\n', [1, 2, 3], 'lr: [ 1,2 ,  3 ] # three\n'],
      ['a list of another length', 'lr: [16, 32]\n', [16], 'lr: [16]\n'],
      ['a list of numbers as strings', "lr: ['16', '32']\n", [8, 16], "lr: ['8', '16']\n"],
      ['a list over lines', 'lr: [\n  16, # first\n  32,\n]\n', [24, 48], 'lr: [\n  24, # first\n  48,\n]\n'],
      ['one document between markers', '---\nlr: 0.001\n...\n', 0.5, '---\nlr: 0.5\n...\n'],
      ['a directive', '%YAML 1.1\n---\nlr: 0.001\n', 0.5, '%YAML 1.1\n---\nlr: 0.5\n'],
    ];
  for (const [what, before, value, after] of cases) {
    it(`keeps ${what}`, () => assert.equal(yaml(before, 'lr', value), after));
  }

  it('changes values in maps of every form', () => {
    assert.equal(yaml('{a: {lr: 0.001, b: 2}}', 'a/lr', 0.5), '{a: {lr: 0.5, b: 2}}');
    assert.equal(yaml('{"a":{"lr":0.001}}', 'a/lr', 1e-7), '{"a":{"lr":1.0e-7}}');
    assert.equal(yaml('{a: {opt: adam, b: 2}}', 'a/opt', 'x, y'), '{a: {opt: "x, y", b: 2}}');
    assert.equal(yaml('a.b:\n  c.d: 5\na: {b: 1}\n', 'a.b/c.d', 7), 'a.b:\n  c.d: 7\na: {b: 1}\n');
    assert.equal(yaml('? lr\n: 0.001\n', 'lr', 0.5), '? lr\n: 0.5\n');
    const item = edited('params.yaml', 'units:\n- 16\n- 32 # second\n', [{ path: ['units', 1], value: 64 }]);
    assert.equal(item, 'units:\n- 16\n- 64 # second\n');
  });

  it('leaves alone what can not be changed by itself', () => {
    const alone = {
      anchor: 'lr: &rate 0.001\nother: *rate\n',
      alias: 'other: &rate 0.001\nlr: *rate\n',
      tag: 'lr: !!float 1\n',
      'block scalar': 'lr: |\n  0.001\n',
      'folded scalar': 'lr: >-\n  0.001\n',
      'text over lines': 'lr: "a\n  b"\n',
      'block list': 'lr:\n- 16\n- 32\n',
      'list with an alias': 'a: &a 5\nlr: [*a, 6]\n',
      'list with a map': 'lr: [{a: 5}]\n',
      'several documents': 'lr: 0.001\n---\nlr: 0.002\n',
      'octal number of YAML 1.1': 'lr: 010\n',
      'key that is there twice': 'lr: 1\nlr: 2\n',
      'empty value': 'lr:\n',
    };
    for (const [what, text] of Object.entries(alone)) assert.equal(yaml(text, 'lr', 5), undefined, what);
    assert.equal(yaml('base: &base {lr: 0.1}\nother: *base\n', 'base/lr', 0.2), undefined);
    assert.equal(yaml('base: &base {lr: 0.1}\nother:\n  <<: *base\n', 'base/lr', 0.2), undefined);
    assert.equal(yaml('base: &unused {lr: 0.1}\n', 'base/lr', 0.2), 'base: &unused {lr: 0.2}\n');
  });

  it('reads a number that is written as a string as the number that the script makes of it', () => {
    const files = new Map([['params.yaml', new TextEncoder().encode("a: '0.001'\nb: 1e-3\nc: 'x1'\n")]]);
    const valueAt = (key: string) => {
      const entry = readParameter(files, 'params.yaml', [key]);
      return typeof entry === 'object' ? entry.value : entry;
    };
    assert.deepEqual(['a', 'b', 'c'].map(valueAt), [0.001, 0.001, 'x1']);
  });

  it('refuses an edit after which the file would say something else', () => {
    const files = new Map([['params.yaml', new TextEncoder().encode('lr: 1\nunits: 2\n')]]);
    const place = { file: 'params.yaml', from: 4, to: 14, written: '1\nunits: 2', syntax: 'yaml' as const };
    const parameter = { name: 'lr', type: 'int' as const, low: 1, high: 9 };
    const where = { file: 'params.yaml', line: 1, column: 4, kind: 'other' as const, value: 1 };
    const hyperparameter = { name: 'lr', parameter, places: [place], ...where };
    assert.throws(() => applyValues(files, [hyperparameter], { lr: 5 }), EditRefusedError);
  });
});

describe('a JSON file', () => {
  const cases: readonly (readonly [what: string, before: string, value: number | string | number[], after: string])[] =
    [
      ['its layout', '{\n\t"a" : 1,\r\n  "lr":0.001 }\n', 0.5, '{\n\t"a" : 1,\r\n  "lr":0.5 }\n'],
      ['a small number', '{"lr": 0.001}', 1e-7, '{"lr": 1e-7}'],
      ['a float that is whole', '{"lr": 0.5}', 2, '{"lr": 2.0}'],
      ['a whole number', '{"lr": 16}', 32, '{"lr": 32}'],
      ['a number as a string', '{"lr": "0.001"}', 0.5, '{"lr": "0.5"}'],
      ['a string', '{"lr": "adam"}', 'it "is"', '{"lr": "it \\"is\\""}'],
      ['a list', '{"lr": [ 16,32 ]}', [8, 64], '{"lr": [ 8,64 ]}'],
      ['a list of another length', '{"lr": [16,32]}', [8], '{"lr": [8]}'],
      ['letters beyond ASCII', '{"ü😀": "ß", "lr": 1}', 2, '{"ü😀": "ß", "lr": 2}'],
      ['a key that is there twice, of which the last counts', '{"lr": 1, "lr": 2}', 3, '{"lr": 1, "lr": 3}'],
    ];
  for (const [what, before, value, after] of cases) {
    it(`keeps ${what}`, () => assert.equal(json(before, 'lr', value), after));
  }
});

describe('any parameter file', () => {
  for (const [file, documents, read] of [
    ['params.yaml', yamlDocument, (text: string): unknown => parse(text)],
    ['params.json', jsonDocument, (text: string): unknown => JSON.parse(text)],
  ] as const) {
    it(`has one line changed for one value, and says the same otherwise: ${file}`, () => {
      fc.assert(
        fc.property(documents, fc.nat(), (written: WrittenDocument, at) => {
          assert.deepEqual(withNumbers(read(written.text)), withNumbers(written.data));
          const change = written.changes[at % written.changes.length];
          assert.ok(change !== undefined);
          const text = edited(file, written.text, [change]);
          assert.ok(text !== undefined, 'every value can be changed');
          assert.deepEqual(withNumbers(read(text)), withNumbers(withValue(written.data, change)));
          const [before, after] = [written.text.split('\n'), text.split('\n')];
          assert.equal(after.length, before.length);
          assert.ok(after.filter((line, index) => line !== before[index]).length <= 1);
        }),
        { numRuns: 300 },
      );
    });

    it(`has every value changed at once, a line each: ${file}`, () => {
      fc.assert(
        fc.property(documents, (written: WrittenDocument) => {
          const text = edited(file, written.text, written.changes);
          assert.ok(text !== undefined);
          const expected = written.changes.reduce(withValue, written.data);
          assert.deepEqual(withNumbers(read(text)), withNumbers(expected));
          assert.equal(text.split('\n').length, written.text.split('\n').length);
        }),
        { numRuns: 100 },
      );
    });
  }
});
