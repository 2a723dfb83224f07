import { mergingLayers, plainLayers, weightedLayers } from './call-arguments.js';
import { readLiteral } from './literals.js';
import type { Module } from './project.js';
import { isKeyword, lookUp, scopeOf } from './scopes.js';
import {
  callArguments,
  calleeOf,
  findArgument,
  isInside,
  lastName,
  namesOf,
  type SyntaxNode,
  textOf,
  unwrapped,
} from './syntax.js';

/** What a layer call is in its network. */
export type LayerRole =
  | { readonly role: 'hidden' }
  /** Hidden, and of a shape that has to fit another branch: only what leaves the shape alone may change. */
  | { readonly role: 'joined' }
  | { readonly role: 'output' }
  /** Its size is needed elsewhere, or its place in the network is not clear. */
  | { readonly role: 'fixed'; readonly reason: string };

const OUTPUT_ACTIVATIONS = ['softmax', 'log_softmax'];
const MODEL_CALLS = ['Model', 'Functional'];
/** Layers after the output that leave its size alone. */
const TRANSPARENT = [
  'Activation',
  'Softmax',
  'Dropout',
  'Flatten',
  'LeakyReLU',
  'ReLU',
  'BatchNormalization',
  'Reshape',
  'Lambda',
  'UpSampling2D',
];

const rolesByModule = new WeakMap<Module, ReadonlyMap<SyntaxNode, LayerRole>>();

/** The role of every layer call of a module, by its CallExpression. */
export function layerRoles(module: Module): ReadonlyMap<SyntaxNode, LayerRole> {
  const known = rolesByModule.get(module);
  if (known !== undefined) {
    return known;
  }
  const roles = findLayerRoles(module);
  rolesByModule.set(module, roles);
  return roles;
}

function findLayerRoles(module: Module): ReadonlyMap<SyntaxNode, LayerRole> {
  const roles = new Map<SyntaxNode, LayerRole>();
  const layers = module.calls.filter((call) => layerName(module, call) !== undefined);
  const groups = new Map<string, SyntaxNode[]>();
  for (const call of layers) {
    const key = groupOf(module, call);
    groups.set(key, [...(groups.get(key) ?? []), call]);
  }
  for (const [key, group] of groups) {
    if (key.startsWith('applied')) {
      for (const call of group) {
        roles.set(call, appliedRole(module, call));
      }
    } else {
      setChainRoles(module, group, roles);
    }
  }
  const merging = mergingScopes(module);
  for (const call of layers) {
    const name = layerName(module, call) ?? '';
    if (isSingleOutput(module, call, name)) {
      roles.set(call, { role: 'output' });
    } else if (roles.get(call)?.role === 'hidden' && merging.has(scopeOf(module, call).node) && name !== 'Activation') {
      roles.set(call, name.includes('Dropout') ? { role: 'hidden' } : { role: 'joined' });
    }
  }
  return roles;
}

/** The Keras name of a layer call, without regard to its spelling (`layers.Dense`, `tf.keras.layers.Dense`). */
export function layerName(module: Module, call: SyntaxNode): string | undefined {
  const callee = calleeOf(call);
  const name = callee === undefined ? undefined : lastName(module, callee);
  return name !== undefined && (weightedLayers.has(name) || plainLayers.has(name) || TRANSPARENT.includes(name))
    ? name
    : undefined;
}

/** Layers that are stacked on each other share a key: one list, one `model` that they are added to, one `__init__`. */
function groupOf(module: Module, call: SyntaxNode): string {
  const scope = scopeOf(module, call).node.from;
  const outer = outermost(module, call);
  const parent = outer.parent;
  if (isApplied(outer)) {
    return `applied:${outer.from}`;
  }
  if (parent?.type === 'ArrayExpression' || parent?.type === 'TupleExpression') {
    return `list:${parent.from}`;
  }
  if (parent?.type === 'ArgList' && parent.parent !== undefined) {
    const callee = calleeOf(parent.parent);
    if (callee?.type === 'MemberExpression' && lastName(module, callee) === 'add') {
      const model = callee.children[0];
      const name = model === undefined ? '' : textOf(module, model);
      return `add:${scope}:${name}:${lastAssignment(module, name, call)}`;
    }
  }
  return `scope:${scope}`;
}

/** A layer inside of `TimeDistributed(Dense(10))` or `Bidirectional(LSTM(64))` stands where its wrapper stands. */
function outermost(module: Module, call: SyntaxNode): SyntaxNode {
  let node = call;
  for (;;) {
    const wrapper = node.parent?.parent;
    const callee =
      wrapper?.type === 'CallExpression' && node.parent?.type === 'ArgList' ? calleeOf(wrapper) : undefined;
    const name = callee === undefined ? undefined : lastName(module, callee);
    if (
      wrapper === undefined ||
      (name !== 'TimeDistributed' && name !== 'Bidirectional' && name !== 'SpectralNormalization')
    ) {
      return node;
    }
    node = wrapper;
  }
}

function isApplied(layer: SyntaxNode): boolean {
  return layer.parent?.type === 'CallExpression' && calleeOf(layer.parent) === layer;
}

/** Where `name` was last assigned before `use`: a second `model = Sequential()` begins a second network. */
function lastAssignment(module: Module, name: string, use: SyntaxNode): number {
  const bindings = scopeOf(module, use).bindings.get(name) ?? [];
  return bindings.filter((binding) => binding.node.from < use.from).at(-1)?.node.from ?? -1;
}

function setChainRoles(module: Module, group: readonly SyntaxNode[], roles: Map<SyntaxNode, LayerRole>): void {
  group.forEach((call, index) => {
    const isWeighted = weightedLayers.has(layerName(module, call) ?? '');
    const later = group.slice(index + 1).filter((other) => !areAlternatives(call, other));
    const isLast = !later.some((other) => weightedLayers.has(layerName(module, other) ?? ''));
    const after = later[0];
    const isClosed =
      isWeighted &&
      after !== undefined &&
      !weightedLayers.has(layerName(module, after) ?? '') &&
      activatesOutput(module, after);
    const next = later.find((other) => !isTransparentBetween(module, other));
    if (isLast || isClosed || activatesOutput(module, call)) {
      roles.set(call, { role: 'output' });
    } else if (isWeighted && next !== undefined && layerName(module, next) === 'Reshape') {
      roles.set(call, { role: 'fixed', reason: 'its size is needed by the Reshape after it' });
    } else {
      roles.set(call, { role: 'hidden' });
    }
  });
}

/** Whether two calls stand in different branches of one `if`, so that only one of them runs. */
function areAlternatives(left: SyntaxNode, right: SyntaxNode): boolean {
  for (let node = left; node.parent !== undefined; node = node.parent) {
    const { parent } = node;
    if (parent.type === 'IfStatement' && node.type === 'Body' && isInside(right, parent)) {
      return !isInside(right, node);
    }
  }
  return false;
}

function isTransparentBetween(module: Module, call: SyntaxNode): boolean {
  const name = layerName(module, call);
  return name !== undefined && name !== 'Reshape' && TRANSPARENT.includes(name);
}

function activationOf(module: Module, call: SyntaxNode, name: string): string | undefined {
  const args = callArguments(module, call);
  const argument = findArgument(args, 'activation', name === 'Activation' ? 0 : name === 'Dense' ? 1 : undefined);
  if (argument === undefined) {
    return undefined;
  }
  const value = readLiteral(module, unwrapped(argument.value));
  return typeof value === 'string' ? value : lastName(module, argument.value);
}

/** Softmax is what turns scores into class probabilities, so it only ever closes a network (or an attention). */
function activatesOutput(module: Module, call: SyntaxNode): boolean {
  const name = layerName(module, call);
  if (name === 'Softmax') {
    return true;
  }
  const activation = name === undefined ? undefined : activationOf(module, call, name);
  return activation !== undefined && OUTPUT_ACTIVATIONS.includes(activation);
}

function isSingleOutput(module: Module, call: SyntaxNode, name: string): boolean {
  if (!weightedLayers.has(name)) {
    return activatesOutput(module, call);
  }
  const units = findArgument(callArguments(module, call), name === 'Dense' ? 'units' : 'filters', 0);
  const size = units === undefined ? undefined : readLiteral(module, units.value);
  return size === 1 || activatesOutput(module, call);
}

/** `x = Dense(64)(x)`: hidden when another layer takes its result, output when a model is made of it or returns it. */
function appliedRole(module: Module, call: SyntaxNode): LayerRole {
  const outer = outermost(module, call);
  const application = outer.parent;
  if (application === undefined) {
    return { role: 'output' };
  }
  const consumers = consumersOf(module, application, 0);
  if (consumers.includes('output') || consumers.length === 0) {
    return { role: 'output' };
  }
  if (consumers.includes('reshape')) {
    return weightedLayers.has(layerName(module, call) ?? '')
      ? { role: 'fixed', reason: 'its size is needed by the Reshape after it' }
      : { role: 'hidden' };
  }
  return consumers.includes('layer')
    ? { role: 'hidden' }
    : { role: 'fixed', reason: 'what its result is used for is not clear' };
}

type Consumer = 'layer' | 'output' | 'reshape' | 'unclear';

function consumersOf(module: Module, value: SyntaxNode, depth: number): readonly Consumer[] {
  if (depth > 8) {
    return ['unclear'];
  }
  const parent = value.parent;
  switch (parent?.type) {
    case 'ArgList':
      return parent.parent === undefined ? ['unclear'] : consumerCall(module, parent.parent, depth);
    case 'ArrayExpression':
    case 'TupleExpression':
    case 'ParenthesizedExpression':
      return consumersOf(module, parent, depth + 1);
    case 'ReturnStatement':
      return ['output'];
    case 'AssignStatement':
      return assignedConsumers(module, parent, depth);
    case 'BinaryExpression':
    case 'MemberExpression':
      return ['unclear'];
    default:
      return [];
  }
}

function consumerCall(module: Module, call: SyntaxNode, depth: number): readonly Consumer[] {
  const callee = calleeOf(call);
  if (callee === undefined) {
    return ['unclear'];
  }
  if (callee.type === 'CallExpression') {
    const name = layerName(module, callee);
    if (name === 'Reshape') {
      return ['reshape'];
    }
    if (name !== undefined && TRANSPARENT.includes(name)) {
      return activatesOutput(module, callee) ? ['output'] : consumersOf(module, call, depth + 1);
    }
    return ['layer'];
  }
  const name = lastName(module, callee) ?? '';
  if (MODEL_CALLS.includes(name)) {
    return ['output'];
  }
  return mergingLayers.includes(name) ? ['layer'] : callee.type === 'VariableName' ? ['layer'] : ['unclear'];
}

/** Follows a value through the name it is given, up to where that name is given another value. */
function assignedConsumers(module: Module, statement: SyntaxNode, depth: number): readonly Consumer[] {
  const target = statement.children[0];
  if (target?.type !== 'VariableName' || statement.children.length !== 3) {
    return ['unclear'];
  }
  const name = textOf(module, target);
  const scope = scopeOf(module, target);
  const end = (scope.bindings.get(name) ?? []).find((binding) => binding.node.from > statement.to)?.node.parent?.to;
  return namesOf(module, name).flatMap((node) => {
    const isBetween = node.from >= statement.to && node.from <= (end ?? scope.node.to);
    const isTarget = node.parent?.type === 'AssignStatement' && node.parent.children[0] === node;
    const isRead = isBetween && !isTarget && !isKeyword(node);
    return isRead ? consumersOf(module, node, depth + 1) : [];
  });
}

const mergingByModule = new WeakMap<Module, ReadonlySet<SyntaxNode>>();

/** Scopes in which branches are added or joined: a changed size in one branch no longer fits the other. */
export function mergingScopes(module: Module): ReadonlySet<SyntaxNode> {
  const known = mergingByModule.get(module);
  if (known !== undefined) {
    return known;
  }
  const scopes = findMergingScopes(module);
  mergingByModule.set(module, scopes);
  return scopes;
}

/** `np.concatenate` and the like join data, not layers. */
function isOfArrays(module: Module, callee: SyntaxNode | undefined): boolean {
  const root = callee?.type === 'MemberExpression' ? callee.children[0] : callee;
  if (root?.type !== 'VariableName') {
    return false;
  }
  const imported = lookUp(scopeOf(module, root), textOf(module, root)).at(-1)?.imported?.module.split('.')[0];
  return imported !== undefined && ['numpy', 'pandas', 'scipy', 'cupy'].includes(imported);
}

function findMergingScopes(module: Module): ReadonlySet<SyntaxNode> {
  const scopes = new Set<SyntaxNode>();
  for (const call of module.calls) {
    const callee = calleeOf(call);
    const name = callee === undefined ? undefined : lastName(module, callee);
    const isMethod = callee?.type === 'MemberExpression' && name === 'add';
    const first = callArguments(module, call)[0]?.value;
    const joinsList = first?.type === 'ArrayExpression';
    const isMerging = name !== undefined && mergingLayers.includes(name) && !isOfArrays(module, callee);
    if (isMerging && (!isMethod || joinsList)) {
      scopes.add(scopeOf(module, call).node);
    }
  }
  return scopes;
}
