import type { ParameterValue } from '../tuning/space.js';
import {
  argumentOrigin,
  argumentValue,
  CONVOLUTIONS,
  FLATTENING,
  hasSplitWindow,
  POOLINGS,
  SHAPELESS,
  type ValueOrigin,
} from './layer-arguments.js';
import type { ChainItem, LayerChain, LayerLoop } from './layer-chains.js';
import type { Module, Project } from './project.js';
import { resolve } from './resolve.js';
import { lookUp, scopeOf } from './scopes.js';
import { callArguments, calleeOf, lastName, type SyntaxNode, textOf } from './syntax.js';

/** A convolution or pooling of a chain, with the literal that its window comes from. */
export interface ShrinkingLayer {
  readonly item: ChainItem;
  readonly window: ParameterValue;
  readonly windowOrigin: ValueOrigin | undefined;
  readonly stride?: ParameterValue;
  readonly padding: 'valid' | 'same';
  /** The loop around it, if there is one. */
  readonly loop?: LayerLoop;
}

/** How far the feature map of a chain can be followed. */
export interface ShrinkingLayers {
  readonly layers: readonly ShrinkingLayer[];
  /** Lengths of the input's axes without channels, if the script says them. */
  readonly size?: readonly number[];
  /** Axes of the windows. */
  readonly axes: number;
  /** Whether every layer up to the flattening one is understood. */
  readonly isComplete: boolean;
}

/** Layers before the first convolution that leave the size of an image alone. */
const PREPROCESSING = ['Input', 'InputLayer', 'Rescaling', 'Normalization', ...SHAPELESS];

/** Follows the feature map from the first convolution of a chain to the layer that flattens it. */
export function shrinkingLayers(project: Project, chain: LayerChain): ShrinkingLayers | undefined {
  const { module, items } = chain;
  const start = items.findIndex(({ name }) => CONVOLUTIONS.includes(name));
  const first = items[start];
  if (first === undefined || countsChannelsFirst(module)) {
    return undefined;
  }
  const axes = axesOf(first.name);
  const layers: ShrinkingLayer[] = [];
  let isComplete = false;
  for (const { item, loop } of items.slice(start).flatMap(unrolled)) {
    if (FLATTENING.includes(item.name)) {
      isComplete = true;
      break;
    }
    if (SHAPELESS.includes(item.name)) {
      continue;
    }
    const layer = shrinkingLayer(project, module, item);
    if (layer === undefined || axesOf(item.name) !== axes) {
      break;
    }
    layers.push(loop === undefined ? layer : { ...layer, loop });
  }
  const before = items.slice(0, start);
  const size = before.every(({ name }) => isHarmlessBefore(name)) ? inputSize(project, chain, axes) : undefined;
  return layers.length === 0 ? undefined : { layers, axes, isComplete, ...(size === undefined ? {} : { size }) };
}

/** The layers of a loop one after the other, as often as they stand there. */
function unrolled(item: ChainItem): readonly { readonly item: ChainItem; readonly loop?: LayerLoop }[] {
  const { loop } = item;
  return loop === undefined ? [{ item }] : loop.items.map((inner) => ({ item: inner, loop }));
}

function isHarmlessBefore(name: string): boolean {
  // RandomCrop is the one augmentation that changes the size.
  return PREPROCESSING.includes(name) || (name.startsWith('Random') && name !== 'RandomCrop');
}

function axesOf(name: string): number {
  return Number(name.at(-2));
}

/** Theano's order puts the channels before the axes; then the numbers of a shape mean something else. */
function countsChannelsFirst(module: Module): boolean {
  return module.calls.some((call) => {
    const callee = calleeOf(call);
    const name = callee === undefined ? '' : (lastName(module, callee) ?? '');
    const [first] = callArguments(module, call);
    const sets = name === 'set_image_data_format' || name === 'set_image_dim_ordering';
    const says = callArguments(module, call).some(
      ({ keyword, value }) =>
        (keyword === 'data_format' || keyword === 'dim_ordering') && !textOf(module, value).includes('channels_last'),
    );
    return (
      says || (sets && first !== undefined && !['last', 'tf'].some((w) => textOf(module, first.value).includes(w)))
    );
  });
}

function shrinkingLayer(project: Project, module: Module, item: ChainItem): ShrinkingLayer | undefined {
  const { layer, name } = item;
  const isPooling = POOLINGS.includes(name);
  if (layer === undefined || !(isPooling || CONVOLUTIONS.includes(name))) {
    return undefined;
  }
  const windowAt = isPooling || name.startsWith('Depthwise') ? 0 : 1;
  const isSplit = hasSplitWindow(module, layer, name);
  const origin = argumentOrigin(project, module, layer, ['kernel_size', 'pool_size'], windowAt);
  const columns = isSplit ? argumentValue(project, module, layer, [], 2) : undefined;
  const strideAt = isSplit ? undefined : windowAt + 1;
  const stride = argumentValue(project, module, layer, ['strides', 'subsample', 'stride'], strideAt);
  const padding = argumentValue(
    project,
    module,
    layer,
    ['padding', 'border_mode'],
    strideAt === undefined ? undefined : strideAt + 1,
  );
  const dilation = argumentValue(project, module, layer, ['dilation_rate', 'atrous_rate']);
  const isKnown = [origin, columns, stride, padding].every((value) => value !== 'unclear') && dilation === undefined;
  if (!isKnown || (origin === undefined && !isPooling)) {
    return undefined;
  }
  const written = typeof origin === 'object' ? origin.value : 2;
  // Rows and columns of different length are no hyperparameter, so the value alone tells.
  const isSquare = columns === undefined || columns === written;
  return {
    item,
    window: isSquare || columns === undefined ? written : [written, columns],
    windowOrigin: isSquare && typeof origin === 'object' ? origin : undefined,
    padding: padding === 'same' ? 'same' : 'valid',
    ...(stride === undefined || stride === 'unclear' ? (isPooling ? {} : { stride: 1 }) : { stride }),
  };
}

/** What `input_shape` or `Input(shape=…)` says, where every axis is a number. */
function inputSize(project: Project, chain: LayerChain, axes: number): readonly number[] | undefined {
  const { module, items } = chain;
  const makers = [...items.flatMap(({ layer }) => layer ?? []).slice(0, 4), ...inputCall(chain)];
  for (const call of makers) {
    const shape =
      shapeArgument(module, call, ['input_shape', 'shape']) ??
      shapeArgument(module, call, ['batch_input_shape', 'batch_shape']);
    if (shape !== undefined) {
      const numbers = shapeNumbers(project, module, shape.value);
      const sized = shape.keyword?.startsWith('batch') === true ? numbers?.slice(1) : numbers;
      const lengths = sized?.slice(0, axes);
      const isWhole = sized?.length === axes + 1 && lengths?.every((length) => typeof length === 'number');
      return isWhole === true ? lengths?.filter((length) => typeof length === 'number') : undefined;
    }
  }
  return undefined;
}

/** The call of `Input` behind the tensor that the first layer is applied to. */
function inputCall({ module, items }: LayerChain): readonly SyntaxNode[] {
  const argument = items[0]?.argument;
  if (argument === undefined) {
    return [];
  }
  const value = lookUp(scopeOf(module, argument), textOf(module, argument))
    .filter(({ node }) => node.from < argument.from)
    .at(-1)?.value;
  return value?.type === 'CallExpression' ? [value] : [];
}

function shapeArgument(module: Module, call: SyntaxNode, keywords: readonly string[]) {
  const callee = calleeOf(call);
  const isInput = callee !== undefined && lastName(module, callee)?.startsWith('Input') === true;
  return callArguments(module, call).find(
    ({ keyword, position }) =>
      (keyword !== undefined && keywords.includes(keyword)) ||
      (isInput && position === 0 && keywords.includes('shape')),
  );
}

/** The numbers of `(28, 28, 1)`, `(SIDE, SIDE, 3)` or `SIZE + (3,)`; undefined where an element is not known. */
function shapeNumbers(
  project: Project,
  module: Module,
  shape: SyntaxNode,
): readonly (number | undefined)[] | undefined {
  const [left, operator, right] = shape.children;
  if (shape.type === 'BinaryExpression' && left !== undefined && right !== undefined) {
    const isSum = operator !== undefined && textOf(module, operator) === '+';
    const parts = isSum ? [left, right].map((part) => shapeNumbers(project, module, part)) : [undefined];
    return parts.every((part) => part !== undefined) ? parts.flat() : undefined;
  }
  const node = shape.type === 'VariableName' ? tupleBehind(project, module, shape) : { module, node: shape };
  if (node === undefined || !['TupleExpression', 'ArrayExpression'].includes(node.node.type)) {
    return undefined;
  }
  return node.node.children
    .filter(({ type }) => !['(', ')', '[', ']', ',', 'Comment'].includes(type))
    .map((element) => {
      const [origin, ...others] = resolve(project, node.module, element);
      const isNumber = origin?.kind === 'literal' && typeof origin.value === 'number' && others.length === 0;
      return isNumber && typeof origin.value === 'number' ? origin.value : undefined;
    });
}

/** The tuple that a name stands for; its elements may be names themselves. */
function tupleBehind(
  project: Project,
  module: Module,
  name: SyntaxNode,
): { readonly module: Module; readonly node: SyntaxNode } | undefined {
  const [origin, ...others] = resolve(project, module, name);
  if (origin?.kind === 'literal' && others.length === 0) {
    return { module: origin.module, node: origin.node };
  }
  const [binding, ...more] = lookUp(scopeOf(module, name), textOf(module, name));
  const value = more.length === 0 && binding?.kind === 'assignment' ? binding.value : undefined;
  return value === undefined ? undefined : { module, node: value };
}
