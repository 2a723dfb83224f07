import {
  batchSources,
  compileArguments,
  estimators,
  fitWrappers,
  optimizers,
  plainLayers,
  regularizers,
  type TunableArgument,
  torchOptimizer,
  trainingMethods,
  weightedLayers,
} from './call-arguments.js';
import { isCompiledAgain, unusedObject } from './dead-values.js';
import type { HyperparameterKind, InspectionWarning } from './inspection.js';
import { enlarges, hasSplitWindow, POOLINGS } from './layer-arguments.js';
import { layerRoles, mergingScopes } from './model-outputs.js';
import { type Module, type Project, positionInFile } from './project.js';
import { callsOf } from './resolve.js';
import { lookUp, type Scope, scopeOf } from './scopes.js';
import {
  ancestor,
  callArguments,
  calleeOf,
  dottedName,
  findArgument,
  lastName,
  namesOf,
  nodesOf,
  type SyntaxNode,
  textOf,
} from './syntax.js';

/** An expression that is given to a call as a hyperparameter. */
export interface TunableUse {
  readonly module: Module;
  readonly kind: HyperparameterKind;
  readonly value: SyntaxNode;
  /** The name of a hyperparameter of kind `other`. */
  readonly argument?: string;
  /** The class of the optimizer that takes it. */
  readonly optimizer?: string;
  /** A second literal that has to say the same: the columns of a window whose rows are `value`. */
  readonly twin?: SyntaxNode;
}

export interface TunableUses {
  readonly uses: readonly TunableUse[];
  readonly warnings: readonly InspectionWarning[];
}

export const KERAS_PACKAGES = ['tensorflow', 'keras', 'tf_keras', 'tensorflow_addons', 'keras_contrib', 'scikeras'];

/** Every argument of the project that is a hyperparameter by its call, as far as the call is reached when it runs. */
export function tunableUses(project: Project): TunableUses {
  const uses: TunableUse[] = [];
  const warnings: InspectionWarning[] = [];
  for (const module of project.modules) {
    const roles = layerRoles(module);
    const reached = new Map<Scope, boolean>();
    const unclearLoops = new Set<SyntaxNode>();
    for (const call of module.calls) {
      const found = usesOfCall(project, module, call, roles.get(call));
      const problem =
        found.length === 0
          ? undefined
          : (whyIgnored(project, module, call, reached) ?? whyUnused(project, module, call));
      if (problem === undefined) {
        uses.push(...found);
      } else if (problem.place !== undefined && !unclearLoops.has(problem.place)) {
        unclearLoops.add(problem.place);
        const { line } = positionInFile(module, problem.place.from);
        warnings.push({ file: module.file, line, message: problem.message });
      }
    }
    uses.push(...epochLoops(module));
  }
  return { uses, warnings };
}

function usesOfCall(
  project: Project,
  module: Module,
  call: SyntaxNode,
  role: { readonly role: string } | undefined,
): readonly TunableUse[] {
  const callee = calleeOf(call);
  const name = callee === undefined ? undefined : lastName(module, callee);
  if (callee === undefined || name === undefined) {
    return [];
  }
  const isMethod = callee.type === 'MemberExpression';
  const layer = weightedLayers.get(name) ?? plainLayers.get(name);
  if (layer !== undefined) {
    const comesFromKeras = isFrom(project, module, callee, KERAS_PACKAGES);
    const isFree = role?.role === 'hidden' || (role?.role === 'output' && mayEndBlock(project, name));
    if (!comesFromKeras || !(isFree || role?.role === 'joined')) {
      return [];
    }
    const found = hasSplitWindow(module, call, name) ? splitWindow(module, call, layer) : pick(module, call, layer);
    return found.filter((use) => isFree || use.kind === 'activation');
  }
  const optimizer = optimizers.get(name);
  if (optimizer !== undefined) {
    if (isFrom(project, module, callee, ['torch'], true)) {
      return pick(module, call, torchOptimizer, name);
    }
    return isFrom(project, module, callee, KERAS_PACKAGES) ? pick(module, call, optimizer, name) : [];
  }
  const regularizer = regularizers.get(name);
  if (regularizer !== undefined && isFrom(project, module, callee, KERAS_PACKAGES)) {
    return pick(module, call, regularizer);
  }
  const training = trainingMethods.get(name);
  if (training !== undefined && isMethod) {
    return pick(module, call, training);
  }
  if (name === 'compile' && isMethod) {
    return pick(module, call, compileArguments);
  }
  const wrapper = fitWrappers.get(name);
  if (wrapper !== undefined) {
    return pick(module, call, wrapper);
  }
  const batches = batchSources.get(name);
  if (batches !== undefined) {
    return feedsTraining(module, call) ? pick(module, call, batches) : [];
  }
  const estimator = estimators.get(name);
  return estimator !== undefined && isFrom(project, module, callee, ['sklearn'], true)
    ? pick(module, call, estimator)
    : [];
}

function pick(
  module: Module,
  call: SyntaxNode,
  tunables: readonly TunableArgument[],
  optimizer?: string,
): readonly TunableUse[] {
  const args = callArguments(module, call);
  return tunables.flatMap((tunable) => {
    const byKeyword = args.filter(
      (argument) => argument.keyword !== undefined && tunable.keywords.includes(argument.keyword),
    );
    const positional =
      tunable.position === undefined ? [] : args.filter((argument) => argument.position === tunable.position);
    return [...byKeyword, ...positional].map(({ value }) => ({
      module,
      kind: tunable.kind,
      value,
      ...(tunable.name === undefined ? {} : { argument: tunable.name }),
      ...(optimizer === undefined ? {} : { optimizer }),
    }));
  });
}

/**
 * Whether a layer that a function returns may change: `return MaxPooling2D(2)(x)` ends a block and not the network.
 * Where branches are joined, or images grow again, its result has to fit elsewhere.
 */
function mayEndBlock(project: Project, name: string): boolean {
  return (
    (POOLINGS.includes(name) || name.includes('Dropout')) &&
    project.modules.every(
      (module) =>
        mergingScopes(module).size === 0 &&
        !module.calls.some((call) => {
          const callee = calleeOf(call);
          return callee !== undefined && enlarges(lastName(module, callee) ?? '');
        }),
    )
  );
}

/** `Convolution2D(32, 3, 3)`: rows and columns stay equal, and windows that are not square have a meaning of their own. */
function splitWindow(module: Module, call: SyntaxNode, layer: readonly TunableArgument[]): readonly TunableUse[] {
  const twin = findArgument(callArguments(module, call), '', 2)?.value;
  return pick(module, call, layer).flatMap((use) => {
    if (use.kind !== 'kernel_size' || twin === undefined) {
      return [use];
    }
    return textOf(module, use.value) === textOf(module, twin) ? [{ ...use, twin }] : [];
  });
}

/** Whether a callee belongs to one of `packages`. A name from `from x import *` may; a class of the repository does not. */
export function isFrom(
  project: Project,
  module: Module,
  callee: SyntaxNode,
  packages: readonly string[],
  certain = false,
): boolean {
  const root = rootName(callee);
  if (root === undefined) {
    return !certain;
  }
  const name = textOf(module, root);
  const binding = lookUp(scopeOf(module, root), name).at(-1);
  if (binding === undefined) {
    const stars = module.starImports.map((star) => star.split('.')[0] ?? '');
    return certain ? stars.some((star) => packages.includes(star)) : true;
  }
  if (binding.kind === 'import') {
    const top = binding.imported?.module.split('.')[0] ?? '';
    if (packages.includes(top)) {
      return true;
    }
    // A local module may hand Keras' own names on.
    const local = project.localModule(module.file, binding.imported?.module ?? '');
    return (
      local.module !== undefined &&
      binding.imported?.member !== undefined &&
      !local.module.scope.bindings
        .get(binding.imported.member)
        ?.some((other) => other.kind === 'class' || other.kind === 'function') &&
      !certain
    );
  }
  if (binding.kind === 'assignment' && binding.value !== undefined) {
    const value = binding.value;
    return (
      dottedName(module, value) !== undefined &&
      value.from !== callee.from &&
      isFrom(project, module, value, packages, certain)
    );
  }
  return false;
}

function rootName(callee: SyntaxNode): SyntaxNode | undefined {
  let node: SyntaxNode | undefined = callee;
  while (node !== undefined && node.type !== 'VariableName') {
    node = node.type === 'MemberExpression' ? node.children[0] : undefined;
  }
  return node;
}

/** Why what a call makes has no effect. A training has one, whatever becomes of its history. */
function whyUnused(
  project: Project,
  module: Module,
  call: SyntaxNode,
): { readonly place: SyntaxNode; readonly message: string } | undefined {
  const callee = calleeOf(call);
  const name = callee === undefined ? '' : (lastName(module, callee) ?? '');
  if (name === 'compile' && isCompiledAgain(module, call)) {
    return { place: call, message: 'a later compile() replaces this one, so its values are not tuned' };
  }
  const unused = trainingMethods.has(name) ? undefined : unusedObject(project, module, call);
  return unused === undefined
    ? undefined
    : {
        place: unused.statement,
        message: `nothing trains or uses ${unused.name}, so what it is made of is not tuned`,
      };
}

/** Why a call is not looked at, and at which loop or function that is told (once). */
export function whyIgnored(
  project: Project,
  module: Module,
  call: SyntaxNode,
  reached: Map<Scope, boolean>,
): { readonly place: SyntaxNode | undefined; readonly message: string } | undefined {
  for (let node = call.parent; node !== undefined; node = node.parent) {
    if (node.type === 'WhileStatement' || (node.type === 'ForStatement' && !isRepetition(module, node))) {
      return { place: node, message: 'what is in this loop is left alone: its values may differ each time' };
    }
    if (node.type.endsWith('ComprehensionExpression') && node.type !== 'Script') {
      return { place: node, message: 'what is in this comprehension is left alone' };
    }
    if (
      node.type === 'IfStatement' &&
      isNever(module, node) &&
      node.children[2] !== undefined &&
      call.to <= node.children[2].to
    ) {
      return { place: node, message: 'what is under this condition never runs, so it is not tuned' };
    }
    const scope = module.scopes.get(node);
    if (scope?.kind === 'function' && scope.name !== '' && !isReached(project, scope, reached)) {
      return { place: node, message: `nothing calls ${scope.name}(), so what is in it is not tuned` };
    }
  }
  return undefined;
}

/** `for i in range(3)` and cross-validation folds run the same code again; other loops go through different values. */
function isRepetition(module: Module, loop: SyntaxNode): boolean {
  const inAt = loop.children.findIndex((child) => child.type === 'in');
  const iterated = loop.children[inAt + 1];
  const callee = iterated?.type === 'CallExpression' ? calleeOf(iterated) : undefined;
  const name = callee === undefined ? undefined : lastName(module, callee);
  if (name === 'enumerate' && iterated !== undefined) {
    const inner = callArguments(module, iterated)[0]?.value;
    const innerCallee = inner?.type === 'CallExpression' ? calleeOf(inner) : undefined;
    return innerCallee !== undefined && lastName(module, innerCallee) === 'split';
  }
  return name === 'range' || name === 'split';
}

function isNever(module: Module, statement: SyntaxNode): boolean {
  const condition = statement.children[1];
  const text = condition === undefined ? '' : textOf(module, condition);
  return text === 'False' || text === '0';
}

function isReached(project: Project, scope: Scope, known: Map<Scope, boolean>): boolean {
  const before = known.get(scope);
  if (before !== undefined) {
    return before;
  }
  // Methods of a class are called by Keras itself (call, build), so only a class that nobody names is dead.
  const named = scope.parent?.kind === 'class' ? scope.parent : scope;
  const calls = callsOf(project, named);
  const outside = calls?.some(({ call }) => !(call.from >= named.node.from && call.to <= named.node.to));
  const reached = calls === undefined || outside === true || named.node.parent?.type === 'DecoratedStatement';
  known.set(scope, reached);
  return reached;
}

/** Names that say that data is only used to measure. */
const MEASURING_WORDS = ['val', 'test', 'eval', 'pred'];
const MEASURING_KEYWORDS = ['validation_data', 'val_data'];
const MEASURING_METHODS = ['evaluate', 'predict', 'evaluate_generator', 'predict_generator'];
const TRAINING_METHODS = ['fit', 'fit_generator', 'train_on_batch'];

/** Whether a batched data set reaches `fit` as training data; the batch size of a test set changes nothing. */
function feedsTraining(module: Module, call: SyntaxNode): boolean {
  const chain = wholeChain(call);
  const direct = usage(module, chain);
  if (direct !== undefined) {
    return direct === 'training';
  }
  const target = chain.parent?.type === 'AssignStatement' ? chain.parent.children[0] : undefined;
  if (target?.type !== 'VariableName') {
    const statement = ancestor(chain, ['AssignStatement', 'ReturnStatement', 'ForStatement']);
    const text = statement === undefined ? '' : textOf(module, statement.children[0] ?? statement);
    return !MEASURING_WORDS.some((word) => text.toLowerCase().includes(word));
  }
  const name = textOf(module, target);
  const found = new Set<'training' | 'measuring'>();
  for (const node of namesOf(module, name)) {
    const role = node !== target ? usage(module, wholeChain(node)) : undefined;
    if (role !== undefined) {
      found.add(role);
    }
  }
  if (found.has('training')) {
    return true;
  }
  return found.size === 0 && !MEASURING_WORDS.some((word) => name.toLowerCase().includes(word));
}

/** `a.map(f).batch(32)` as a whole, seen from any part of it. */
function wholeChain(node: SyntaxNode): SyntaxNode {
  let chain = node;
  for (;;) {
    const parent = chain.parent;
    const isPart =
      (parent?.type === 'MemberExpression' || parent?.type === 'CallExpression') && parent.children[0] === chain;
    if (parent === undefined || !isPart) {
      return chain;
    }
    chain = parent;
  }
}

function usage(module: Module, value: SyntaxNode): 'training' | 'measuring' | undefined {
  const list = value.parent;
  const call = list?.type === 'ArgList' ? list.parent : undefined;
  const callee = call === undefined ? undefined : calleeOf(call);
  const name = callee === undefined ? undefined : lastName(module, callee);
  if (call === undefined || name === undefined) {
    return undefined;
  }
  const argument = callArguments(module, call).find((candidate) => candidate.value === value);
  if (MEASURING_METHODS.includes(name) || MEASURING_KEYWORDS.includes(argument?.keyword ?? '')) {
    return 'measuring';
  }
  const isData = argument?.position === 0 || ['x', 'generator'].includes(argument?.keyword ?? '');
  return TRAINING_METHODS.includes(name) && isData ? 'training' : undefined;
}

/** `for epoch in range(EPOCHS):` of a training loop written by hand. */
function epochLoops(module: Module): readonly TunableUse[] {
  return nodesOf(module, 'ForStatement').flatMap((node) => {
    const target = node.children[1];
    const iterated = node.children[3];
    const callee = iterated?.type === 'CallExpression' ? calleeOf(iterated) : undefined;
    const isRange = callee !== undefined && lastName(module, callee) === 'range';
    if (target?.type !== 'VariableName' || textOf(module, target) !== 'epoch' || !isRange || iterated === undefined) {
      return [];
    }
    const args = callArguments(module, iterated);
    const value = args.length === 1 ? findArgument(args, 'stop', 0)?.value : undefined;
    const body = node.children.at(-1);
    const isTraining = value !== undefined && body !== undefined && trainsInside(module, body);
    return isTraining ? [{ module, kind: 'epochs' as const, value }] : [];
  });
}

const STEP_METHODS = ['train_on_batch', 'backward', 'apply_gradients', 'train_step'];

function trainsInside(module: Module, body: SyntaxNode): boolean {
  return module.calls.some((call) => {
    const callee = calleeOf(call);
    const name = callee === undefined ? undefined : lastName(module, callee);
    return name !== undefined && STEP_METHODS.includes(name) && call.from >= body.from && call.to <= body.to;
  });
}
