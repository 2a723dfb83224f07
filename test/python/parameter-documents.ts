/** Arbitrary YAML and JSON files as people write them, and the edit of one value: written apart from what is tested. */
import fc from 'fast-check';
import { applyValues } from '../../src/python/edit.js';
import type { Hyperparameter, ProjectFiles } from '../../src/python/inspection.js';
import { type ParameterPath, readParameter } from '../../src/python/parameter-files.js';
import type { ParameterValue } from '../../src/tuning/space.js';

/** Changes the value at a path as a trial would; undefined when it is left alone. */
export function edited(file: string, text: string, changes: readonly Change[]): string | undefined {
  const files: ProjectFiles = new Map([[file, new TextEncoder().encode(text)]]);
  const hyperparameters: Hyperparameter[] = [];
  for (const [index, { path }] of changes.entries()) {
    const entry = readParameter(files, file, path);
    if (entry === undefined || entry === 'group') return undefined;
    const name = `value_${index}`;
    const parameter = { name, type: 'categorical' as const, choices: [entry.value] };
    const where = { file, line: 1, column: 0 };
    hyperparameters.push({ name, kind: 'other', ...where, value: entry.value, parameter, places: [entry.place] });
  }
  const values = Object.fromEntries(changes.map(({ value }, index) => [`value_${index}`, value]));
  const bytes = applyValues(files, hyperparameters, values).get(file);
  return bytes === undefined ? text : new TextDecoder().decode(bytes);
}

export interface Change {
  readonly path: ParameterPath;
  readonly value: ParameterValue;
}

/** A document, and a line of it for each value. */
export interface WrittenDocument {
  readonly text: string;
  readonly data: unknown;
  /** Paths of values, with new values of the same kind. */
  readonly changes: readonly Change[];
}

const key = fc.constantFrom('lr', 'units', 'train.rate', 'batch size', 'Optimizer', 'a', 'kernel_size', 'größe', 'x-1');
const number = fc.oneof(
  fc.integer({ min: -100, max: 4096 }),
  fc
    .tuple(fc.integer({ min: 1, max: 9999 }), fc.integer({ min: -9, max: 4 }))
    .map(([digits, exponent]) => Number(`${digits}e${exponent}`)),
);
const word = fc.constantFrom('adam', 'relu', 'hard sigmoid', 'yes', 'null', '1:30', 'a: b', "it's", 'a, b', '#1', '');

/** A value, how it is spelt in YAML and in JSON, and another of its kind. */
interface Spelt {
  readonly value: ParameterValue;
  readonly yaml: string;
  readonly json: string;
  readonly other: ParameterValue;
}

const spelt: fc.Arbitrary<Spelt> = fc.oneof(
  fc.tuple(number, number, fc.constantFrom('plain', 'exponent', 'float', 'quoted')).map(([value, other, style]) => {
    const text =
      style === 'exponent'
        ? value.toExponential().replace(/^(-?\d)e/, '$1.0e')
        : style === 'float' && Number.isInteger(value)
          ? `${value}.0`
          : String(value).replace(/^(-?\d)e/, '$1.0e');
    return style === 'quoted'
      ? { value, yaml: `'${text}'`, json: `"${text}"`, other }
      : { value, yaml: text, json: text, other };
  }),
  fc.tuple(word, word, fc.constantFrom("'", '"')).map(([value, other, quote]) => {
    const yaml = quote === '"' ? JSON.stringify(value) : `'${value.replaceAll("'", "''")}'`;
    return { value, yaml, json: JSON.stringify(value), other };
  }),
  fc
    .tuple(fc.array(fc.tuple(number, number), { minLength: 1, maxLength: 3 }), fc.constantFrom(', ', ',  ', ' , '))
    .map(([pairs, separator]) => {
      const text = `[ ${pairs.map(([value]) => String(value).replace(/^(-?\d)e/, '$1.0e')).join(separator)}]`;
      return { value: pairs.map(([value]) => value), yaml: text, json: text, other: pairs.map(([, other]) => other) };
    }),
);

type Tree = Spelt | { readonly members: readonly (readonly [string, Tree])[] };

const { tree } = fc.letrec<{ tree: Tree }>((tie) => ({
  tree: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    spelt,
    fc
      .uniqueArray(fc.tuple(key, tie('tree')), { minLength: 1, maxLength: 4, selector: ([name]) => name })
      .map((members) => ({ members })),
  ),
}));
const root = fc
  .uniqueArray(fc.tuple(key, tree), { minLength: 1, maxLength: 5, selector: ([name]) => name })
  .map((members) => ({ members }));
const gap = fc.constantFrom(' ', '  ', '      ');
const comment = fc.constantFrom('', '', '  # a comment', ' # lr: 5', '\t# after a tab', '    # "quoted: [');
const newline = fc.constantFrom('\n', '\r\n');

export const yamlDocument: fc.Arbitrary<WrittenDocument> = fc
  .tuple(root, fc.infiniteStream(fc.tuple(gap, comment)), newline, fc.constantFrom('', '---', '# settings'))
  .map(([members, styles, end, head]) => {
    const lines: string[] = head === '' ? [] : [head];
    const write = ({ members }: Exclude<Tree, Spelt>, indentation: string): void => {
      for (const [name, child] of members) {
        const [space, note] = styles.next().value;
        if ('members' in child) {
          lines.push(`${indentation}${name}:${note.replace('\t', ' ')}`);
          write(child, `${indentation}  `);
        } else lines.push(`${indentation}${name}:${space}${child.yaml}${note}`);
      }
    };
    write(members, '');
    return { text: lines.join(end) + end, data: dataOf(members), changes: changesOf(members, []) };
  });

export const jsonDocument: fc.Arbitrary<WrittenDocument> = fc.tuple(root, newline).map(([members, end]) => {
  const write = (child: Tree, indentation: string): string => {
    if (!('members' in child)) return child.json;
    const inner = `${indentation}\t`;
    const entries = child.members.map(([name, value]) => `${inner}${JSON.stringify(name)} : ${write(value, inner)}`);
    return `{${end}${entries.join(`,${end}`)}${end}${indentation}}`;
  };
  return { text: write(members, '') + end, data: dataOf(members), changes: changesOf(members, []) };
});

function dataOf(child: Tree): unknown {
  if (!('members' in child)) return child.value;
  return Object.fromEntries(child.members.map(([name, value]) => [name, dataOf(value)]));
}

function changesOf(child: Tree, path: readonly string[]): readonly Change[] {
  if (!('members' in child)) return [{ path, value: child.other }];
  return child.members.flatMap(([name, value]) => changesOf(value, [...path, name]));
}

/** The data with another value at a path. */
export function withValue(data: unknown, { path, value }: Change): unknown {
  const [first, ...rest] = path;
  if (first === undefined) return value;
  return { ...(data as object), [first]: withValue((data as Record<string, unknown>)[first], { path: rest, value }) };
}

/** The data with numbers in the place of strings that spell one. */
export function withNumbers(data: unknown): unknown {
  if (typeof data === 'string') return data.trim() !== '' && Number.isFinite(Number(data)) ? Number(data) : data;
  if (Array.isArray(data)) return data.map(withNumbers);
  if (data === null || typeof data !== 'object') return data;
  return Object.fromEntries(Object.entries(data).map(([name, value]) => [name, withNumbers(value)]));
}
