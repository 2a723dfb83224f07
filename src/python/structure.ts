import { type FeatureMap, type FeatureMapSegment, type FeatureMapStep, survives } from '../tuning/feature-map.js';
import type { IntParameter } from '../tuning/space.js';
import { type LayerBlocks, layerBlocks } from './blocks.js';
import { unusedObject } from './dead-values.js';
import { type ShrinkingLayers, shrinkingLayers } from './feature-maps.js';
import { SHAPELESS, type ValueOrigin } from './layer-arguments.js';
import { type LayerChain, type LayerLoop, layerChains } from './layer-chains.js';
import { layerRoles } from './model-outputs.js';
import type { Module, Project } from './project.js';
import { isInside, type SyntaxNode } from './syntax.js';
import { whyIgnored } from './tunable-uses.js';

/** The networks of a project as far as their layers stand in plain sight. */
export interface Structure {
  readonly blocks: readonly LayerBlocks[];
  /** Loops that add layers. */
  readonly loops: readonly FoundLoop[];
  readonly shrinking: readonly { readonly chain: LayerChain; readonly layers: ShrinkingLayers }[];
}

export interface FoundLoop {
  readonly module: Module;
  readonly loop: LayerLoop;
  /** Whether a further pass surely leaves something of the image: its feature map is followed, or there is none. */
  readonly mayGrow: boolean;
}

export function readStructure(project: Project): Structure {
  const reached = new Map();
  const chains = project.modules.flatMap((module) => {
    const roles = layerRoles(module);
    return layerChains(project, module)
      .filter(({ items }) => {
        const layer = items.find((item) => item.layer !== undefined)?.layer;
        return (
          layer !== undefined &&
          whyIgnored(project, module, layer, reached) === undefined &&
          unusedObject(project, module, layer) === undefined
        );
      })
      .map((chain) => ({ chain, blocks: layerBlocks(chain, roles) }));
  });
  const shrinking = chains.flatMap(({ chain }) => {
    const layers = shrinkingLayers(project, chain);
    return layers === undefined ? [] : [{ chain, layers }];
  });
  return {
    loops: chains.flatMap(({ chain: { module, items } }) =>
      items.flatMap(({ loop }) => (loop === undefined ? [] : [{ module, loop, mayGrow: isFollowed(loop, shrinking) }])),
    ),
    blocks: chains.flatMap(({ blocks }) => blocks),
    shrinking,
  };
}

function isFollowed(loop: LayerLoop, shrinking: Structure['shrinking']): boolean {
  const isShapeless = loop.items.every(({ name }) => name === 'Dense' || SHAPELESS.includes(name));
  return (
    isShapeless ||
    shrinking.some(({ layers: { layers, isComplete } }) => isComplete && layers.some((layer) => layer.loop === loop))
  );
}

/** Four blocks are the most that images of a usual size leave room for, and what `VGG` (arXiv 1409.1556) begins with. */
const MOST_BLOCKS = 4;

/**
 * One block up to four, or up to what was written if that is more. Convolutions only go as far as something is left of
 * the feature map, and nowhere beyond the written number where that can't be told. Undefined when that leaves no choice.
 *
 * @param map the way of the feature map, in which `name` counts the blocks
 */
export function blocksRange(name: string, blocks: LayerBlocks, map: FeatureMap | undefined): IntParameter | undefined {
  const written = blocks.blocks.length;
  let high = Math.max(MOST_BLOCKS, written);
  if (blocks.kind === 'conv_blocks') {
    while (high > written && (map === undefined || (map.size !== undefined && !survives(map, { [name]: high })))) {
      high -= 1;
    }
  }
  return high > 1 ? { name, type: 'int', low: 1, high } : undefined;
}

/** In which block, counted from 0, a node stands. */
export function blockOf({ chain, blocks }: LayerBlocks, module: Module, node: SyntaxNode): number | undefined {
  if (chain.module !== module) {
    return undefined;
  }
  const index = blocks.findIndex((block) => block.some((item) => isInside(node, item.node)));
  return index === -1 ? undefined : index;
}

/**
 * The way of the feature map, with the names of the hyperparameters that decide it.
 *
 * @param counter name of the hyperparameter that counts the convolutional blocks of this chain, if one does
 * @param nameOf name of the hyperparameter that a literal is, if it is one
 * @param loopCount how often a loop is passed
 */
export function featureMapOf(
  { layers, size, axes }: ShrinkingLayers,
  counted: { readonly name: string; readonly blocks: LayerBlocks } | undefined,
  nameOf: (origin: ValueOrigin) => string | undefined,
  loopCount: (loop: LayerLoop) => Pick<FeatureMapSegment, 'counted' | 'passes'>,
): FeatureMap {
  const segments: { block: number | undefined; loop: LayerLoop | undefined; steps: FeatureMapStep[] }[] = [];
  for (const { item, window, windowOrigin, stride, padding, loop } of layers) {
    const block = counted?.blocks.blocks.findIndex((items) => items.includes(item));
    const number = block === -1 ? undefined : block;
    const name = windowOrigin === undefined ? undefined : nameOf(windowOrigin);
    const step: FeatureMapStep = {
      window: { value: window, ...(name === undefined ? {} : { parameter: name }) },
      padding,
      ...(stride === undefined ? {} : { stride }),
    };
    const open = segments.at(-1);
    if (open !== undefined && open.block === number && open.loop === loop) {
      open.steps.push(step);
    } else {
      segments.push({ block: number, loop, steps: [step] });
    }
  }
  const last = (counted?.blocks.blocks.length ?? 0) - 1;
  const map: FeatureMap = {
    axes,
    segments: segments.map(({ block, loop, steps }): FeatureMapSegment => {
      if (loop !== undefined) {
        return { steps, ...loopCount(loop) };
      }
      return block === undefined || counted === undefined
        ? { steps }
        : { steps, counted: { parameter: counted.name, block, isLast: block === last } };
    }),
  };
  // A size in which the person's own network vanishes was misunderstood: `(3, 32, 32)` with the channels first.
  return size !== undefined && survives({ ...map, size }, {}) ? { ...map, size } : map;
}
