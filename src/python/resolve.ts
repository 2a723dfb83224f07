import type { ParameterValue } from '../tuning/space.js';
import { type ArgparseOption, findOption, isDefaultReplaced } from './command-line.js';
import { readLiteral, readNumber } from './literals.js';
import { type ParameterPath, readParameter } from './parameter-files.js';
import type { Module, Project } from './project.js';
import { type Binding, isKeyword, lookUp, type Scope, scopeOf } from './scopes.js';
import {
  ancestor,
  callArguments,
  calleeOf,
  dottedName,
  elementsOf,
  findArgument,
  isInside,
  lastName,
  type SyntaxNode,
  textOf,
  unwrapped,
} from './syntax.js';

/** What a value passed through between its literal and the place that uses it. */
export type Carrier =
  | { readonly type: 'name'; readonly module: Module; readonly binding: Binding }
  | { readonly type: 'attribute'; readonly name: string }
  | { readonly type: 'key'; readonly name: string };

/** Something that a script takes from its command line or its environment. */
export interface PassedValue {
  readonly module: Module;
  /** Where it is read: the option's name in `add_argument`, `sys.argv[1]`, `os.environ['LR']`. */
  readonly node: SyntaxNode;
  readonly by:
    | { readonly type: 'option'; readonly option: ArgparseOption; readonly parser: Binding | undefined }
    | { readonly type: 'position'; readonly position: number }
    | { readonly type: 'variable'; readonly variable: string };
  /** The number that the script makes of the text; absent when it stays text. */
  readonly conversion?: 'int' | 'float';
}

/** Where the value of an expression comes from. */
export type Origin =
  | {
      readonly kind: 'literal';
      readonly module: Module;
      readonly node: SyntaxNode;
      readonly value: ParameterValue;
      /** What takes the place of this default when it is given. */
      readonly unless?: readonly PassedValue[];
      readonly through: readonly Carrier[];
    }
  | {
      readonly kind: 'entry';
      readonly file: string;
      readonly path: ParameterPath;
      readonly value: ParameterValue;
      readonly unless?: readonly PassedValue[];
      readonly through: readonly Carrier[];
    }
  | { readonly kind: 'passed'; readonly passed: PassedValue; readonly through: readonly Carrier[] }
  | { readonly kind: 'unclear'; readonly reason: string }
  | { readonly kind: 'dictionary'; readonly module: Module; readonly node: SyntaxNode }
  | { readonly kind: 'parameters'; readonly file: string; readonly path: ParameterPath }
  | {
      readonly kind: 'options';
      readonly module: Module;
      readonly parser: Binding | undefined;
      /** Whether they are read from the command line, and not from a list in the script. */
      readonly isCommandLine: boolean;
    }
  | { readonly kind: 'class'; readonly module: Module; readonly scope: Scope }
  | { readonly kind: 'module'; readonly module: Module };

const MAX_STEPS = 25;
/** Calls that hand their argument on unchanged, as far as tuning is concerned. */
const CONVERSIONS = ['int', 'float', 'str'];
const LOADERS = ['load', 'safe_load', 'full_load', 'loads', 'load_yaml', 'load_json'];

/**
 * Follows an expression back to where its value is written: through names, attributes, dictionary keys, parameters of
 * functions, `argparse` options and parameter files. A parameter that several calls fill gives one origin per call.
 */
export function resolve(project: Project, module: Module, expression: SyntaxNode, steps = 0): readonly Origin[] {
  const node = unwrapped(expression);
  if (steps > MAX_STEPS) {
    return unclear('its value goes through too many names');
  }
  const value = readLiteral(module, node);
  if (value !== undefined) {
    return [{ kind: 'literal', module, node, value, through: [] }];
  }
  switch (node.type) {
    case 'VariableName':
      return resolveName(project, module, node, steps);
    case 'MemberExpression':
      return resolveMember(project, module, node, steps);
    case 'DictionaryExpression':
      return [{ kind: 'dictionary', module, node }];
    case 'CallExpression':
      return resolveCall(project, module, node, steps);
    case 'TupleExpression': {
      // `(size, size)` is as wide as it is high.
      const [first, ...others] = elementsOf(node);
      const isSquare =
        others.length > 0 &&
        first?.type === 'VariableName' &&
        others.every((other) => textOf(module, other) === textOf(module, first));
      return isSquare ? resolve(project, module, first, steps + 1) : unclear('it is computed');
    }
    default:
      return unclear('it is computed');
  }
}

function unclear(reason: string): readonly Origin[] {
  return [{ kind: 'unclear', reason }];
}

function via(origins: readonly Origin[], carrier: Carrier): readonly Origin[] {
  return origins.map((origin) => ('through' in origin ? { ...origin, through: [...origin.through, carrier] } : origin));
}

function resolveName(project: Project, module: Module, node: SyntaxNode, steps: number): readonly Origin[] {
  const name = textOf(module, node);
  const bindings = lookUp(scopeOf(module, node), name);
  if (bindings.length === 0) {
    for (const star of module.starImports) {
      const other = project.localModule(module.file, star).module;
      if (other?.scope.bindings.has(name)) {
        return via(resolveModuleName(project, other, name, steps), { type: 'attribute', name });
      }
    }
    return unclear(`nothing in the script gives ${name} a value`);
  }
  const binding = pickBinding(module, bindings, node);
  if (binding === undefined) {
    return unclear(`${name} is given a value in several places`);
  }
  return via(resolveBinding(project, module, binding, steps + 1), { type: 'name', module, binding });
}

/** The binding that a name has where it is read, if that does not depend on how the script runs. */
function pickBinding(module: Module, bindings: readonly Binding[], use: SyntaxNode): Binding | undefined {
  const only = bindings[0];
  if (bindings.length === 1 || only === undefined) {
    return only;
  }
  if (scopeOf(module, use) !== only.scope) {
    return undefined;
  }
  const loop = ancestor(use, ['ForStatement', 'WhileStatement']);
  if (loop !== undefined && bindings.some((binding) => isInside(binding.node, loop))) {
    return undefined;
  }
  const last = bindings.filter((binding) => binding.node.from < use.from).at(-1);
  if (last === undefined) {
    return undefined;
  }
  const block = ancestor(last.node, ['Body', 'Script']);
  return block !== undefined && isInside(use, block) ? last : undefined;
}

function resolveBinding(project: Project, module: Module, binding: Binding, steps: number): readonly Origin[] {
  switch (binding.kind) {
    case 'assignment':
      return binding.value === undefined
        ? unclear('it is unpacked')
        : resolve(project, module, binding.value, steps + 1);
    case 'parameter':
      return resolveParameter(project, module, binding, steps);
    case 'import':
      return resolveImport(project, module, binding, steps);
    case 'class': {
      const scope = binding.value === undefined ? undefined : module.scopes.get(binding.value);
      return scope === undefined ? unclear('its class is not read') : [{ kind: 'class', module, scope }];
    }
    case 'loop':
      return unclear(`${binding.name} changes in a loop`);
    case 'augmented':
      return unclear(`${binding.name} is changed by the script`);
    default: {
      const known = knownOptions(module, binding);
      return known === undefined
        ? unclear(`the value of ${binding.name} is only known when the script runs`)
        : resolve(project, module, known, steps + 1);
    }
  }
}

/** The call of `args, unknown = parser.parse_known_args()`, for `args`. */
function knownOptions(module: Module, { node }: Binding): SyntaxNode | undefined {
  const statement = node.parent?.type === 'AssignStatement' ? node.parent : undefined;
  const call = statement?.children.at(-1);
  const callee = call?.type === 'CallExpression' ? calleeOf(call) : undefined;
  const isFirst = statement?.children[0] === node && statement.children[1]?.type === ',';
  return isFirst && callee !== undefined && lastName(module, callee) === 'parse_known_args' ? call : undefined;
}

function resolveImport(project: Project, module: Module, binding: Binding, steps: number): readonly Origin[] {
  const imported = binding.imported;
  if (imported === undefined) {
    return unclear('it is imported');
  }
  const { module: dotted, member } = imported;
  if (member !== undefined) {
    const inner = project.localModule(module.file, dotted.endsWith('.') ? `${dotted}${member}` : `${dotted}.${member}`);
    if (inner.module !== undefined) {
      return [{ kind: 'module', module: inner.module }];
    }
  }
  const other = project.localModule(module.file, dotted).module;
  if (other === undefined) {
    return unclear(`${binding.name} comes from another package`);
  }
  return member === undefined ? [{ kind: 'module', module: other }] : resolveModuleName(project, other, member, steps);
}

function resolveModuleName(project: Project, module: Module, name: string, steps: number): readonly Origin[] {
  const bindings = module.scope.bindings.get(name) ?? [];
  const only = bindings[0];
  if (only === undefined || bindings.length > 1) {
    return unclear(`${name} is given a value in several places`);
  }
  return via(resolveBinding(project, module, only, steps + 1), { type: 'name', module, binding: only });
}

function resolveMember(project: Project, module: Module, node: SyntaxNode, steps: number): readonly Origin[] {
  const object = node.children[0];
  const last = node.children.at(-1);
  if (object === undefined || last === undefined) {
    return unclear('it is computed');
  }
  const argv = resolveSystemArgument(module, node);
  if (argv !== undefined) {
    return argv;
  }
  const variable = environmentKey(module, node);
  if (variable !== undefined) {
    return passedValue({ module, node, by: { type: 'variable', variable } });
  }
  if (last.type === 'PropertyName') {
    const name = textOf(module, last);
    const self = selfClass(module, object);
    if (self !== undefined) {
      return via(resolveAttribute(project, module, self, name, steps), { type: 'attribute', name });
    }
    return resolve(project, module, object, steps + 1).flatMap((origin) => memberOf(project, origin, name, steps));
  }
  const keyNode = node.children.filter((child) => !['[', ']', 'Comment'].includes(child.type))[1];
  const key = keyNode === undefined ? undefined : readLiteral(module, keyNode);
  if (node.children.length !== 4 || (typeof key !== 'string' && typeof key !== 'number')) {
    return unclear('it is computed');
  }
  return resolve(project, module, object, steps + 1).flatMap((origin) => entryOf(project, origin, key, steps));
}

function memberOf(project: Project, origin: Origin, name: string, steps: number): readonly Origin[] {
  switch (origin.kind) {
    case 'module':
      return via(resolveModuleName(project, origin.module, name, steps + 1), { type: 'attribute', name });
    case 'class':
      return via(resolveAttribute(project, origin.module, origin.scope, name, steps), { type: 'attribute', name });
    case 'options': {
      const option = findOption(origin.module, origin.parser, name);
      return option === undefined
        ? unclear(`no option is called ${name}`)
        : via(resolveOption(project, origin, option, name, steps), { type: 'attribute', name });
    }
    case 'parameters':
      return entryOf(project, origin, name, steps);
    case 'unclear':
      return [origin];
    default:
      return unclear('it is computed');
  }
}

function entryOf(project: Project, origin: Origin, key: string | number, steps: number): readonly Origin[] {
  const carrier: Carrier = { type: 'key', name: String(key) };
  if (origin.kind === 'dictionary') {
    const value = dictionaryValue(origin.module, origin.node, key);
    return value === undefined
      ? unclear(`the dictionary has no ${key}`)
      : via(resolve(project, origin.module, value, steps + 1), carrier);
  }
  if (origin.kind === 'parameters') {
    const path = [...origin.path, key];
    const entry = readParameter(project.files, origin.file, path);
    if (entry === 'group') {
      return [{ kind: 'parameters', file: origin.file, path }];
    }
    return entry === undefined
      ? unclear(`${origin.file} has no ${path.join('.')} that is a plain value of its own`)
      : [{ kind: 'entry', file: origin.file, path, value: entry.value, through: [carrier] }];
  }
  if (origin.kind === 'literal') {
    const element = typeof key === 'number' ? elementsOf(origin.node)[key] : undefined;
    return element === undefined || !['TupleExpression', 'ArrayExpression'].includes(origin.node.type)
      ? unclear('it is computed')
      : via(resolve(project, origin.module, element, steps + 1), carrier);
  }
  if (origin.kind === 'options') {
    return memberOf(project, origin, String(key), steps);
  }
  return origin.kind === 'unclear' ? [origin] : unclear('it is computed');
}

/** The value node of a key in `{…}` or `dict(…)`; undefined when the key is missing or given twice. */
function dictionaryValue(module: Module, node: SyntaxNode, key: string | number): SyntaxNode | undefined {
  if (node.type === 'CallExpression') {
    return typeof key === 'string' ? findArgument(callArguments(module, node), key)?.value : undefined;
  }
  const parts = node.children.filter((child) => child.type !== 'Comment');
  const found = parts.flatMap((part, index) => {
    const value = parts[index + 1]?.type === ':' ? parts[index + 2] : undefined;
    return value !== undefined && readLiteral(module, part) === key ? [value] : [];
  });
  return found.length === 1 ? found[0] : undefined;
}

/** The class whose method `object` (that is, `self`) belongs to. */
function selfClass(module: Module, object: SyntaxNode): Scope | undefined {
  if (object.type !== 'VariableName') {
    return undefined;
  }
  const binding = lookUp(scopeOf(module, object), textOf(module, object))[0];
  const method = binding?.kind === 'parameter' ? binding.scope : undefined;
  if (method?.parent?.kind !== 'class') {
    return undefined;
  }
  const first = [...method.bindings.values()].flat().find((other) => other.kind === 'parameter');
  return first === binding ? method.parent : undefined;
}

function resolveAttribute(
  project: Project,
  module: Module,
  scope: Scope,
  name: string,
  steps: number,
): readonly Origin[] {
  const stored = [...(scope.attributes.get(name) ?? []), ...(scope.bindings.get(name) ?? [])];
  const only = stored[0];
  if (only === undefined || stored.length > 1 || isStoredElsewhere(project, name)) {
    return unclear(
      only === undefined ? `${name} is not set in its class` : `${name} is given a value in several places`,
    );
  }
  return resolveBinding(project, module, only, steps + 1);
}

/** `config.lr = 0.1` outside of a method changes what the class says. */
function isStoredElsewhere(project: Project, name: string): boolean {
  return project.modules.some((module) => storedAttributes(module).has(name));
}

const storedByModule = new WeakMap<Module, ReadonlySet<string>>();

function storedAttributes(module: Module): ReadonlySet<string> {
  const known = storedByModule.get(module);
  if (known !== undefined) {
    return known;
  }
  const names = new Set<string>();
  const visit = (node: SyntaxNode): void => {
    if (node.type === 'AssignStatement' || node.type === 'UpdateStatement') {
      const target = node.children[0];
      const property = target?.type === 'MemberExpression' ? target.children.at(-1) : undefined;
      const object = target?.children[0];
      if (object !== undefined && property?.type === 'PropertyName' && selfClass(module, object) === undefined) {
        names.add(textOf(module, property));
      }
    }
    node.children.forEach(visit);
  };
  visit(module.root);
  storedByModule.set(module, names);
  return names;
}

function resolveCall(project: Project, module: Module, node: SyntaxNode, steps: number): readonly Origin[] {
  const callee = calleeOf(node);
  const name = callee === undefined ? undefined : lastName(module, callee);
  const args = callArguments(module, node);
  const first = args[0];
  if (callee === undefined || name === undefined) {
    return unclear('it is computed');
  }
  if (callee.type === 'VariableName') {
    if (CONVERSIONS.includes(name) && first !== undefined && args.length === 1) {
      return converted(resolve(project, module, first.value, steps + 1), name);
    }
    if (name === 'dict') {
      return [{ kind: 'dictionary', module, node }];
    }
  }
  if (LOADERS.includes(name)) {
    const file = loadedFile(project, module, node);
    if (file !== undefined) {
      return [{ kind: 'parameters', file, path: [] }];
    }
  }
  if (name === 'vars' && first !== undefined) {
    return resolve(project, module, first.value, steps + 1);
  }
  const object = callee.type === 'MemberExpression' ? callee.children[0] : undefined;
  if (object !== undefined && (name === 'parse_args' || name === 'parse_known_args')) {
    const parser =
      object.type === 'VariableName' ? lookUp(scopeOf(module, object), textOf(module, object))[0] : undefined;
    const isCommandLine = readsCommandLine(project, module, findArgument(args, 'args', 0)?.value);
    return [{ kind: 'options', module, parser, isCommandLine }];
  }
  const variable = environmentKey(module, node);
  if (variable !== undefined) {
    const passed: PassedValue = { module, node, by: { type: 'variable', variable } };
    return defaultOr(project, module, args[1]?.value, passed, steps);
  }
  if (object !== undefined && name === 'get' && first !== undefined) {
    const key = readLiteral(module, first.value);
    const found =
      typeof key === 'string'
        ? resolve(project, module, object, steps + 1).flatMap((origin) => entryOf(project, origin, key, steps))
        : [];
    return found.length > 0 ? found : unclear('it is computed');
  }
  const returned = returnedParameters(project, module, callee, steps);
  if (returned !== undefined) {
    return returned;
  }
  return resolve(project, module, callee, steps + 1).map((origin) =>
    origin.kind === 'class' ? origin : { kind: 'unclear' as const, reason: 'it is computed' },
  );
}

/** A function that does nothing but build settings, `def load_params(): return yaml.safe_load(…)`. */
function returnedParameters(
  project: Project,
  module: Module,
  callee: SyntaxNode,
  steps: number,
): readonly Origin[] | undefined {
  const name = lastName(module, callee);
  const definitions = project.modules.flatMap((other) =>
    [...other.scopes.values()]
      .filter((scope) => scope.kind === 'function' && scope.name === name)
      .map((scope) => ({ other, scope })),
  );
  const only = definitions[0];
  if (only === undefined || definitions.length > 1 || name === undefined || name === '') {
    return undefined;
  }
  const returns: SyntaxNode[] = [];
  const visit = (node: SyntaxNode): void => {
    if (node.type === 'ReturnStatement') {
      returns.push(node);
    }
    if (node === only.scope.node || !only.other.scopes.has(node)) {
      node.children.forEach(visit);
    }
  };
  visit(only.scope.node);
  const value = returns[0]?.children[1];
  if (returns.length !== 1 || value === undefined || returns[0]?.children.length !== 2) {
    return undefined;
  }
  const origins = resolve(project, only.other, value, steps + 1);
  return origins.every((origin) => ['parameters', 'dictionary', 'options', 'class'].includes(origin.kind))
    ? origins
    : undefined;
}

/** The file that `yaml.safe_load(f)`, `json.load(open('x.json'))` and the like read. */
function loadedFile(project: Project, module: Module, call: SyntaxNode): string | undefined {
  const source = callArguments(module, call)[0]?.value;
  if (source === undefined) {
    return undefined;
  }
  const path = readPath(project, module, source);
  const name = path?.startsWith('./') ? path.slice(2) : path;
  const folder = module.file.includes('/') ? `${module.file.slice(0, module.file.lastIndexOf('/'))}/` : '';
  const file =
    name === undefined ? undefined : [name, `${folder}${name}`].find((candidate) => project.files.has(candidate));
  return file !== undefined && ['.yaml', '.yml', '.json'].some((end) => file.endsWith(end)) ? file : undefined;
}

function readPath(project: Project, module: Module, expression: SyntaxNode, depth = 0): string | undefined {
  const node = unwrapped(expression);
  if (depth > 6) {
    return undefined;
  }
  if (node.type === 'VariableName') {
    const opened = openedAs(module, node);
    if (opened !== undefined) {
      return readPath(project, module, opened, depth + 1);
    }
  }
  if (node.type === 'CallExpression') {
    const callee = calleeOf(node);
    const name = callee === undefined ? undefined : lastName(module, callee);
    const first = callArguments(module, node)[0]?.value;
    if (name === 'read' || name === 'read_text' || name === 'open') {
      const object = callee?.type === 'MemberExpression' ? callee.children[0] : first;
      return object === undefined ? undefined : readPath(project, module, object, depth + 1);
    }
    return (name === 'Path' || name === 'FileIO') && first !== undefined
      ? readPath(project, module, first, depth + 1)
      : undefined;
  }
  const origin = resolve(project, module, node)[0];
  return origin?.kind === 'literal' && typeof origin.value === 'string' ? origin.value : undefined;
}

/** The `open(…)` behind the name of `with open(…) as f` or `f = open(…)`. */
function openedAs(module: Module, name: SyntaxNode): SyntaxNode | undefined {
  const text = textOf(module, name);
  const bindings = lookUp(scopeOf(module, name), text).filter((binding) => binding.node.from < name.from);
  const binding = bindings.at(-1);
  if (binding?.value !== undefined) {
    return binding.value;
  }
  const statement = binding?.node.parent;
  if (statement?.type !== 'WithStatement' || binding === undefined) {
    return undefined;
  }
  const index = statement.children.indexOf(binding.node);
  return statement.children[index - 2];
}

function resolveOption(
  project: Project,
  { module, parser, isCommandLine }: Extract<Origin, { kind: 'options' }>,
  option: ArgparseOption,
  name: string,
  steps: number,
): readonly Origin[] {
  if (isDefaultReplaced(module, name)) {
    return unclear(`set_defaults() gives ${name} another default`);
  }
  const conversion = option.type === 'int' || option.type === 'float' ? { conversion: option.type } : {};
  const passed: PassedValue = { module, node: option.nameNode, by: { type: 'option', option, parser }, ...conversion };
  const origins = defaultOr(project, module, option.defaultNode, passed, steps);
  if (isCommandLine) {
    return 'conversion' in conversion ? converted(origins, conversion.conversion) : origins;
  }
  return origins.map((origin) =>
    origin.kind === 'passed'
      ? { kind: 'unclear', reason: 'the script reads its options from a list of its own' }
      : origin,
  );
}

function passedValue(passed: PassedValue): readonly Origin[] {
  return [{ kind: 'passed', passed, through: [] }];
}

/** A default that is written somewhere is edited there; without one, or with a computed one, the value is passed. */
function defaultOr(
  project: Project,
  module: Module,
  fallback: SyntaxNode | undefined,
  passed: PassedValue,
  steps: number,
): readonly Origin[] {
  const origins =
    fallback === undefined || fallback.type === 'None' ? [] : resolve(project, module, fallback, steps + 1);
  const written = origins.flatMap((origin) =>
    origin.kind === 'literal' || origin.kind === 'entry'
      ? [{ ...origin, unless: [passed, ...(origin.unless ?? [])] }]
      : [],
  );
  return written.length > 0 && written.length === origins.length ? written : passedValue(passed);
}

/** What `int(…)` and `float(…)` make of a text; `str(…)` and a number stay what they are. */
function converted(origins: readonly Origin[], conversion: string): readonly Origin[] {
  if (conversion !== 'int' && conversion !== 'float') {
    return origins;
  }
  const readAs = (passed: PassedValue): PassedValue => ({
    ...passed,
    conversion: passed.conversion === 'int' ? 'int' : conversion,
  });
  return origins.map((origin) => {
    if (origin.kind === 'passed') {
      return { ...origin, passed: readAs(origin.passed) };
    }
    if (origin.kind !== 'literal' && origin.kind !== 'entry') {
      return origin;
    }
    const number = typeof origin.value === 'string' ? readNumber(origin.value) : undefined;
    return {
      ...origin,
      ...(number === undefined ? {} : { value: number }),
      ...(origin.unless === undefined ? {} : { unless: origin.unless.map(readAs) }),
    };
  });
}

/** The full name of what is imported: `sys.argv` for `argv` after `from sys import argv`. */
export function importedName(module: Module, node: SyntaxNode): string | undefined {
  const [root, ...rest] = dottedName(module, node) ?? [];
  const bindings = root === undefined ? [] : lookUp(scopeOf(module, node), root);
  const imported = bindings[0]?.imported;
  if (imported === undefined || bindings.some((binding) => binding.kind !== 'import')) {
    return undefined;
  }
  return [imported.module, ...(imported.member === undefined ? [] : [imported.member]), ...rest].join('.');
}

/** `sys.argv[1]` */
function resolveSystemArgument(module: Module, node: SyntaxNode): readonly Origin[] | undefined {
  const position = systemArgument(module, node);
  return position === undefined ? undefined : passedValue({ module, node, by: { type: 'position', position } });
}

/** The 1-based position that `sys.argv[…]` reads; the script's own name is no argument. */
export function systemArgument(module: Module, node: SyntaxNode): number | undefined {
  const [object, bracket, index, close] = node.children;
  if (node.type !== 'MemberExpression' || object === undefined || bracket?.type !== '[' || close?.type !== ']') {
    return undefined;
  }
  const position = index?.type === 'Number' ? readLiteral(module, index) : undefined;
  const isPosition = typeof position === 'number' && Number.isInteger(position) && position > 0;
  return isPosition && importedName(module, object) === 'sys.argv' ? position : undefined;
}

/** The variable that `os.environ['LR']`, `os.environ.get('LR', 0.1)` or `os.getenv('LR')` reads. */
export function environmentKey(module: Module, node: SyntaxNode): string | undefined {
  const [object, bracket, key] = node.children;
  let variable: SyntaxNode | undefined;
  if (node.type === 'MemberExpression' && object !== undefined && bracket?.type === '[') {
    variable = importedName(module, object) === 'os.environ' ? key : undefined;
  } else if (node.type === 'CallExpression' && object !== undefined) {
    const isRead = ['os.environ.get', 'os.getenv'].includes(importedName(module, object) ?? '');
    variable = isRead ? findArgument(callArguments(module, node), 'key', 0)?.value : undefined;
  }
  const name = variable === undefined ? undefined : readLiteral(module, variable);
  return typeof name === 'string' ? name : undefined;
}

/** Whether `parse_args(…)` reads the command line: without an argument, with `None`, or with `sys.argv[1:]`. */
export function readsCommandLine(project: Project, module: Module, given: SyntaxNode | undefined, steps = 0): boolean {
  if (given === undefined || given.type === 'None') {
    return true;
  }
  const [object, bracket, start, colon, close] = given.children;
  if (given.type === 'MemberExpression' && object !== undefined) {
    const isRest = bracket?.type === '[' && colon?.type === ':' && close?.type === ']' && given.children.length === 5;
    return (
      isRest && start !== undefined && textOf(module, start) === '1' && importedName(module, object) === 'sys.argv'
    );
  }
  if (given.type !== 'VariableName' || steps > 3) {
    return false;
  }
  const [binding, ...others] = lookUp(scopeOf(module, given), textOf(module, given));
  if (binding === undefined || others.length > 0) {
    return false;
  }
  if (binding.kind === 'assignment') {
    return binding.value !== undefined && readsCommandLine(project, module, binding.value, steps + 1);
  }
  const calls = binding.kind === 'parameter' ? callsOf(project, binding.scope) : undefined;
  if (calls === undefined) {
    return false;
  }
  const parameters = [...binding.scope.bindings.values()].flat().filter((other) => other.kind === 'parameter');
  return calls.every(({ module: caller, call }) => {
    const argument = findArgument(callArguments(caller, call), binding.name, parameters.indexOf(binding));
    const isGiven = argument !== undefined || binding.value !== undefined;
    return isGiven && readsCommandLine(project, caller, argument?.value ?? binding.value, steps + 1);
  });
}

/** What the callers of a function pass for one of its parameters, or its default when no caller passes it. */
function resolveParameter(project: Project, module: Module, binding: Binding, steps: number): readonly Origin[] {
  const scope = binding.scope;
  const calls = callsOf(project, scope);
  if (calls === undefined) {
    return unclear(`the calls that fill ${binding.name} are not known`);
  }
  const parameters = [...scope.bindings.values()].flat().filter((other) => other.kind === 'parameter');
  const isMethod = scope.parent?.kind === 'class';
  const index = parameters.indexOf(binding) - (isMethod ? 1 : 0);
  const passed = calls.map(({ module: caller, call }) => {
    const args = callArguments(caller, call);
    const starred = args.some((argument) => argument.star !== '');
    return { caller, value: findArgument(args, binding.name, index)?.value, starred };
  });
  if (passed.some((call) => call.value === undefined && call.starred)) {
    return unclear(`the calls that fill ${binding.name} are not known`);
  }
  const given = passed.filter((call) => call.value !== undefined);
  if (given.length === 0) {
    return binding.value === undefined
      ? unclear(`no call fills ${binding.name}`)
      : resolve(project, module, binding.value, steps + 1);
  }
  const fromCalls = given.flatMap(({ caller, value }) =>
    value === undefined ? [] : resolve(project, caller, value, steps + 1),
  );
  const fromDefault =
    given.length < passed.length && binding.value !== undefined
      ? resolve(project, module, binding.value, steps + 1)
      : [];
  return [...fromCalls, ...fromDefault];
}

/** Every call of a function; undefined when it is also used in other ways (passed on, decorated, defined twice). */
export function callsOf(
  project: Project,
  scope: Scope,
): readonly { readonly module: Module; readonly call: SyntaxNode }[] | undefined {
  const isConstructor = scope.parent?.kind === 'class' && scope.name === '__init__';
  const name = isConstructor ? (scope.parent?.name ?? '') : scope.name;
  if (name === '' || (scope.node.parent?.type === 'DecoratedStatement' && scope.parent?.kind !== 'class')) {
    return undefined;
  }
  const definitions = project.modules.flatMap((module) =>
    [...module.scopes.values()].filter((other) => other.name === name && other.kind !== 'comprehension'),
  );
  if (definitions.length > 1) {
    return undefined;
  }
  const calls: { module: Module; call: SyntaxNode }[] = [];
  for (const module of project.modules) {
    for (const call of module.calls) {
      const callee = calleeOf(call);
      if (callee !== undefined && lastName(module, callee) === name) {
        calls.push({ module, call });
      }
    }
  }
  const used = project.modules.some((module) => isPassedOn(module, scope, name));
  return used ? undefined : calls;
}

function isPassedOn(module: Module, scope: Scope, name: string): boolean {
  let found = false;
  const visit = (node: SyntaxNode): void => {
    if (found) {
      return;
    }
    const isName = node.type === 'VariableName' || node.type === 'PropertyName';
    if (isName && textOf(module, node) === name && !isDefinition(node, scope) && !isCallee(node)) {
      found = node.parent?.type !== 'ImportStatement' && !isKeyword(node);
    }
    node.children.forEach(visit);
  };
  visit(module.root);
  return found;
}

function isDefinition(node: SyntaxNode, scope: Scope): boolean {
  const definition = scope.name === '__init__' ? scope.parent?.node : scope.node;
  return node.parent === definition;
}

function isCallee(node: SyntaxNode): boolean {
  const expression = node.type === 'PropertyName' ? node.parent : node;
  return expression?.parent?.type === 'CallExpression' && expression.parent.children[0] === expression;
}
