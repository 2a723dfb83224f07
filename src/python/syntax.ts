import { parser } from '@lezer/python';

/** A node of a Python syntax tree, with the node names of @lezer/python. */
export interface SyntaxNode {
  readonly type: string;
  readonly from: number;
  readonly to: number;
  readonly parent: SyntaxNode | undefined;
  readonly children: readonly SyntaxNode[];
}

/** A parsed Python file. Offsets count characters of `text`. */
export interface PythonSource {
  readonly file: string;
  readonly text: string;
  readonly root: SyntaxNode;
  /** Every node by its type, in source order: most questions are about one type, and a file has many nodes. */
  readonly nodes: ReadonlyMap<string, readonly SyntaxNode[]>;
}

export interface Position {
  /** 1-based. */
  readonly line: number;
  /** 0-based. */
  readonly column: number;
}

/** A file that was expected to be Python and is not. `line` is 1-based. */
export class PythonSyntaxError extends Error {
  readonly file: string;
  readonly line: number;
  readonly column: number;

  constructor(file: string, position: Position, problem: string) {
    super(`${file}:${position.line}: ${problem}`);
    this.name = 'PythonSyntaxError';
    this.file = file;
    this.line = position.line;
    this.column = position.column;
  }
}

/**
 * CPython's tokenizer gives up at 200 nested brackets (MAXLEVEL in Parser/tokenizer.h) and 100 indentations; a bracket
 * takes up to three nodes here. Deeper trees are refused, so that recursive walks stay within the stack.
 */
const MAX_DEPTH = 900;

interface MutableNode {
  type: string;
  from: number;
  to: number;
  parent: MutableNode | undefined;
  children: MutableNode[];
}

/**
 * Parses one Python 3 file.
 *
 * @throws PythonSyntaxError at the first place that is not Python 3 (a Python 2 `print` statement included).
 */
export function parsePython(file: string, text: string): PythonSource {
  const tree = parser.parse(asLezerReads(text));
  const root: MutableNode = { type: 'Script', from: 0, to: text.length, parent: undefined, children: [] };
  const nodes = new Map<string, SyntaxNode[]>();
  let parent = root;
  let depth = 0;
  tree.iterate({
    enter(node) {
      if (node.node.parent === null) {
        return;
      }
      const child: MutableNode = { type: node.name, from: node.from, to: node.to, parent, children: [] };
      parent.children.push(child);
      const alike = nodes.get(node.name);
      if (alike === undefined) {
        nodes.set(node.name, [child]);
      } else {
        alike.push(child);
      }
      parent = child;
      depth += 1;
      if (depth > MAX_DEPTH) {
        throw new PythonSyntaxError(file, positionAt(text, node.from), 'nested too deeply');
      }
    },
    leave(node) {
      if (node.node.parent === null) {
        return;
      }
      parent = parent.parent ?? root;
      depth -= 1;
    },
  });
  const source: PythonSource = { file, text, root, nodes };
  const error = firstError(source);
  if (error !== undefined) {
    throw error;
  }
  return source;
}

function firstError(source: PythonSource): PythonSyntaxError | undefined {
  const wrong = nodesOf(source, '⚠').find((node) => !isHarmlessError(node));
  const printed = nodesOf(source, 'PrintStatement')[0];
  const first = wrong !== undefined && (printed === undefined || wrong.from < printed.from) ? wrong : printed;
  if (first === undefined) {
    return undefined;
  }
  const problem =
    first === wrong ? 'this is not valid Python 3' : 'print without parentheses is Python 2, Python 3 is needed';
  return new PythonSyntaxError(source.file, positionAt(source.text, first.from), problem);
}

/** Every node of a type, in source order. */
export function nodesOf(source: PythonSource, type: string): readonly SyntaxNode[] {
  return source.nodes.get(type) ?? [];
}

/**
 * The text as Lezer's grammar can read it, of the same length: it knows a form feed only between tokens of one line,
 * where Python has it on a line of its own, and takes the `.` of `255.` for the access to a member.
 */
function asLezerReads(text: string): string {
  const plain = text.replaceAll('\f', ' ');
  let result = '';
  let done = 0;
  for (let point = plain.indexOf('.'); point !== -1; point = plain.indexOf('.', point + 1)) {
    if (endsNumber(plain, point)) {
      result += `${plain.slice(done, point)}0`;
      done = point + 1;
    }
  }
  return result + plain.slice(done);
}

const DIGITS = '0123456789';

/** Whether the point is the last of `255.` or stands before the exponent of `1.e-3`. What is in a string does not matter. */
function endsNumber(text: string, point: number): boolean {
  let start = point;
  while (start > 0 && `${DIGITS}_`.includes(text.charAt(start - 1))) {
    start -= 1;
  }
  const isNumber = start < point && DIGITS.includes(text.charAt(start)) && !isNameOrPoint(text.charAt(start - 1));
  const next = text.charAt(point + 1);
  const hasExponent = (next === 'e' || next === 'E') && `${DIGITS}+-`.includes(text.charAt(point + 2));
  return isNumber && (hasExponent || !isNameOrPoint(next));
}

function isNameOrPoint(character: string): boolean {
  const isAscii = character < '\u0080';
  return character !== '' && (!isAscii || character === '_' || character === '.' || isLetterOrDigit(character));
}

function isLetterOrDigit(character: string): boolean {
  return DIGITS.includes(character) || character.toLowerCase() !== character.toUpperCase();
}

/** Lezer's grammar lacks a few things that Python accepts: a bare `yield`, some patterns, `with (a as b):`. */
function isHarmlessError(node: SyntaxNode): boolean {
  const parent = node.parent;
  if (parent === undefined) {
    return false;
  }
  switch (parent.type) {
    case 'YieldStatement':
      return node.from === node.to;
    case 'YieldExpression':
    case 'LiteralPattern':
      return true;
    case 'WithStatement':
      return parent.children.some((child) => child.type === 'ParenthesizedExpression');
    case 'ParenthesizedExpression':
      return parent.parent?.type === 'WithStatement' && node.from === node.to;
    default:
      return false;
  }
}

const namesOfSources = new WeakMap<PythonSource['nodes'], ReadonlyMap<string, readonly SyntaxNode[]>>();

/** Every VariableName that reads `name`, in source order. */
export function namesOf(source: PythonSource, name: string): readonly SyntaxNode[] {
  const known = namesOfSources.get(source.nodes);
  const names = known ?? groupNames(source);
  if (known === undefined) {
    namesOfSources.set(source.nodes, names);
  }
  return names.get(name) ?? [];
}

function groupNames(source: PythonSource): ReadonlyMap<string, readonly SyntaxNode[]> {
  const names = new Map<string, SyntaxNode[]>();
  for (const node of nodesOf(source, 'VariableName')) {
    const text = textOf(source, node);
    const alike = names.get(text);
    if (alike === undefined) {
      names.set(text, [node]);
    } else {
      alike.push(node);
    }
  }
  return names;
}

/** Visits `node` and everything below it in source order; `visit` returns false to skip what is below. */
export function walk(node: SyntaxNode, visit: (node: SyntaxNode) => boolean | undefined): void {
  if (visit(node) === false) {
    return;
  }
  for (const child of node.children) {
    walk(child, visit);
  }
}

/** Where the lines of the text that was asked about last begin: many questions in a row are about one file. */
let lines: { readonly text: string; readonly starts: readonly number[] } = { text: '', starts: [0] };

export function positionAt(text: string, offset: number): Position {
  if (lines.text !== text) {
    lines = { text, starts: lineStarts(text) };
  }
  const { starts } = lines;
  let first = 0;
  let last = starts.length - 1;
  while (first < last) {
    const middle = Math.ceil((first + last) / 2);
    if ((starts[middle] ?? 0) <= offset) {
      first = middle;
    } else {
      last = middle - 1;
    }
  }
  return { line: first + 1, column: offset - (starts[first] ?? 0) };
}

function lineStarts(text: string): readonly number[] {
  const starts = [0];
  for (let next = text.indexOf('\n'); next !== -1; next = text.indexOf('\n', next + 1)) {
    starts.push(next + 1);
  }
  return starts;
}

export function textOf(source: PythonSource, node: SyntaxNode): string {
  return source.text.slice(node.from, node.to);
}

/** The nearest node above `node` that has one of `types`. */
export function ancestor(node: SyntaxNode, types: readonly string[]): SyntaxNode | undefined {
  for (let up = node.parent; up !== undefined; up = up.parent) {
    if (types.includes(up.type)) {
      return up;
    }
  }
  return undefined;
}

export function isInside(node: SyntaxNode, outer: SyntaxNode): boolean {
  return node.from >= outer.from && node.to <= outer.to;
}

export interface CallArgument {
  /** The keyword, absent for a positional argument. */
  readonly keyword?: string;
  /** 0-based place among the positional arguments; absent for keywords and after a `*args`. */
  readonly position?: number;
  readonly star: '' | '*' | '**';
  readonly value: SyntaxNode;
}

/** A call is asked for its arguments by each question about it. */
const argumentsOfCalls = new WeakMap<SyntaxNode, readonly CallArgument[]>();

/** The arguments of a CallExpression (or of a class's base list) in source order. */
export function callArguments(source: PythonSource, call: SyntaxNode): readonly CallArgument[] {
  const known = argumentsOfCalls.get(call);
  if (known !== undefined) {
    return known;
  }
  const result = readArguments(source, call);
  argumentsOfCalls.set(call, result);
  return result;
}

function readArguments(source: PythonSource, call: SyntaxNode): readonly CallArgument[] {
  const list = call.children.find((child) => child.type === 'ArgList');
  const result: CallArgument[] = [];
  let keyword: string | undefined;
  let star: '' | '*' | '**' = '';
  let position: number | undefined = 0;
  const parts = list?.children ?? [];
  for (let index = 0; index < parts.length; index += 1) {
    const part = parts[index];
    if (part === undefined || part.type === '(' || part.type === ')' || part.type === '⚠' || part.type === 'Comment') {
      continue;
    }
    if (part.type === ',') {
      keyword = undefined;
      star = '';
    } else if (part.type === '*' || part.type === '**') {
      star = part.type;
    } else if (part.type === 'VariableName' && nextMeaningful(parts, index)?.type === 'AssignOp') {
      keyword = textOf(source, part);
    } else if (part.type !== 'AssignOp') {
      if (keyword !== undefined) {
        result.push({ keyword, star, value: part });
      } else if (star !== '' || position === undefined) {
        position = star === '**' ? position : undefined;
        result.push({ star, value: part });
      } else {
        result.push({ position, star, value: part });
        position += 1;
      }
    }
  }
  return result;
}

function nextMeaningful(parts: readonly SyntaxNode[], index: number): SyntaxNode | undefined {
  return parts.slice(index + 1).find((part) => part.type !== 'Comment');
}

/** The argument given as `keyword`, or else at the 0-based `position`. */
export function findArgument(
  args: readonly CallArgument[],
  keyword: string,
  position?: number,
): CallArgument | undefined {
  return (
    args.find((argument) => argument.keyword === keyword) ??
    (position === undefined ? undefined : args.find((argument) => argument.position === position))
  );
}

/** The callee of a CallExpression. */
export function calleeOf(call: SyntaxNode): SyntaxNode | undefined {
  return call.children[0];
}

/** `a.b.c` as `['a', 'b', 'c']`; undefined for anything that is not a plain dotted name. */
export function dottedName(source: PythonSource, node: SyntaxNode): readonly string[] | undefined {
  if (node.type === 'VariableName') {
    return [textOf(source, node)];
  }
  if (node.type !== 'MemberExpression') {
    return undefined;
  }
  const object = node.children[0];
  const property = node.children.at(-1);
  if (object === undefined || property?.type !== 'PropertyName') {
    return undefined;
  }
  const prefix = dottedName(source, object);
  return prefix === undefined ? undefined : [...prefix, textOf(source, property)];
}

/** The last name of a callee: `Conv2D` for `layers.Conv2D`, `add` for `models[0].add`. */
export function lastName(source: PythonSource, node: SyntaxNode): string | undefined {
  if (node.type === 'VariableName') {
    return textOf(source, node);
  }
  const property = node.type === 'MemberExpression' ? node.children.at(-1) : undefined;
  return property?.type === 'PropertyName' ? textOf(source, property) : undefined;
}

/** `node` without the parentheses around it. */
export function unwrapped(node: SyntaxNode): SyntaxNode {
  let inner = node;
  while (inner.type === 'ParenthesizedExpression') {
    const content = inner.children.find(
      (child) => child.type !== '(' && child.type !== ')' && child.type !== 'Comment',
    );
    if (content === undefined) {
      return inner;
    }
    inner = content;
  }
  return inner;
}

/** The expressions of a tuple, list or parenthesis, without brackets, commas and comments. */
export function elementsOf(node: SyntaxNode): readonly SyntaxNode[] {
  return node.children.filter((child) => !['(', ')', '[', ']', '{', '}', ',', 'Comment', '⚠'].includes(child.type));
}
