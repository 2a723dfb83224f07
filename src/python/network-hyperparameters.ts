import type { FeatureMap, FeatureMapSegment } from '../tuning/feature-map.js';
import type { Condition, ParameterValue } from '../tuning/space.js';
import type { LayerBlocks } from './blocks.js';
import type { Hyperparameter } from './inspection.js';
import type { ValueOrigin } from './layer-arguments.js';
import type { LayerLoop } from './layer-chains.js';
import { type Module, type Project, positionInFile } from './project.js';
import { resolve } from './resolve.js';
import { blockOf, blocksRange, featureMapOf, type Structure } from './structure.js';
import type { SyntaxNode } from './syntax.js';
import type { TunableUse } from './tunable-uses.js';

/** Blocks of layers with the name of the hyperparameter that counts them. */
export interface CountedBlocks {
  readonly name: string;
  readonly blocks: LayerBlocks;
}

/** What the networks have to know of the literals that are hyperparameters. */
export interface LiteralNames {
  /** The hyperparameter that a literal is, if it is one. */
  nameOf(origin: ValueOrigin): string | undefined;
  /** The hyperparameter that an expression takes its value from, if it does. */
  takenBy(expression: SyntaxNode): { readonly name: string; readonly value: ParameterValue } | undefined;
}

/** The numbers of blocks as hyperparameters, and how far the networks shrink their images. */
export function networkHyperparameters(
  project: Project,
  structure: Structure,
  counted: readonly CountedBlocks[],
  literals: LiteralNames,
): { readonly counts: readonly Hyperparameter[]; readonly featureMaps: readonly FeatureMap[] } {
  const followed = structure.shrinking.map(({ chain, layers }) => {
    const counter = counted.find(({ blocks }) => blocks.kind === 'conv_blocks' && blocks.chain === chain);
    const loopCount = ({ count }: LayerLoop): Pick<FeatureMapSegment, 'counted' | 'passes'> => {
      const taken = literals.takenBy(count);
      return typeof taken?.value === 'number'
        ? { passes: taken.value, counted: { parameter: taken.name, block: 0, isLast: true } }
        : { passes: writtenCount(project, chain.module, count) };
    };
    const map = featureMapOf(layers, counter, (origin) => literals.nameOf(origin), loopCount);
    return { chain, map, isComplete: layers.isComplete };
  });
  const counts = counted.flatMap(({ name, blocks }) => {
    const way = followed.find(({ chain, isComplete }) => chain === blocks.chain && isComplete);
    const parameter = blocksRange(name, blocks, way?.map);
    return parameter === undefined ? [] : [{ ...describeBlocks(blocks), name, parameter }];
  });
  return { counts, featureMaps: followed.map(({ map }) => map) };
}

/** How often a loop whose count is no hyperparameter is passed; once at least, also where that is not written. */
function writtenCount(project: Project, module: Module, count: SyntaxNode): number {
  const [origin, ...others] = resolve(project, module, count);
  const value = origin?.kind === 'literal' && others.length === 0 ? origin.value : undefined;
  return typeof value === 'number' ? Math.max(1, value) : 1;
}

/** The number of blocks has no literal; it stands where the first block begins. */
function describeBlocks({ chain, blocks, repeated }: LayerBlocks): Omit<Hyperparameter, 'name' | 'parameter'> {
  const { module } = chain;
  const start = positionInFile(module, blocks[0]?.[0]?.node.from ?? 0);
  return { kind: 'layers', file: module.file, ...start, value: blocks.length, places: [], repeated };
}

/** A literal that only later blocks use means nothing once these are left out. */
export function conditionOf(uses: readonly TunableUse[], counted: readonly CountedBlocks[]): Condition | undefined {
  for (const { blocks, name } of counted) {
    const found = uses.map(({ module, value }) => blockOf(blocks, module, value));
    const first = Math.min(...found.map((block) => block ?? 0));
    if (first > 0) {
      return { parameter: name, atLeast: first + 1 };
    }
  }
  return undefined;
}
