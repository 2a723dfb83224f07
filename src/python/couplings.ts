import type { HyperparameterKind } from './inspection.js';
import { readLiteral } from './literals.js';
import type { Module, Project } from './project.js';
import type { Limits } from './ranges.js';
import { type Carrier, resolve } from './resolve.js';
import { type Binding, isKeyword, usesOf } from './scopes.js';
import { ancestor, callArguments, calleeOf, lastName, nodesOf, positionAt, type SyntaxNode, textOf } from './syntax.js';

/** What the rest of the script makes of a value: how far it may go, or why it must stay. */
export interface Coupling {
  readonly limits: Limits;
  readonly refusal?: string;
}

export interface CoupledValue {
  readonly kind: HyperparameterKind;
  readonly value: unknown;
  readonly module: Module | undefined;
  readonly node: SyntaxNode | undefined;
  readonly carriers: readonly Carrier[];
  /** Further expressions that have the same value, as every `sys.argv[1]` has. */
  readonly reads?: readonly Use[];
  /** Keyword arguments and positions that are known to take this very hyperparameter. */
  readonly sinks: ReadonlySet<SyntaxNode>;
}

/** Kinds whose value decides the shape of a tensor. */
const SHAPES: readonly HyperparameterKind[] = ['filters', 'units', 'kernel_size', 'pool_size'];
/** Calls that take a number without their meaning depending on which one it is. */
const HARMLESS_CALLS = [
  'print',
  'format',
  'str',
  'repr',
  'info',
  'debug',
  'log',
  'log_param',
  'log_params',
  'range',
  'arange',
  'append',
  'write',
  'join',
  'dict',
  'int',
  'float',
  'round',
  'add_argument',
  'get',
  'getenv',
];

/** Looks at every other use of a hyperparameter's value. */
export function couplingOf(project: Project, coupled: CoupledValue): Coupling {
  let limits: Limits = {};
  for (const { module, use } of otherUses(project, coupled)) {
    const verdict = judgeUse(project, coupled, module, use);
    if (verdict.refusal !== undefined) {
      return { limits, refusal: `${verdict.refusal} (line ${positionAt(module.text, use.from).line})` };
    }
    limits = narrower(limits, verdict.limits);
  }
  for (const module of project.modules) {
    const verdict = repeatedNumber(coupled, module);
    if (verdict.refusal !== undefined) {
      return { limits, refusal: verdict.refusal };
    }
    limits = narrower(limits, verdict.limits);
  }
  return { limits };
}

function narrower(left: Limits, right: Limits): Limits {
  const low = Math.max(left.low ?? -Infinity, right.low ?? -Infinity);
  const high = Math.min(left.high ?? Infinity, right.high ?? Infinity);
  return { ...(low === -Infinity ? {} : { low }), ...(high === Infinity ? {} : { high }) };
}

export interface Use {
  readonly module: Module;
  readonly use: SyntaxNode;
}

function otherUses(project: Project, coupled: CoupledValue): readonly Use[] {
  return [...carrierUses(project, coupled.carriers), ...(coupled.reads ?? [])];
}

/** Every place that reads a value through one of the names, attributes or keys that carry it. */
export function carrierUses(project: Project, carriers: readonly Carrier[]): readonly Use[] {
  return carriers.flatMap((carrier) => {
    if (carrier.type === 'name') {
      return nameUses(project, carrier.module, carrier.binding).filter(({ use }) => !isAssigned(use));
    }
    return project.modules.flatMap((module) => memberUses(module, carrier.type, carrier.name));
  });
}

function nameUses(project: Project, module: Module, binding: Binding): readonly Use[] {
  const own = usesOf(module, binding).map((use) => ({ module, use }));
  if (binding.scope.kind !== 'module') {
    return own;
  }
  const imported = project.modules.flatMap((other) =>
    [...other.scopes.values()]
      .flatMap((scope) => scope.bindings.get(binding.name) ?? [])
      .filter((candidate) => candidate.imported?.member === binding.name && other !== module)
      .flatMap((candidate) => usesOf(other, candidate).map((use) => ({ module: other, use }))),
  );
  return [...own, ...imported];
}

function memberUses(module: Module, type: 'attribute' | 'key', name: string): readonly Use[] {
  return nodesOf(module, 'MemberExpression').flatMap((node) => {
    const last = node.children.at(-1);
    const isAttribute = type === 'attribute' && last?.type === 'PropertyName' && textOf(module, last) === name;
    const key = node.children[2];
    const isKey = type === 'key' && last?.type === ']' && key !== undefined && readLiteral(module, key) === name;
    const isCalled = node.parent?.type === 'CallExpression' && calleeOf(node.parent) === node;
    return (isAttribute || isKey) && !isCalled && !isAssigned(node) ? [{ module, use: node }] : [];
  });
}

function isAssigned(node: SyntaxNode): boolean {
  const parent = node.parent;
  return (
    (parent?.type === 'AssignStatement' && parent.children.at(-1) !== node) ||
    parent?.type === 'ParamList' ||
    isKeyword(node)
  );
}

function judgeUse(project: Project, coupled: CoupledValue, module: Module, use: SyntaxNode): Coupling {
  if (coupled.sinks.has(use)) {
    return { limits: {} };
  }
  const parent = use.parent;
  switch (parent?.type) {
    case 'BinaryExpression':
      return judgeArithmetic(project, coupled, module, use, parent);
    case 'ArgList':
      return judgeArgument(project, coupled, module, use, parent);
    case 'TupleExpression':
    case 'ArrayExpression':
      return isShape(coupled) ? { limits: {}, refusal: 'it is also part of a shape' } : { limits: {} };
    case 'UpdateStatement':
      return { limits: {}, refusal: 'the script calculates with it' };
    default:
      return { limits: {} };
  }
}

function isShape(coupled: CoupledValue): boolean {
  return SHAPES.includes(coupled.kind);
}

function judgeArgument(
  project: Project,
  coupled: CoupledValue,
  module: Module,
  use: SyntaxNode,
  list: SyntaxNode,
): Coupling {
  const call = list.parent;
  const callee = call === undefined ? undefined : calleeOf(call);
  const name = callee === undefined ? undefined : lastName(module, callee);
  if (name === undefined || call === undefined || !isShape(coupled) || HARMLESS_CALLS.includes(name)) {
    return { limits: {} };
  }
  const isOwnFunction = project.modules.some((other) =>
    [...other.scopes.values()].some((scope) => scope.name === name),
  );
  const argument = callArguments(module, call).find((candidate) => candidate.value === use);
  if (isOwnFunction && argument !== undefined) {
    return { limits: {} };
  }
  return { limits: {}, refusal: `${name}() needs the same value` };
}

/** Arithmetic keeps its meaning for some kinds and some operators only; steps = n // batch_size must stay above zero. */
function judgeArithmetic(
  project: Project,
  coupled: CoupledValue,
  module: Module,
  use: SyntaxNode,
  expression: SyntaxNode,
): Coupling {
  const operator = textOf(module, expression.children[1] ?? expression);
  const isRight = expression.children[2] === use;
  const isComparison = expression.children[1]?.type === 'CompareOp';
  if (isComparison || ancestor(use, ['FormatString']) !== undefined) {
    return { limits: {} };
  }
  const { kind, value } = coupled;
  const written = typeof value === 'number' ? value : undefined;
  if (kind === 'learning_rate' || kind === 'dropout') {
    return { limits: {} };
  }
  if (kind === 'epochs') {
    return operator === '-' && written !== undefined ? { limits: { low: written } } : { limits: {} };
  }
  if (kind === 'batch_size' && isRight && (operator === '//' || operator === '/') && written !== undefined) {
    const count =
      expression.children[0] === undefined ? undefined : resolve(project, module, expression.children[0])[0];
    const known = count?.kind === 'literal' && typeof count.value === 'number' ? count.value : undefined;
    return { limits: { high: known === undefined ? written : Math.max(written, Math.floor(known / 4)) } };
  }
  if (kind === 'batch_size' && operator === '*') {
    return { limits: {} };
  }
  if ((kind === 'filters' || kind === 'units') && operator === '*' && isInLayer(module, expression)) {
    return { limits: {} };
  }
  return { limits: {}, refusal: 'the script calculates with it' };
}

function isInLayer(module: Module, expression: SyntaxNode): boolean {
  const call = ancestor(expression, ['CallExpression', 'AssignStatement', 'TupleExpression', 'ArrayExpression']);
  const callee = call?.type === 'CallExpression' ? calleeOf(call) : undefined;
  const name = callee === undefined ? '' : (lastName(module, callee) ?? '');
  return name.startsWith('Conv') || name === 'Dense' || name.startsWith('SeparableConv');
}

const HISTORY_KEYS = ['accuracy', 'val_accuracy', 'acc', 'val_acc', 'loss', 'val_loss'];
const RANGE_CALLS = ['range', 'arange', 'linspace'];

/** The same number written a second time, where it has to agree: an epoch's index, an axis of a plot, a count of steps. */
function repeatedNumber(coupled: CoupledValue, module: Module): Coupling {
  const { kind, value } = coupled;
  if (typeof value !== 'number') {
    return { limits: {} };
  }
  if (kind === 'epochs') {
    const axis = module.calls.find((call) => call !== coupled.node && isPlotAxis(module, call, value));
    const limits = nodesOf(module, 'MemberExpression')
      .map((node) => historyIndex(module, node))
      .reduce<Limits>((found, index) => (index === undefined ? found : narrower(found, { low: index + 1 })), {});
    return axis === undefined
      ? { limits }
      : {
          limits,
          refusal: `${textOf(module, axis)} on line ${positionAt(module.text, axis.from).line} has to agree with it`,
        };
  }
  const isFixed =
    kind === 'batch_size' &&
    (hasLiteralSteps(module) || nodesOf(module, 'BinaryExpression').some((node) => isDivisor(module, node, value)));
  return { limits: isFixed ? { high: value } : {} };
}

/** `history.history['accuracy'][4]` gives 4. */
function historyIndex(module: Module, node: SyntaxNode): number | undefined {
  const [object, bracket, index, close] = node.children;
  if (node.type !== 'MemberExpression' || bracket?.type !== '[' || close?.type !== ']' || index?.type !== 'Number') {
    return undefined;
  }
  const key = object?.type === 'MemberExpression' ? object.children[2] : undefined;
  const name = key === undefined ? undefined : readLiteral(module, key);
  const position = readLiteral(module, index);
  return typeof name === 'string' && HISTORY_KEYS.includes(name) && typeof position === 'number' ? position : undefined;
}

/** `range(1, 26)` beside `epochs=25`, outside of a loop's header: an axis that must be as long as the history. */
function isPlotAxis(module: Module, node: SyntaxNode, epochs: number): boolean {
  const callee = node.type === 'CallExpression' ? calleeOf(node) : undefined;
  const name = callee === undefined ? undefined : lastName(module, callee);
  if (name === undefined || !RANGE_CALLS.includes(name) || node.parent?.type === 'ForStatement') {
    return false;
  }
  const numbers = callArguments(module, node).map((argument) => readLiteral(module, argument.value));
  const usesHistory = module.text.includes('.history');
  const [start, stop] = numbers.length > 1 ? [numbers[0], numbers[1]] : [0, numbers[0]];
  return usesHistory && typeof start === 'number' && typeof stop === 'number' && stop - start === epochs && epochs > 1;
}

/** `len(X) // 32` beside `batch_size=32`. */
function isDivisor(module: Module, node: SyntaxNode, value: number): boolean {
  const [left, operator, right] = node.children;
  return (
    node.type === 'BinaryExpression' &&
    operator !== undefined &&
    ['//', '/'].includes(textOf(module, operator)) &&
    right?.type === 'Number' &&
    left !== undefined &&
    readLiteral(module, right) === value
  );
}

/** With a fixed number of steps a larger batch asks for more data than there may be. */
function hasLiteralSteps(module: Module): boolean {
  return module.calls.some((call) =>
    callArguments(module, call).some(
      (argument) => argument.keyword === 'steps_per_epoch' && argument.value.type === 'Number',
    ),
  );
}
