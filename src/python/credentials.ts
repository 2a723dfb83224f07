import { isPlaceholder, isRandom, mayGuard, secretInCommand, shapeOf } from './credential-shapes.js';
import type { InspectionWarning } from './inspection.js';
import { type Module, type Project, positionInFile } from './project.js';
import {
  callArguments,
  calleeOf,
  elementsOf,
  lastName,
  nodesOf,
  positionAt,
  type SyntaxNode,
  textOf,
  unwrapped,
} from './syntax.js';

/**
 * Warns of string literals that look like a credential, which everyone who may read the repository can read as well. The
 * value itself is never told.
 */
export function credentialWarnings(project: Project): readonly InspectionWarning[] {
  return project.modules.flatMap((module) => {
    const lines = new Map<number, string>();
    const add = (line: number, what: string | undefined): void => {
      if (what !== undefined && !lines.has(line)) {
        lines.set(line, what);
      }
    };
    const literals = LITERALS.flatMap((type) => nodesOf(module, type));
    for (const node of literals.filter(({ parent }) => parent?.type !== 'ContinuedString')) {
      const value = literalText(module, node);
      const what = shapeOf(value) ?? roleOf(module, node, value);
      if (what !== undefined) {
        add(positionInFile(module, node.from).line, what);
      }
    }
    for (const node of guardingValues(module).flatMap((value) => literalsBehind(module, value))) {
      if (!isPlaceholder(literalText(module, node))) {
        add(positionInFile(module, node.from).line, 'a password');
      }
    }
    for (const { text, place } of module.notebook?.commands ?? []) {
      const what = shapeOf(text) ?? secretInCommand(text);
      if (what !== undefined) {
        add(positionAt(module.fileText, place).line, what);
      }
    }
    return [...lines]
      .sort(([left], [right]) => left - right)
      .map(([line, what]) => ({
        file: module.file,
        line,
        message: `this looks like ${what}: take it out, make it invalid where it was issued, and read it from the environment`,
      }));
  });
}

const LITERALS = ['String', 'FormatString', 'ContinuedString'];

/** The characters between the quotes, with `{}` for what is put in; a prefix such as `b` or `r` does not matter here. */
function literalText(module: Module, node: SyntaxNode): string {
  if (node.type === 'ContinuedString') {
    return node.children.map((part) => (LITERALS.includes(part.type) ? literalText(module, part) : '')).join('');
  }
  let text = '';
  let at = node.from;
  for (const { from, to } of node.children.filter(({ type }) => type === 'FormatReplacement')) {
    text += `${module.text.slice(at, from)}{}`;
    at = to;
  }
  text += module.text.slice(at, node.to);
  const start = [...text].findIndex((character) => character === '"' || character === "'");
  const quote = text.charAt(start);
  const fence = text.startsWith(quote.repeat(3), start) && text.length >= start + 6 ? 3 : 1;
  return text.slice(start + fence, text.length - fence);
}

/** What a text is by the name that it is given, or by what stands before it in a list of words for a shell. */
function roleOf(module: Module, node: SyntaxNode, value: string): string | undefined {
  if (isPlaceholder(value)) {
    return undefined;
  }
  const guards = namesOf(module, node).map(mayGuard);
  if (guards.includes('surely') || (guards.includes('perhaps') && isRandom(value))) {
    return 'a password or a key';
  }
  const { parent } = node;
  if (parent?.type !== 'ArrayExpression' && parent?.type !== 'TupleExpression') {
    return undefined;
  }
  const elements = elementsOf(parent);
  const before = elements[elements.indexOf(node) - 1];
  const option = before?.type === 'String' ? literalText(module, before) : '';
  return option.startsWith('-') ? secretInCommand(`${option} ${value}`) : undefined;
}

/** Methods that give the same text in another form. */
const SAME_TEXT = ['encode', 'strip', 'decode'];

/** The whole value that a literal stands for: `("x").encode()`, `os.environ.get("X") or "x"`. */
function wholeValue(module: Module, node: SyntaxNode): SyntaxNode {
  let whole = node;
  for (let parent = whole.parent; parent !== undefined; parent = whole.parent) {
    const method = parent.type === 'MemberExpression' ? lastName(module, parent) : undefined;
    const isSame =
      parent.type === 'ParenthesizedExpression' ||
      parent.type === 'ConditionalExpression' ||
      (parent.type === 'BinaryExpression' && parent.children.some(({ type }) => type === 'or')) ||
      (method !== undefined && SAME_TEXT.includes(method)) ||
      (parent.type === 'CallExpression' && whole.type === 'MemberExpression' && parent.children[0] === whole);
    if (!isSame) {
      return whole;
    }
    whole = parent;
  }
  return whole;
}

/** The names, keys or keywords that a value is given. */
function namesOf(module: Module, node: SyntaxNode): readonly string[] {
  const value = wholeValue(module, node);
  const { parent } = value;
  const siblings = (parent?.children ?? []).filter(({ type }) => type !== 'Comment' && type !== 'TypeDef');
  const index = siblings.indexOf(value);
  const before = siblings[index - 2];
  const operator = siblings[index - 1]?.type;
  switch (parent?.type) {
    case 'AssignStatement':
      return assignedNames(module, siblings, value);
    case 'NamedExpression':
    case 'ParamList':
      return operator === 'AssignOp' ? targetNames(module, before) : [];
    case 'DictionaryExpression':
      return operator === ':' && before?.type === 'String' ? [literalText(module, before)] : [];
    case 'ArgList':
      return argumentNames(module, parent, value, operator === 'AssignOp' ? before : undefined);
    default:
      return [];
  }
}

/** `a = b = "x"` names it twice, `user, password = "me", "x"` by its place. */
function assignedNames(module: Module, siblings: readonly SyntaxNode[], value: SyntaxNode): readonly string[] {
  const groups: SyntaxNode[][] = [[]];
  for (const node of siblings) {
    if (node.type === 'AssignOp') {
      groups.push([]);
    } else if (node.type !== ',') {
      groups.at(-1)?.push(node);
    }
  }
  const values = groups.pop() ?? [];
  const place = values.indexOf(value);
  return groups.flatMap((targets) => (targets.length === values.length ? targetNames(module, targets[place]) : []));
}

/** `password`, `self.password`, `config["password"]`, `os.environ["PASSWORD"]` */
function targetNames(module: Module, target: SyntaxNode | undefined): readonly string[] {
  if (target?.type === 'VariableName') {
    return [textOf(module, target)];
  }
  const last = target?.children.at(-1);
  if (last?.type === 'PropertyName') {
    return [textOf(module, last)];
  }
  const key = target?.children.at(-2);
  return last?.type === ']' && key?.type === 'String' ? [literalText(module, key)] : [];
}

/** Calls whose first argument names the second. */
const NAMING_CALLS = ['get', 'getenv', 'pop', 'putenv', 'setdefault', 'setenv', 'DEFINE_string'];

/** A keyword; for `add_argument("--password", default="x")` and `os.environ.get("PASSWORD", "x")` the first argument. */
function argumentNames(
  module: Module,
  list: SyntaxNode,
  value: SyntaxNode,
  keyword: SyntaxNode | undefined,
): readonly string[] {
  const call = list.parent;
  const callee = call?.type === 'CallExpression' ? calleeOf(call) : undefined;
  if (call === undefined || callee === undefined) {
    return [];
  }
  const args = callArguments(module, call);
  const strings = args.filter(({ position, value: { type } }) => position !== undefined && type === 'String');
  const named = keyword === undefined ? undefined : textOf(module, keyword);
  if (named !== undefined) {
    return named === 'default' ? strings.map((argument) => literalText(module, argument.value)) : [named];
  }
  const [first, second] = args;
  const names = NAMING_CALLS.includes(lastName(module, callee) ?? '') && second?.value === value;
  return names && first?.value.type === 'String' ? [literalText(module, first.value)] : [];
}

const AUTHENTICATIONS = ['login', 'HTTPBasicAuth', 'HTTPDigestAuth', 'BasicAuth'];
const AUTHENTICATION_KEYWORDS = ['auth', 'basic_auth', 'http_auth'];

/** What opens something by its place: `server.login("me@example.org", "…")`, `auth=("me", "…")`, `HTTPBasicAuth("me", "…")` */
function guardingValues(module: Module): readonly SyntaxNode[] {
  const given = module.calls.flatMap((call) => {
    const callee = calleeOf(call);
    const name = callee === undefined ? undefined : lastName(module, callee);
    if (name === undefined || !AUTHENTICATIONS.includes(name)) {
      return [];
    }
    const second = callArguments(module, call).find(({ position }) => position === 1);
    return second === undefined ? [] : [second.value];
  });
  const pairs = nodesOf(module, 'TupleExpression').flatMap((tuple) => {
    const [, second, third] = elementsOf(tuple);
    const isPair = second !== undefined && third === undefined;
    return isPair && namesOf(module, tuple).some((name) => AUTHENTICATION_KEYWORDS.includes(name)) ? [second] : [];
  });
  return [...given, ...pairs];
}

/** A literal itself, or those that a name is given anywhere in the module. */
function literalsBehind(module: Module, value: SyntaxNode): readonly SyntaxNode[] {
  const node = unwrapped(value);
  if (LITERALS.includes(node.type)) {
    return [node];
  }
  if (node.type !== 'VariableName') {
    return [];
  }
  const bindings = [...module.scopes.values()].flatMap((scope) => scope.bindings.get(textOf(module, node)) ?? []);
  return bindings.flatMap(({ kind, value: bound }) => {
    const literal = kind === 'assignment' && bound !== undefined ? unwrapped(bound) : undefined;
    return literal !== undefined && LITERALS.includes(literal.type) ? [literal] : [];
  });
}
