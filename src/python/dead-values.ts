import type { InspectionWarning } from './inspection.js';
import { readLiteral } from './literals.js';
import { parameterPaths } from './parameter-files.js';
import { type Module, type Project, positionInFile } from './project.js';
import { callsOf } from './resolve.js';
import { type Binding, isKeyword, lookUp, scopeOf, usesOf } from './scopes.js';
import {
  ancestor,
  callArguments,
  calleeOf,
  findArgument,
  lastName,
  nodesOf,
  type SyntaxNode,
  textOf,
} from './syntax.js';

/** Methods that only build a model: without one that trains or asks it, nobody learns what it is worth. */
const BUILDING_METHODS = ['add', 'compile', 'summary', 'build'];

export interface UnusedObject {
  readonly name: string;
  /** The assignment that gives it its name. */
  readonly statement: SyntaxNode;
}

/**
 * What a call makes or belongs to, when nothing ever uses it: an optimizer that no model is compiled with, a model that
 * is never trained. A name that is given something else meanwhile counts up to there.
 */
export function unusedObject(project: Project, module: Module, call: SyntaxNode): UnusedObject | undefined {
  const target = builtModel(module, call, 'compile') ?? keptBy(module, call);
  const statement = target?.parent;
  if (target === undefined || statement === undefined) {
    return undefined;
  }
  const name = textOf(module, target);
  const bindings = lookUp(scopeOf(module, target), name);
  const binding = bindings.find(({ node }) => node === target);
  // What another module makes, the main script may import.
  if (binding === undefined || (module !== project.main && binding.scope === module.scope)) {
    return undefined;
  }
  const end = endOfMeaning(statement, bindings);
  const uses = usesOf(module, binding).filter((use) => isRead(use) && isWithin(module, use, binding, statement, end));
  return uses.every((use) => isBuilding(module, use)) ? { name, statement } : undefined;
}

/** The name in `model = Sequential([Dense(8)])` that a call is a part of; for `model.add(Dense(8))` the latest `model`. */
function keptBy(module: Module, call: SyntaxNode): SyntaxNode | undefined {
  let node = call;
  while (node.parent !== undefined && isPartOf(module, node, node.parent)) {
    node = node.parent;
  }
  const { parent } = node;
  if (parent?.type === 'ArgList' || node.type === 'ArgList') {
    return builtModel(module, (parent?.type === 'ArgList' ? parent : node).parent, 'add');
  }
  const isPlain = parent?.type === 'AssignStatement' && parent.children.length === 3 && parent.children[2] === node;
  const target = isPlain ? parent.children[0] : undefined;
  return target?.type === 'VariableName' ? target : undefined;
}

/** Where the model of `model.add(…)` or `model.compile(…)` was made. */
function builtModel(module: Module, call: SyntaxNode | undefined, method: string): SyntaxNode | undefined {
  const callee = call === undefined ? undefined : calleeOf(call);
  const model =
    callee?.type === 'MemberExpression' && lastName(module, callee) === method ? callee.children[0] : undefined;
  if (model?.type !== 'VariableName') {
    return undefined;
  }
  const made = lookUp(scopeOf(module, model), textOf(module, model)).filter(({ node }) => node.from < model.from);
  const latest = made.at(-1);
  return latest?.kind === 'assignment' && latest.node.parent?.type === 'AssignStatement' ? latest.node : undefined;
}

/** A constructor and the application of a layer keep what they are given; a function may do anything with it. */
function isPartOf(module: Module, node: SyntaxNode, parent: SyntaxNode): boolean {
  if (parent.type !== 'CallExpression') {
    return ['ArgList', 'ArrayExpression', 'TupleExpression'].includes(parent.type);
  }
  const callee = calleeOf(parent);
  const first = (callee === undefined ? undefined : lastName(module, callee))?.charAt(0) ?? '';
  return callee?.type === 'CallExpression' || (callee !== node && first !== first.toLowerCase());
}

/** Where a name is given something else in the same block; undefined when that depends on how the script runs. */
function endOfMeaning(statement: SyntaxNode, bindings: readonly Binding[]): number | undefined {
  const later = bindings
    .map(({ node }) => node.parent)
    .filter((other) => other !== undefined && other.from > statement.from);
  const next = later[0];
  return next?.parent === statement.parent && ancestor(statement, ['ForStatement', 'WhileStatement']) === undefined
    ? next?.to
    : undefined;
}

function isWithin(
  module: Module,
  use: SyntaxNode,
  binding: Binding,
  statement: SyntaxNode,
  end: number | undefined,
): boolean {
  // A function that reads the name may be called at any time.
  return end === undefined || scopeOf(module, use) !== binding.scope || (use.from > statement.to && use.to <= end);
}

function isRead(use: SyntaxNode): boolean {
  const { parent } = use;
  const isTarget = parent?.type === 'AssignStatement' && parent.children[0] === use;
  return !isTarget && !isKeyword(use);
}

function isBuilding(module: Module, use: SyntaxNode): boolean {
  const member = use.parent;
  const isCalled = member?.parent?.type === 'CallExpression' && calleeOf(member.parent) === member;
  const method = member?.type === 'MemberExpression' && isCalled ? lastName(module, member) : undefined;
  return method !== undefined && BUILDING_METHODS.includes(method);
}

/** `model.compile(…)` that a later `model.compile(…)` replaces before anything is trained. */
export function isCompiledAgain(module: Module, call: SyntaxNode): boolean {
  const model = modelOf(module, call);
  const block = call.parent?.parent;
  if (model === undefined || call.parent?.type !== 'ExpressionStatement' || block === undefined) {
    return false;
  }
  for (const statement of block.children.slice(block.children.indexOf(call.parent) + 1)) {
    const next = statement.type === 'ExpressionStatement' ? statement.children[0] : undefined;
    if (next !== undefined && modelOf(module, next) === model) {
      return true;
    }
    const isSummary = next?.type === 'CallExpression' && textOf(module, next).startsWith(`${model}.summary(`);
    if (!isSummary && textOf(module, statement).includes(model)) {
      return false;
    }
  }
  return false;
}

function modelOf(module: Module, call: SyntaxNode): string | undefined {
  const callee = call.type === 'CallExpression' ? calleeOf(call) : undefined;
  const isCompile = callee?.type === 'MemberExpression' && lastName(module, callee) === 'compile';
  return isCompile && callee.children[0] !== undefined ? textOf(module, callee.children[0]) : undefined;
}

/** Words in a name that make people expect it to be tuned. */
const TUNABLE_WORDS = [
  'activation',
  'batch',
  'dropout',
  'epoch',
  'filter',
  'hidden',
  'kernel_size',
  'layers',
  'learning_rate',
  'lr',
  'momentum',
  'optimizer',
  'pool_size',
  'units',
];

/** What looks like a hyperparameter and has no effect: tuning it would be believing in one. */
export function deadValueWarnings(project: Project): readonly InspectionWarning[] {
  return [
    ...project.modules.flatMap((module) => [...unreadConstants(project, module), ...replacedDefaults(project, module)]),
    ...unreadParameters(project),
  ];
}

function looksTunable(name: string): boolean {
  const words = name.toLowerCase();
  return TUNABLE_WORDS.some((word) => (word === 'lr' ? words.split('_').includes(word) : words.includes(word)));
}

function unreadConstants(project: Project, module: Module): readonly InspectionWarning[] {
  const bindings = [...module.scopes.values()]
    .filter(({ kind }) => kind === 'module' || kind === 'function')
    .flatMap((scope) => [...scope.bindings.values()].filter((list) => list.length === 1).flat());
  return bindings.flatMap((binding) => {
    const { name, value, node } = binding;
    const isConstant = binding.kind === 'assignment' && value !== undefined && looksTunable(name);
    const written = isConstant ? readLiteral(module, value) : undefined;
    if (typeof written !== 'number' || isReadAnywhere(project, module, binding)) {
      return [];
    }
    const { line } = positionInFile(module, node.from);
    return [{ file: module.file, line, message: `${name} is not tuned: nothing reads it` }];
  });
}

function isReadAnywhere(project: Project, module: Module, binding: Binding): boolean {
  const own = usesOf(module, binding).some((use) => !(use.parent?.type === 'AssignStatement' && isTarget(use)));
  const isShared = binding.scope === module.scope && project.modules.length > 1;
  return (
    own ||
    (isShared &&
      project.modules.some(
        (other) =>
          other !== module &&
          ['VariableName', 'PropertyName'].some((type) =>
            nodesOf(other, type).some((node) => textOf(other, node) === binding.name),
          ),
      ))
  );
}

function isTarget(use: SyntaxNode): boolean {
  return use.parent?.children.at(-1) !== use;
}

/** `def build(units=32)` when every call says how many. */
function replacedDefaults(project: Project, module: Module): readonly InspectionWarning[] {
  const functions = [...module.scopes.values()].filter(({ kind, name }) => kind === 'function' && name !== '');
  return functions.flatMap((scope) => {
    const parameters = [...scope.bindings.values()].flat().filter(({ kind }) => kind === 'parameter');
    const candidates = parameters.filter(
      ({ name, value }) => value !== undefined && looksTunable(name) && typeof readLiteral(module, value) === 'number',
    );
    const calls = candidates.length === 0 ? undefined : callsOf(project, scope);
    if (calls === undefined || calls.length === 0) {
      return [];
    }
    return candidates.flatMap((binding) => {
      const index = parameters.indexOf(binding) - (scope.parent?.kind === 'class' ? 1 : 0);
      const isReplaced = calls.every(({ module: caller, call }) => {
        return findArgument(callArguments(caller, call), binding.name, index) !== undefined;
      });
      const { line } = positionInFile(module, binding.node.from);
      const message = `the default of ${binding.name} is not tuned: every call of ${scope.name}() replaces it`;
      return isReplaced ? [{ file: module.file, line, message }] : [];
    });
  });
}

const PARAMETER_FILES = ['params', 'hyperparameters', 'hparams', 'hyperparams', 'config'];

/** `params.yaml` that the script does not load, and keys of it that the script does not ask for. */
function unreadParameters(project: Project): readonly InspectionWarning[] {
  return [...project.files.keys()].flatMap((file): readonly InspectionWarning[] => {
    const name = file.slice(file.lastIndexOf('/') + 1);
    const [stem = '', ending = ''] = name.split('.');
    const isParameterFile = PARAMETER_FILES.includes(stem) && ['yaml', 'yml', 'json'].includes(ending);
    const keys = isParameterFile ? parameterPaths(project.files, file).map((path) => String(path.at(-1) ?? '')) : [];
    const tunable = keys.filter(looksTunable);
    if (tunable.length === 0) {
      return [];
    }
    if (
      !project.modules.some((module) => nodesOf(module, 'String').some((node) => textOf(module, node).includes(stem)))
    ) {
      return [{ file, message: `its values are not tuned: ${project.main.file} does not load it` }];
    }
    return tunable
      .filter((key) => !project.modules.some((module) => asksFor(module, key)))
      .map((key) => ({ file, message: `${key} is not tuned: nothing reads it` }));
  });
}

/** `params["lr"]`, `params.lr`, or a `**params` that hands everything on. */
function asksFor(module: Module, key: string): boolean {
  return (
    nodesOf(module, 'String').some((node) => readLiteral(module, node) === key) ||
    nodesOf(module, 'PropertyName').some((node) => textOf(module, node) === key) ||
    module.calls.some((call) => callArguments(module, call).some(({ star }) => star === '**'))
  );
}
