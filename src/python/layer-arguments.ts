import type { ParameterValue } from '../tuning/space.js';
import type { Module, Project } from './project.js';
import { type Origin, resolve } from './resolve.js';
import { callArguments, findArgument, type SyntaxNode } from './syntax.js';

export const CONVOLUTIONS: readonly string[] = ['1D', '2D', '3D'].flatMap((size) => [
  `Conv${size}`,
  `Convolution${size}`,
  `SeparableConv${size}`,
  `SeparableConvolution${size}`,
  `DepthwiseConv${size}`,
]);

export const POOLINGS: readonly string[] = ['1D', '2D', '3D'].flatMap((size) => [
  `MaxPooling${size}`,
  `MaxPool${size}`,
  `AveragePooling${size}`,
  `AvgPool${size}`,
]);

/** Layers after which an image is a plain vector. */
export const FLATTENING: readonly string[] = [
  'Flatten',
  ...['1D', '2D', '3D'].flatMap((size) => [
    `GlobalAveragePooling${size}`,
    `GlobalAvgPool${size}`,
    `GlobalMaxPooling${size}`,
    `GlobalMaxPool${size}`,
  ]),
];

/** Layers that leave the shape of what flows through them alone. */
export const SHAPELESS: readonly string[] = [
  'Activation',
  'AlphaDropout',
  'BatchNormalization',
  'Dropout',
  'ELU',
  'GaussianDropout',
  'GaussianNoise',
  'LayerNormalization',
  'LeakyReLU',
  'PReLU',
  'ReLU',
  'SpatialDropout1D',
  'SpatialDropout2D',
  'SpatialDropout3D',
  'ThresholdedReLU',
];

/**
 * Whether a layer makes an image larger again, under its names of today and of Keras 1: then the output has to be as large
 * as something else, and what shrinks the image has to fit.
 */
export function enlarges(layerName: string): boolean {
  return ['Transpose', 'UpSampling', 'Deconvolution'].some((word) => layerName.includes(word));
}

export type ValueOrigin = Extract<Origin, { kind: 'literal' | 'entry' }>;

/** The one literal that an argument of a call comes from; undefined when it is not given. */
export function argumentOrigin(
  project: Project,
  module: Module,
  call: SyntaxNode,
  keywords: readonly string[],
  position?: number,
): ValueOrigin | 'unclear' | undefined {
  const args = callArguments(module, call);
  if (args.some((argument) => argument.star !== '')) {
    return 'unclear';
  }
  const argument =
    args.find(({ keyword }) => keyword !== undefined && keywords.includes(keyword)) ??
    (position === undefined ? undefined : findArgument(args, '', position));
  if (argument === undefined) {
    return undefined;
  }
  const [origin, ...others] = resolve(project, module, argument.value);
  return others.length === 0 && (origin?.kind === 'literal' || origin?.kind === 'entry') ? origin : 'unclear';
}

export function argumentValue(
  project: Project,
  module: Module,
  call: SyntaxNode,
  keywords: readonly string[],
  position?: number,
): ParameterValue | 'unclear' | undefined {
  const origin = argumentOrigin(project, module, call, keywords, position);
  return typeof origin === 'object' ? origin.value : origin;
}

/** Arguments that only Keras 1 had. */
const KERAS_1_ARGUMENTS = ['nb_filter', 'border_mode', 'subsample', 'dim_ordering', 'init', 'W_regularizer', 'bias'];

/**
 * Whether a convolution gives its window as two numbers, `Convolution2D(32, 3, 3)`. Keras 1 meant rows and columns, and
 * the hooks in the container read it so; since Keras 2 the third number of `Conv2D` is the stride, unless another word
 * of Keras 1 stands beside it.
 */
export function hasSplitWindow(module: Module, call: SyntaxNode, name: string): boolean {
  const args = callArguments(module, call);
  const isOld = args.some(({ keyword }) => keyword !== undefined && KERAS_1_ARGUMENTS.includes(keyword));
  if (name !== 'Convolution2D' && !(name === 'Conv2D' && isOld)) {
    return false;
  }
  const rows = findArgument(args, '', 1)?.value.type;
  const columns = findArgument(args, '', 2)?.value.type;
  return rows === 'Number' && columns === 'Number';
}
