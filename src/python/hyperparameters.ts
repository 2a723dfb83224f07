import type { FeatureMap } from '../tuning/feature-map.js';
import type { Condition, ParameterValue } from '../tuning/space.js';
import { type CoupledValue, couplingOf } from './couplings.js';
import type {
  Hyperparameter,
  HyperparameterKind,
  HyperparameterOverrides,
  InspectionWarning,
  LiteralPlace,
  ScriptCommand,
} from './inspection.js';
import type { ValueOrigin } from './layer-arguments.js';
import { conditionOf, networkHyperparameters } from './network-hyperparameters.js';
import { readParameter } from './parameter-files.js';
import {
  type CommandLine,
  isOptional,
  isTested,
  type PassedSlot,
  readCommandLine,
  type Unclear,
  valueOnCommandLine,
} from './passed-values.js';
import { type Module, type Project, placeInFile, positionInFile } from './project.js';
import { type Limits, limitedTo, overridden, rangeFor, withinRange } from './ranges.js';
import { type Carrier, type Origin, type PassedValue, resolve } from './resolve.js';
import { readStructure } from './structure.js';
import { elementsOf, positionAt, type SyntaxNode, textOf } from './syntax.js';
import { decodeText } from './text.js';
import { type TunableUse, tunableUses } from './tunable-uses.js';

export interface FoundHyperparameters {
  readonly hyperparameters: readonly Hyperparameter[];
  readonly featureMaps: readonly FeatureMap[];
  readonly command: ScriptCommand;
  readonly warnings: readonly InspectionWarning[];
}

interface Candidate {
  /** The file and the offset that put it in order and that a person is shown. */
  readonly file: string;
  readonly from: number;
  readonly place: LiteralPlace;
  readonly written: string;
  readonly line: number;
  readonly column: number;
  readonly value: ParameterValue;
  readonly module: Module | undefined;
  readonly node: SyntaxNode | undefined;
  readonly carriers: Carrier[];
  readonly uses: TunableUse[];
  readonly sinks: Set<SyntaxNode>;
  /** For a value that is given on the command line, or in the environment. */
  readonly slot?: PassedSlot;
  /** The only values that the script accepts. */
  readonly choices?: readonly ParameterValue[];
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
  const commandLine = readCommandLine(project);
  for (const use of [...uses, ...loops]) {
    for (const origin of resolve(project, use.module, use.value)) {
      const problem =
        origin.kind === 'literal' || origin.kind === 'entry'
          ? addWritten(project, candidates, commandLine, use, origin)
          : origin.kind === 'passed'
            ? addPassed(candidates, commandLine, use, origin)
            : origin.kind === 'unclear'
              ? origin
              : undefined;
      if (problem !== undefined) {
        warnUnclear(warnings, use, problem.reason);
      }
    }
  }
  const judged: Kept[] = [];
  for (const candidate of [...candidates.values()].sort(inSourceOrder(project))) {
    const isFixed = structure.loops.some(({ loop, mayGrow }) => !mayGrow && candidate.sinks.has(loop.count));
    const result = judge(project, commandLine, candidate, isFixed);
    if ('refusal' in result) {
      warnings.push({ file: candidate.file, line: candidate.line, message: result.refusal });
    } else if (result.build !== undefined) {
      judged.push({ candidate, unnamed: result.unnamed, build: result.build });
    }
  }
  const gaps = commandLine.gaps(judged.flatMap(({ candidate }) => candidate.slot ?? []));
  const kept = judged.filter(({ candidate }) => !gaps.has(candidate.slot?.key ?? ''));
  for (const { candidate, unnamed } of judged) {
    const reason = gaps.get(candidate.slot?.key ?? '');
    if (reason !== undefined) {
      const message = `${unnamed.kind} is left alone: ${reason}; set arguments: in .pushtune.yml`;
      warnings.push({ file: candidate.file, line: candidate.line, message });
    }
  }
  const names = nameAll([
    ...kept.map(({ candidate }) => baseName(candidate)),
    ...structure.blocks.map(({ kind }) => kind),
  ]);
  const counted = structure.blocks.map((blocks, index) => ({ blocks, name: names[kept.length + index] ?? '' }));
  const named = kept.flatMap(({ candidate, unnamed, build }, index) => {
    const name = names[index] ?? '';
    const parameter = build(name);
    const when = conditionOf(candidate.uses, counted);
    return parameter === undefined
      ? []
      : [{ candidate, ...settled(candidate, { ...unnamed, name, parameter }, overrides, when) }];
  });
  const added = named.flatMap(({ candidate: { slot }, value, isOff }) =>
    slot === undefined || slot.given !== undefined || (isOff && isOptional(slot)) ? [] : [{ slot, value }],
  );
  const { command, places } = commandLine.complete(added);
  const literals = named.flatMap(({ candidate, hyperparameter, isOff }) => {
    const place = places.get(candidate.slot?.key ?? '');
    return isOff ? [] : [place === undefined ? hyperparameter : { ...hyperparameter, places: [place] }];
  });
  warnings.push(...commandLine.unfilled(new Set(added.map(({ slot }) => slot.key))));
  const { counts, featureMaps } = networkHyperparameters(project, structure, counted, {
    nameOf: (origin) => {
      const located = locate(project, origin);
      const key = located === undefined ? undefined : placeKey(located.place);
      return names[kept.findIndex(({ candidate }) => placeKey(candidate.place) === key)];
    },
    takenBy: (expression) => {
      const index = kept.findIndex(({ candidate }) => candidate.sinks.has(expression));
      const name = names[index];
      const value = kept[index]?.unnamed.value;
      return name === undefined || value === undefined ? undefined : { name, value };
    },
  });
  const hyperparameters = [...literals, ...counts.flatMap((count) => withOverride(count, overrides))];
  return { hyperparameters, featureMaps, command, warnings: distinct(warnings) };
}

function placeKey({ file, from }: LiteralPlace): string {
  return `${file}:${from}`;
}

interface Kept {
  readonly candidate: Candidate;
  readonly unnamed: Omit<Hyperparameter, 'name' | 'parameter'>;
  readonly build: Builder;
}

type Builder = (name: string) => Hyperparameter['parameter'] | undefined;

function withOverride(hyperparameter: Hyperparameter, overrides: HyperparameterOverrides): readonly Hyperparameter[] {
  const override = overrideOf(hyperparameter, overrides);
  if (override === undefined) {
    return [hyperparameter];
  }
  return override === 'off' ? [] : [{ ...hyperparameter, parameter: overridden(hyperparameter.parameter, override) }];
}

/** A hyperparameter's own name counts before its kind. */
function overrideOf({ name, kind }: Hyperparameter, overrides: HyperparameterOverrides) {
  return overrides[name] ?? overrides[kind];
}

/** What a person's override makes of a hyperparameter. A value that nobody wrote moves into a person's range. */
function settled(
  { slot }: Candidate,
  found: Hyperparameter,
  overrides: HyperparameterOverrides,
  when: Condition | undefined,
): { readonly hyperparameter: Hyperparameter; readonly value: ParameterValue; readonly isOff: boolean } {
  const override = overrideOf(found, overrides);
  const condition = when === undefined ? {} : { when };
  if (override === undefined || override === 'off') {
    const hyperparameter = { ...found, parameter: { ...found.parameter, ...condition } };
    return { hyperparameter, value: found.value, isOff: override === 'off' };
  }
  const parameter = { ...overridden(found.parameter, override), ...condition };
  const isWritten = slot === undefined || slot.given !== undefined;
  const value = isWritten ? found.value : withinRange(parameter, found.value);
  return { hyperparameter: { ...found, parameter, value }, value, isOff: false };
}

/** A default that something given on the command line replaces is no value of the script's any more. */
function addWritten(
  project: Project,
  candidates: Map<string, Candidate>,
  commandLine: CommandLine,
  use: TunableUse,
  origin: ValueOrigin,
): Unclear | undefined {
  for (const passed of origin.unless ?? []) {
    const slot = commandLine.find(passed);
    if ('reason' in slot && slot.mayBeGiven === true) {
      return slot;
    }
    if ('given' in slot) {
      return addSlot(candidates, use, slot, origin.through);
    }
  }
  addCandidate(project, candidates, use, origin);
  return undefined;
}

function addPassed(
  candidates: Map<string, Candidate>,
  commandLine: CommandLine,
  use: TunableUse,
  { passed, through }: Extract<Origin, { kind: 'passed' }>,
): Unclear | undefined {
  const slot = commandLine.find(passed);
  if ('reason' in slot) {
    return slot;
  }
  const reason = slot.given === undefined ? commandLine.whyFixed(passed) : undefined;
  return reason === undefined
    ? addSlot(candidates, use, slot, through)
    : { reason: `${reason}; give it with arguments: in .pushtune.yml` };
}

function addSlot(
  candidates: Map<string, Candidate>,
  use: TunableUse,
  slot: PassedSlot,
  through: readonly Carrier[],
): Unclear | undefined {
  const known = candidates.get(slot.key);
  if (known !== undefined) {
    known.uses.push(use);
    known.sinks.add(use.value);
    known.carriers.push(...through);
    return undefined;
  }
  const { module, node } = slot.passed;
  const found = valueOnCommandLine(slot, use.kind);
  if ('reason' in found) {
    return found;
  }
  const choices = choicesOf(slot.passed);
  const { value } = found;
  // Where a value that is missing in the file is written follows when all of them are known.
  const place = slot.given?.place ?? placeInFile(module, node.from, node.to);
  if (place === undefined) {
    return undefined;
  }
  candidates.set(slot.key, {
    file: module.file,
    from: node.from,
    place,
    written: slot.given?.text ?? String(value),
    ...positionInFile(module, node.from),
    value,
    module: undefined,
    node: undefined,
    carriers: [...through],
    uses: [use],
    sinks: new Set([use.value]),
    slot,
    ...(choices === undefined ? {} : { choices }),
  });
  return undefined;
}

function choicesOf(passed: PassedValue | undefined): readonly ParameterValue[] | undefined {
  const choices = passed?.by.type === 'option' ? passed.by.option.choices : undefined;
  return choices === 'computed' ? undefined : choices;
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
  const choices = choicesOf(origin.unless?.[0]);
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
    file: located.place.file,
    from: located.place.from,
    written: located.place.written,
    value: origin.value,
    module: origin.kind === 'literal' ? origin.module : undefined,
    node: origin.kind === 'literal' ? origin.node : undefined,
    carriers,
    uses: [use],
    sinks: new Set(sinks),
    ...(choices === undefined ? {} : { choices }),
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
  const rank = (candidate: Candidate): number => order.get(candidate.file) ?? order.size;
  return (left, right) => rank(left) - rank(right) || left.from - right.from;
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
  commandLine: CommandLine,
  candidate: Candidate,
  mayNotGrow: boolean,
): { refusal: string } | { unnamed: Omit<Hyperparameter, 'name' | 'parameter'>; build: Builder | undefined } {
  const { file, place, written, line, column, uses, slot, choices } = candidate;
  const first = uses[0];
  const kinds = new Set(uses.map((use) => use.kind));
  if (first === undefined || kinds.size > 1) {
    return { refusal: `${written} is used as ${[...kinds].join(' and ')}, so it is left alone` };
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
    value: candidate.value,
    module: candidate.module,
    node: candidate.node,
    carriers: candidate.carriers,
    sinks: candidate.sinks,
    ...(slot === undefined ? {} : { reads: commandLine.readsOf(slot.passed) }),
  };
  const coupling = couplingOf(project, coupled);
  if (coupling.refusal !== undefined) {
    return { refusal: `${kind} ${written} is left alone: ${coupling.refusal}` };
  }
  const isMissing = slot !== undefined && slot.given === undefined;
  if (isMissing && isOptional(slot) && isTested(project, candidate.carriers)) {
    return { refusal: `${kind} is left alone: the script does something else when it is not given` };
  }
  const value = isMissing ? withinLimits(candidate.value, coupling.limits) : candidate.value;
  const { argument, optimizer } = first;
  const request = {
    kind,
    value,
    written,
    limits: mayNotGrow && typeof value === 'number' ? { ...coupling.limits, high: value } : coupling.limits,
    ...(argument === undefined ? {} : { argument }),
    ...(optimizer === undefined ? {} : { optimizer }),
  };
  const build: Builder = (name) => {
    const range = rangeFor({ ...request, name });
    return range === undefined || choices === undefined ? range : limitedTo(range, choices, value);
  };
  const twins = uses.flatMap(({ module, twin }) =>
    twin === undefined ? [] : (placeInFile(module, twin.from, twin.to) ?? []),
  );
  const unnamed = { kind, file, line, column, value, places: [place, ...twins] };
  if (build('') !== undefined) {
    return { unnamed, build };
  }
  const isNarrowed = coupling.limits.low !== undefined || coupling.limits.high !== undefined;
  return isNarrowed
    ? { refusal: `${kind} ${written} is left alone: the arithmetic that uses it leaves no other value` }
    : { unnamed, build: undefined };
}

/** A value that nobody wrote is chosen such that the arithmetic around it holds. */
function withinLimits(value: ParameterValue, { low, high }: Limits): ParameterValue {
  return typeof value === 'number' ? Math.min(Math.max(value, low ?? value), high ?? Infinity) : value;
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
