import type { FeatureMap, FeatureMapSegment } from '../tuning/feature-map.js';
import type { Condition, ParameterValue } from '../tuning/space.js';
import type { LayerBlocks } from './blocks.js';
import { type CoupledValue, couplingOf } from './couplings.js';
import type {
  Hyperparameter,
  HyperparameterKind,
  HyperparameterOverrides,
  InspectionWarning,
  LiteralPlace,
} from './inspection.js';
import type { ValueOrigin } from './layer-arguments.js';
import type { LayerLoop } from './layer-chains.js';
import { readParameter } from './parameter-files.js';
import { type Module, type Project, placeInFile, positionInFile } from './project.js';
import { overridden, rangeFor } from './ranges.js';
import { type Carrier, resolve } from './resolve.js';
import { blockOf, blocksRange, featureMapOf, readStructure } from './structure.js';
import { elementsOf, positionAt, type SyntaxNode, textOf } from './syntax.js';
import { decodeText } from './text.js';
import { type TunableUse, tunableUses } from './tunable-uses.js';

export interface FoundHyperparameters {
  readonly hyperparameters: readonly Hyperparameter[];
  readonly featureMaps: readonly FeatureMap[];
  readonly warnings: readonly InspectionWarning[];
}

interface Candidate {
  readonly place: LiteralPlace;
  readonly line: number;
  readonly column: number;
  readonly value: ParameterValue;
  readonly module: Module | undefined;
  readonly node: SyntaxNode | undefined;
  readonly carriers: Carrier[];
  readonly uses: TunableUse[];
  readonly sinks: Set<SyntaxNode>;
}

/**
 * The hyperparameters of a project: every literal whose meaning is certain, with the range in which it is tried. What
 * looks like one and is left alone is told as a warning, with the reason.
 */
export function findHyperparameters(project: Project, overrides: HyperparameterOverrides = {}): FoundHyperparameters {
  const warnings: InspectionWarning[] = [];
  const candidates = new Map<string, Candidate>();
  const structure = readStructure(project);
  const { uses, warnings: skipped } = tunableUses(project);
  warnings.push(...skipped);
  const loops = structure.loops.map(({ module, loop }): TunableUse => ({ module, kind: 'layers', value: loop.count }));
  for (const use of [...uses, ...loops]) {
    for (const origin of resolve(project, use.module, use.value)) {
      if (origin.kind === 'literal' || origin.kind === 'entry') {
        addCandidate(project, candidates, use, origin);
      } else if (origin.kind === 'unclear' || origin.kind === 'passed') {
        warnUnclear(warnings, use, origin.kind === 'unclear' ? origin.reason : 'it is given on the command line');
      }
    }
  }
  const kept: { candidate: Candidate; unnamed: Omit<Hyperparameter, 'name' | 'parameter'>; build: Builder }[] = [];
  for (const candidate of [...candidates.values()].sort(inSourceOrder(project))) {
    const isFixed = structure.loops.some(({ loop, mayGrow }) => !mayGrow && candidate.sinks.has(loop.count));
    const result = judge(project, candidate, isFixed);
    if ('refusal' in result) {
      warnings.push({ file: candidate.place.file, line: candidate.line, message: result.refusal });
    } else if (result.build !== undefined) {
      kept.push({ candidate, unnamed: result.unnamed, build: result.build });
    }
  }
  const names = nameAll([
    ...kept.map(({ candidate }) => baseName(candidate)),
    ...structure.blocks.map(({ kind }) => kind),
  ]);
  const nameByPlace = new Map(kept.map(({ candidate: { place } }, index) => [placeKey(place), names[index]]));
  const counted = structure.blocks.map((blocks, index) => ({ blocks, name: names[kept.length + index] ?? '' }));
  const featureMaps = structure.shrinking.map(({ chain, layers }) => {
    const counter = counted.find(({ blocks }) => blocks.kind === 'conv_blocks' && blocks.chain === chain);
    const nameOf = (origin: ValueOrigin): string | undefined => {
      const located = locate(project, origin);
      return located === undefined ? undefined : nameByPlace.get(placeKey(located.place));
    };
    const loopCount = ({ count }: LayerLoop): Pick<FeatureMapSegment, 'counted' | 'passes'> => {
      const index = kept.findIndex(({ candidate }) => candidate.sinks.has(count));
      const { value } = kept[index]?.candidate ?? {};
      return typeof value === 'number'
        ? { passes: value, counted: { parameter: names[index] ?? '', block: 0, isLast: true } }
        : { passes: Math.max(1, writtenCount(project, chain.module, count)) };
    };
    return { chain, map: featureMapOf(layers, counter, nameOf, loopCount), isComplete: layers.isComplete };
  });
  const hyperparameters = [
    ...kept.flatMap(({ candidate, unnamed, build }, index) => {
      const name = names[index] ?? '';
      const parameter = build(name);
      const when = conditionOf(candidate, counted);
      return parameter === undefined ? [] : withOverride({ ...unnamed, name, parameter }, overrides, when);
    }),
    ...counted.flatMap(({ blocks, name }) => {
      const followed = featureMaps.find(({ chain, isComplete }) => chain === blocks.chain && isComplete);
      const parameter = blocksRange(name, blocks, followed?.map);
      return parameter === undefined ? [] : withOverride({ ...describeBlocks(blocks), name, parameter }, overrides);
    }),
  ];
  return { hyperparameters, featureMaps: featureMaps.map(({ map }) => map), warnings: distinct(warnings) };
}

/** How often a loop whose count is no hyperparameter is passed; 0 when that is not written. */
function writtenCount(project: Project, module: Module, count: SyntaxNode): number {
  const [origin, ...others] = resolve(project, module, count);
  return origin?.kind === 'literal' && typeof origin.value === 'number' && others.length === 0 ? origin.value : 0;
}

function placeKey({ file, from }: LiteralPlace): string {
  return `${file}:${from}`;
}

/** The number of blocks has no literal; it stands where the first block begins. */
function describeBlocks({ chain, blocks, repeated }: LayerBlocks): Omit<Hyperparameter, 'name' | 'parameter'> {
  const { module } = chain;
  const start = positionInFile(module, blocks[0]?.[0]?.node.from ?? 0);
  return { kind: 'layers', file: module.file, ...start, value: blocks.length, places: [], repeated };
}

/** A literal that only later blocks use means nothing once these are left out. */
function conditionOf(
  candidate: Candidate,
  counted: readonly { readonly name: string; readonly blocks: LayerBlocks }[],
): Condition | undefined {
  for (const { blocks, name } of counted) {
    const found = candidate.uses.map(({ module, value }) => blockOf(blocks, module, value));
    const first = Math.min(...found.map((block) => block ?? 0));
    if (first > 0) {
      return { parameter: name, atLeast: first + 1 };
    }
  }
  return undefined;
}

type Builder = (name: string) => Hyperparameter['parameter'] | undefined;

function withOverride(
  hyperparameter: Hyperparameter,
  overrides: HyperparameterOverrides,
  when?: Condition,
): readonly Hyperparameter[] {
  const { name, kind, parameter } = hyperparameter;
  const override = overrides[name] ?? overrides[kind];
  if (override === 'off') {
    return [];
  }
  const changed = override === undefined ? parameter : overridden(parameter, override);
  return [{ ...hyperparameter, parameter: when === undefined ? changed : { ...changed, when } }];
}

function addCandidate(
  project: Project,
  candidates: Map<string, Candidate>,
  use: TunableUse,
  origin: ValueOrigin,
): void {
  const located = locate(project, origin);
  if (located === undefined) {
    return;
  }
  const key = placeKey(located.place);
  const known = candidates.get(key);
  const carriers = [...origin.through];
  const sinks = [use.value, ...(use.value.type === 'TupleExpression' ? elementsOf(use.value) : [])];
  if (known !== undefined) {
    known.uses.push(use);
    for (const sink of sinks) {
      known.sinks.add(sink);
    }
    known.carriers.push(...carriers);
    return;
  }
  candidates.set(key, {
    ...located,
    value: origin.value,
    module: origin.kind === 'literal' ? origin.module : undefined,
    node: origin.kind === 'literal' ? origin.node : undefined,
    carriers,
    uses: [use],
    sinks: new Set(sinks),
  });
}

function locate(
  project: Project,
  origin: ValueOrigin,
): { place: LiteralPlace; line: number; column: number } | undefined {
  if (origin.kind === 'literal') {
    const place = placeInFile(origin.module, origin.node.from, origin.node.to);
    return place === undefined ? undefined : { place, ...positionInFile(origin.module, origin.node.from) };
  }
  const entry = readParameter(project.files, origin.file, origin.path);
  if (entry === undefined || entry === 'group') {
    return undefined;
  }
  const { text } = decodeText(project.files.get(origin.file) ?? new Uint8Array());
  return { place: entry.place, ...positionAt(text, entry.place.from) };
}

/** Main script first, then local modules in the order they are imported, then parameter files; by place in each. */
function inSourceOrder(project: Project): (left: Candidate, right: Candidate) => number {
  const order = new Map(project.modules.map((module, index) => [module.file, index]));
  const rank = (candidate: Candidate): number => order.get(candidate.place.file) ?? order.size;
  return (left, right) => rank(left) - rank(right) || left.place.from - right.place.from;
}

/** Words in the name of a constant that say that it is not for tuning, whatever it is used for. */
const FIXED_WORDS = [
  'class',
  'categor',
  'label',
  'vocab',
  'seed',
  'channel',
  'shape',
  'img',
  'image',
  'width',
  'height',
];

/** @param mayNotGrow whether more of it could leave nothing of the image */
function judge(
  project: Project,
  candidate: Candidate,
  mayNotGrow: boolean,
): { refusal: string } | { unnamed: Omit<Hyperparameter, 'name' | 'parameter'>; build: Builder | undefined } {
  const { place, line, column, value, uses } = candidate;
  const first = uses[0];
  const kinds = new Set(uses.map((use) => use.kind));
  if (first === undefined || kinds.size > 1) {
    return { refusal: `${place.written} is used as ${[...kinds].join(' and ')}, so it is left alone` };
  }
  const kind = first.kind;
  const fixed = candidate.carriers
    .map(carrierName)
    .find((name) => FIXED_WORDS.some((word) => name.toLowerCase().includes(word)));
  if (fixed !== undefined) {
    return { refusal: `${fixed} does not look like something to tune, so it is left alone` };
  }
  const coupled: CoupledValue = {
    kind,
    value,
    module: candidate.module,
    node: candidate.node,
    carriers: candidate.carriers,
    sinks: candidate.sinks,
  };
  const coupling = couplingOf(project, coupled);
  if (coupling.refusal !== undefined) {
    return { refusal: `${kind} ${place.written} is left alone: ${coupling.refusal}` };
  }
  const { argument, optimizer } = first;
  const request = {
    kind,
    value,
    written: place.written,
    limits: mayNotGrow && typeof value === 'number' ? { ...coupling.limits, high: value } : coupling.limits,
    ...(argument === undefined ? {} : { argument }),
    ...(optimizer === undefined ? {} : { optimizer }),
  };
  const build: Builder = (name) => rangeFor({ ...request, name });
  const twins = uses.flatMap(({ module, twin }) =>
    twin === undefined ? [] : (placeInFile(module, twin.from, twin.to) ?? []),
  );
  const unnamed = { kind, file: place.file, line, column, value, places: [place, ...twins] };
  if (build('') !== undefined) {
    return { unnamed, build };
  }
  const isNarrowed = coupling.limits.low !== undefined || coupling.limits.high !== undefined;
  return isNarrowed
    ? { refusal: `${kind} ${place.written} is left alone: the arithmetic that uses it leaves no other value` }
    : { unnamed, build: undefined };
}

function carrierName(carrier: Carrier): string {
  return carrier.type === 'name' ? carrier.binding.name : carrier.name;
}

function baseName(candidate: Candidate): string {
  const use = candidate.uses[0];
  return use?.argument ?? use?.kind ?? 'other';
}

/** The kind, numbered in source order where there are several of one kind. */
function nameAll(bases: readonly string[]): readonly string[] {
  const counts = new Map<string, number>();
  return bases.map((base) => {
    if (bases.filter((other) => other === base).length === 1) {
      return base;
    }
    const count = (counts.get(base) ?? 0) + 1;
    counts.set(base, count);
    return `${base}_${count}`;
  });
}

/** Objects and `None` are no values to tune; a computed number is worth a word. */
const SILENT: readonly HyperparameterKind[] = ['optimizer', 'activation'];

function warnUnclear(warnings: InspectionWarning[], use: TunableUse, reason: string): void {
  if (SILENT.includes(use.kind) || ['None', 'Boolean'].includes(use.value.type)) {
    return;
  }
  const { line } = positionInFile(use.module, use.value.from);
  const message = `${use.kind} \`${textOf(use.module, use.value)}\` is left alone: ${reason}`;
  warnings.push({ file: use.module.file, line, message });
}

function distinct(warnings: readonly InspectionWarning[]): readonly InspectionWarning[] {
  const seen = new Map(warnings.map((warning) => [`${warning.file}:${warning.line}:${warning.message}`, warning]));
  return [...seen.values()];
}
