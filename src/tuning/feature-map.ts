/** How convolutions and pooling shrink an image, so that no network is proposed in which nothing is left of it. Pure. */
import type { ParameterValue, Values } from './space.js';

/** A window that moves over the feature map: one length, or one for each axis. */
export interface WindowSize {
  readonly value: ParameterValue;
  /** The hyperparameter that holds the value, if one does; `value` is what the person wrote. */
  readonly parameter?: string;
}

/** One convolution or pooling. */
export interface FeatureMapStep {
  readonly window: WindowSize;
  /** Absent when it is as long as the window, as for pooling. */
  readonly stride?: ParameterValue;
  readonly padding: 'valid' | 'same';
}

/** Steps that stay together, and how often they are passed. */
export interface FeatureMapSegment {
  readonly steps: readonly FeatureMapStep[];
  /**
   * The hyperparameter that counts the blocks of which this is number `block` (from 0). The last block is passed again
   * for each block beyond those that the person wrote.
   */
  readonly counted?: { readonly parameter: string; readonly block: number; readonly isLast: boolean };
  /** How often the steps are passed as they were written, once by default. */
  readonly passes?: number;
}

/** The way of the feature map through a network. */
export interface FeatureMap {
  /** Lengths of the input's axes without channels. Absent when they are only known once the network has been trained. */
  readonly size?: readonly number[];
  /** How many axes the windows move over: 1, 2 or 3. */
  readonly axes: number;
  readonly segments: readonly FeatureMapSegment[];
}

/**
 * Whether something is left of the feature map at every layer. An input of unknown size is taken to be as small as the
 * network as it was written allows.
 */
export function survives(map: FeatureMap, values: Values): boolean {
  return passes(map, map.size ?? smallestInput(map), values);
}

/** The smallest input, the same along each axis, that passes all layers as written; at most {@link largestGuess}. */
function smallestInput(map: FeatureMap): readonly number[] {
  for (let length = 1; length < largestGuess; length += 1) {
    const size = Array.from({ length: map.axes }, () => length);
    if (passes(map, size, {})) return size;
  }
  return Array.from({ length: map.axes }, () => largestGuess);
}

/** No network of a script of people's shrinks more than this. */
const largestGuess = 4096;

function passes(map: FeatureMap, size: readonly number[], values: Values): boolean {
  let left: readonly number[] = size;
  for (const { steps, counted, passes: written = 1 } of map.segments) {
    for (let pass = 0; pass < passCount(counted, values, written); pass += 1) {
      for (const step of steps) {
        left = left.map((length, axis) => shrink(length, axis, step, values));
        if (left.some((length) => length < 1)) return false;
      }
    }
  }
  return true;
}

function passCount(counted: FeatureMapSegment['counted'], values: Values, written: number): number {
  const blocks = counted === undefined ? undefined : values[counted.parameter];
  // Without a value the network is as it was written.
  if (counted === undefined || typeof blocks !== 'number') return written;
  const isThere = blocks > counted.block;
  return isThere && counted.isLast ? blocks - counted.block : Number(isThere);
}

/** Output lengths as Keras computes them: ⌈n / s⌉ for `same` padding, ⌊(n − k) / s⌋ + 1 for `valid` (Keras' layer guide). */
function shrink(length: number, axis: number, step: FeatureMapStep, values: Values): number {
  const { parameter, value } = step.window;
  const window = along(axis, (parameter === undefined ? undefined : values[parameter]) ?? value);
  const stride = step.stride === undefined ? window : along(axis, step.stride);
  if (step.padding === 'same') return Math.ceil(length / stride);
  return length < window ? 0 : Math.floor((length - window) / stride) + 1;
}

function along(axis: number, value: ParameterValue): number {
  const length = typeof value === 'object' ? (value[axis] ?? value[0]) : value;
  return typeof length === 'number' && length >= 1 ? length : 1;
}

/**
 * The maps with the input that a training has seen, where the script alone does not say it. With several networks it is
 * not known whose input that was.
 *
 * @param shape lengths of the axes of one input, channels last
 */
export function withMeasuredInput(
  maps: readonly FeatureMap[],
  shape: readonly number[] | undefined,
): readonly FeatureMap[] {
  const [map, ...others] = maps;
  if (map === undefined || others.length > 0 || map.size !== undefined || shape?.length !== map.axes + 1) return maps;
  const sized = { ...map, size: shape.slice(0, map.axes) };
  return [survives(sized, {}) ? sized : map];
}
