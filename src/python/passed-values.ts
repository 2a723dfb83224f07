/** What a script takes from its command line and its environment, and what it is given there. */
import type { ParameterValue } from '../tuning/space.js';
import { commandFile, formatWord, isSettableVariable, readCommandFile } from './command-file.js';
import { type ArgparseOption, optionsOf } from './command-line.js';
import { carrierUses, type Use } from './couplings.js';
import type { HyperparameterKind, InspectionWarning, LiteralPlace, ScriptCommand } from './inspection.js';
import { readNumber } from './literals.js';
import { importedModules, type Module, type Project, positionInFile } from './project.js';
import {
  type Carrier,
  callsOf,
  environmentKey,
  importedName,
  type PassedValue,
  readsCommandLine,
  systemArgument,
} from './resolve.js';
import { type Binding, lookUp, scopeOf } from './scopes.js';
import { startingValue } from './starting-values.js';
import { ancestor, callArguments, calleeOf, findArgument, lastName, type SyntaxNode, textOf, walk } from './syntax.js';

/** Something that can be passed: what `.pushtune.yml` gives for it, or nothing yet. */
export interface PassedSlot {
  /** The same for every place that reads it. */
  readonly key: string;
  readonly passed: PassedValue;
  readonly given?: { readonly text: string; readonly place: LiteralPlace };
}

export interface Unclear {
  readonly reason: string;
  /** Whether `.pushtune.yml` may give it all the same, so that a default in the script need not count. */
  readonly mayBeGiven?: boolean;
}

/** The command line of a project's main script. */
export interface CommandLine {
  /** What `.pushtune.yml` gives, as far as that is clear. */
  find(passed: PassedValue): PassedSlot | Unclear;
  /** Why a value cannot be added to the command line that `.pushtune.yml` names. */
  whyFixed(passed: PassedValue): string | undefined;
  /** Every place that reads an argument by its position, or a variable. */
  readsOf(passed: PassedValue): readonly Use[];
  /** Arguments by position that cannot be added, since one before them is not known: their keys and the reason. */
  gaps(slots: readonly PassedSlot[]): ReadonlyMap<string, string>;
  /** The command line with values for what `.pushtune.yml` leaves out, and where each of these is written. */
  complete(added: readonly { readonly slot: PassedSlot; readonly value: ParameterValue }[]): {
    readonly command: ScriptCommand;
    readonly places: ReadonlyMap<string, LiteralPlace>;
  };
  /** What the script cannot run without and nobody gives. `added` are the keys of what is. */
  unfilled(added: ReadonlySet<string>): readonly InspectionWarning[];
}

interface Parser {
  readonly module: Module;
  readonly parser: Binding | undefined;
}

/** Packages that read the command line by rules of their own. */
const OTHER_PARSERS = [
  'absl.app',
  'absl.flags',
  'click',
  'docopt',
  'fire',
  'getopt',
  'hydra',
  'optparse',
  'sacred',
  'typer',
  'tyro',
];

/** Reads which command line `.pushtune.yml` gives to a project, and who reads it. */
export function readCommandLine(project: Project): CommandLine {
  const file = readCommandFile(project.files);
  const words = file.arguments.map(({ text }) => text);
  const parsers = runningParsers(project);
  const system = systemArgumentUses(project);
  const variables = variableUses(project);
  const other = OTHER_PARSERS.find((name) =>
    project.modules.some((module) =>
      importedModules(module).some((imported) => imported === name || imported.startsWith(`${name}.`)),
    ),
  );

  return { find, whyFixed, readsOf, gaps, complete, unfilled };

  function find(passed: PassedValue): PassedSlot | Unclear {
    const key = keyOf(passed);
    switch (passed.by.type) {
      case 'option': {
        const index = indexOfOption(passed.module, passed.by.option, passed.by.parser);
        return index !== undefined && 'reason' in index ? index : slotAt(key, passed, index);
      }
      case 'position': {
        if (parsers.length > 0) {
          return { reason: 'argparse reads the same command line' };
        }
        return isConditional(passed) ? onlyIfGiven(false) : slotAt(key, passed, { at: passed.by.position - 1 });
      }
      case 'variable': {
        const { variable } = passed.by;
        if (variables.changed.has(variable) || variables.changed.has('')) {
          return { reason: `the script sets ${variable} itself` };
        }
        if (!isSettableVariable(variable)) {
          return { reason: `${variable} is not a variable that ${commandFile} may set` };
        }
        const given = file.variables.get(variable);
        if (isConditional(passed)) {
          return onlyIfGiven(given !== undefined);
        }
        if (given === undefined) {
          return { key, passed };
        }
        const place = { file: commandFile, syntax: 'variable' as const, passed: { variable } };
        return given.place === undefined
          ? spread(given.text)
          : withGiven(key, passed, given.text, { ...place, ...given.place });
      }
    }
  }

  function slotAt(key: string, passed: PassedValue, where: WordPlace | undefined): PassedSlot | Unclear {
    const word = where === undefined ? undefined : file.arguments[where.at];
    if (where === undefined || word === undefined) {
      return { key, passed };
    }
    const start = where.start ?? 0;
    const text = word.text.slice(start);
    // In quotes the value begins one character later; with escapes in them it is not known where.
    const quote = word.place?.written === word.text ? 0 : 1;
    const isWhole = start === 0;
    if (word.place === undefined || (!isWhole && word.place.written.slice(quote).indexOf(word.text) !== 0)) {
      return spread(word.text);
    }
    const from = isWhole ? word.place.from : word.place.from + quote + start;
    const written = isWhole ? word.place.written : text;
    const to = from + written.length;
    const place = { file: commandFile, syntax: 'argument' as const, passed: { index: where.at }, from, to, written };
    return withGiven(key, passed, text, place);
  }

  /** Which word is the value of an option; undefined when none is. */
  function indexOfOption(
    module: Module,
    option: ArgparseOption,
    parser: Binding | undefined,
  ): WordPlace | Unclear | undefined {
    if (!option.isPlain) {
      const mayBeGiven = isPositional(option) ? words.length > 0 : words.some((word) => mayBeFlag(word, option));
      return { reason: `${option.name} does not take exactly one value`, mayBeGiven };
    }
    if (words.includes('--')) {
      return { reason: `there is a -- among the arguments in ${commandFile}`, mayBeGiven: true };
    }
    if (isPositional(option)) {
      return indexOfPositional(module, option, parser);
    }
    let found: WordPlace | Unclear | undefined;
    words.forEach((word, index) => {
      const flag = flagOf(word);
      if (option.flags.includes(word)) {
        const reason = `nothing follows ${word} in ${commandFile}`;
        found = index + 1 < words.length ? { at: index + 1 } : { reason, mayBeGiven: true };
      } else if (option.flags.includes(flag) && flag.startsWith('--')) {
        found = { at: index, start: flag.length + 1 };
      } else if (isAbbreviation(flag, option) && !isFlag(module, parser, flag)) {
        const reason = `${word} in ${commandFile} may mean it; write ${option.name} and its value as two words`;
        found = { reason, mayBeGiven: true };
      }
    });
    return found;
  }

  function indexOfPositional(
    module: Module,
    option: ArgparseOption,
    parser: Binding | undefined,
  ): WordPlace | Unclear | undefined {
    const { options, isComplete } = optionsOf(module, parser);
    const before = options.slice(0, options.indexOf(sameCall(options, option))).filter(isPositional);
    const places = positionalPlaces(options, words);
    const offset = before.reduce((sum, { words: count }) => sum + (count === 'several' ? Number.NaN : count), 0);
    if (!isComplete || places === undefined || Number.isNaN(offset) || hasSubcommands(module)) {
      const reason = `which word of the command line ${option.name} is cannot be told`;
      return { reason, mayBeGiven: words.length > 0 };
    }
    const at = places[offset];
    return at === undefined ? undefined : { at };
  }

  function isFlag(module: Module, parser: Binding | undefined, flag: string): boolean {
    return optionsOf(module, parser).options.some(({ flags }) => flags.includes(flag));
  }

  function whyFixed(passed: PassedValue): string | undefined {
    if (passed.by.type === 'variable') {
      return undefined;
    }
    if (other !== undefined) {
      return `${other} reads the command line, too`;
    }
    if (passed.by.type === 'position') {
      return system.isOpen ? 'the script uses sys.argv in other ways, too' : undefined;
    }
    if (system.reads.length > 0) {
      return 'the script reads sys.argv, too';
    }
    if (parsers.length > 1) {
      return 'several parsers read the command line';
    }
    if (hasSubcommands(passed.module)) {
      return 'the script has subcommands';
    }
    return passed.by.option.isExclusive ? 'it excludes other options' : undefined;
  }

  function readsOf({ by }: PassedValue): readonly Use[] {
    if (by.type === 'option') {
      return [];
    }
    const reads =
      by.type === 'position'
        ? system.reads.filter(({ position }) => position === by.position)
        : variables.reads.filter(({ variable }) => variable === by.variable);
    return reads.map(({ module, use }) => ({ module, use: convertedWhole(module, use) }));
  }

  function gaps(slots: readonly PassedSlot[]): ReadonlyMap<string, string> {
    const refused = new Map<string, string>();
    const missing = slots.filter(({ given }) => given === undefined);
    const byPosition = missing.flatMap((slot) =>
      slot.passed.by.type === 'position' ? [{ slot, position: slot.passed.by.position }] : [],
    );
    let next = words.length + 1;
    for (const { slot, position } of byPosition.sort((a, b) => a.position - b.position)) {
      if (position === next) {
        next += 1;
      } else {
        refused.set(slot.key, `sys.argv[${next}], which comes before it, is not known`);
      }
    }
    for (const slot of missing) {
      const { by, module } = slot.passed;
      if (by.type === 'option' && isPositional(by.option)) {
        const { options } = optionsOf(module, by.parser);
        const before = options.slice(0, options.indexOf(sameCall(options, by.option))).filter(isPositional);
        const unknown = before.find((option) => !isFilled(module, by.parser, option, missing, refused));
        if (unknown !== undefined) {
          refused.set(slot.key, `${unknown.name}, which comes before it, is not known`);
        }
      }
    }
    return refused;
  }

  function isFilled(
    module: Module,
    parser: Binding | undefined,
    option: ArgparseOption,
    added: readonly PassedSlot[],
    refused: ReadonlyMap<string, string>,
  ): boolean {
    const isAdded = added.some(({ key, passed }) => {
      const isSame = passed.by.type === 'option' && passed.by.option.call === option.call;
      return isSame && !refused.has(key);
    });
    return isAdded || isGiven(module, parser, option);
  }

  function isGiven(module: Module, parser: Binding | undefined, option: ArgparseOption): boolean {
    if (!isPositional(option)) {
      return words.some((word) => mayBeFlag(word, option));
    }
    const index = indexOfPositional(module, option, parser);
    return index !== undefined && ('at' in index || index.mayBeGiven === true);
  }

  function complete(added: readonly { readonly slot: PassedSlot; readonly value: ParameterValue }[]) {
    const texts = added.map(({ slot, value }) => ({ slot, text: formatWord(value, '')?.text ?? String(value) }));
    const newWords: string[] = [];
    const newVariables: Record<string, string> = {};
    const indices = new Map<string, number>();
    const inOrder = [...texts].sort((a, b) => wordOrder(a.slot) - wordOrder(b.slot));
    for (const { slot, text } of inOrder) {
      const { by } = slot.passed;
      if (by.type === 'variable') {
        newVariables[by.variable] = text;
        continue;
      }
      if (by.type === 'option' && !isPositional(by.option)) {
        newWords.push(by.option.name);
      }
      indices.set(slot.key, words.length + newWords.length);
      newWords.push(text);
    }
    const all: ScriptCommand = { arguments: newWords, variables: newVariables };
    const places = texts.map(({ slot, text }): [string, LiteralPlace] => {
      const { by } = slot.passed;
      const index = indices.get(slot.key);
      const which = by.type === 'variable' ? { variable: by.variable } : index === undefined ? {} : { index };
      const syntax = by.type === 'variable' ? 'variable' : 'argument';
      return [slot.key, { file: commandFile, from: 0, to: 0, written: text, syntax, passed: { ...which, added: all } }];
    });
    const own = [...file.variables].map(([name, { text }]) => [name, text] as const);
    return {
      command: {
        arguments: [...words, ...newWords],
        variables: { ...Object.fromEntries(own), ...newVariables },
      },
      places: new Map(places),
    };
  }

  function unfilled(added: ReadonlySet<string>): readonly InspectionWarning[] {
    const reads = system.reads.filter(({ position, module, use }) => {
      const isKnown = position <= words.length || added.has(`position ${position}`);
      return !isKnown && parsers.length === 0 && isCertain(project, module, use);
    });
    const first = reads[0];
    const names = [...new Set(reads.map(({ position }) => `sys.argv[${position}]`))].sort();
    const example = exampleOf(Math.max(0, ...reads.map(({ position }) => position)));
    const positions = first === undefined ? [] : [warning(first.module, first.use, names.join(', '), example)];
    const options = parsers.flatMap(({ module, parser }) => {
      if (hasSubcommands(module)) {
        return [];
      }
      const missing = optionsOf(module, parser)
        .options.filter((option) => option.isRequired && !option.isExclusive)
        .filter((option) => !added.has(optionKey(module, option)) && !isGiven(module, parser, option));
      return missing.map((option) => {
        const before = missing.slice(0, missing.indexOf(option) + 1).filter(isPositional);
        const example = isPositional(option) ? before.map(({ name }) => name.toUpperCase()) : [option.name, 'VALUE'];
        return warning(module, option.nameNode, option.name, example);
      });
    });
    return [...positions, ...options];
  }

  function exampleOf(position: number): readonly string[] {
    return Array.from({ length: position }, (_, index) => words[index] ?? `VALUE${index + 1}`);
  }
}

function warning(module: Module, node: SyntaxNode, name: string, example: readonly string[]): InspectionWarning {
  const { line } = positionInFile(module, node.from);
  const message = `nothing gives ${name}, which the script needs: set it in ${commandFile}, as in arguments: [${example.join(', ')}]`;
  return { file: module.file, line, message };
}

interface WordPlace {
  /** 0-based place of the word. */
  readonly at: number;
  /** Where the value begins in it, for `--lr=0.1`. */
  readonly start?: number;
}

function withGiven(key: string, passed: PassedValue, text: string, place: LiteralPlace): PassedSlot {
  return { key, passed, given: { text, place } };
}

function spread(text: string): Unclear {
  const reason = `${text} in ${commandFile} is written in a form that is not edited; write it as plain text`;
  return { reason, mayBeGiven: true };
}

function onlyIfGiven(mayBeGiven: boolean): Unclear {
  return { reason: 'the script does something else when it is not given', mayBeGiven };
}

function keyOf({ by, module }: PassedValue): string {
  switch (by.type) {
    case 'option':
      return optionKey(module, by.option);
    case 'position':
      return `position ${by.position}`;
    case 'variable':
      return `variable ${by.variable}`;
  }
}

function optionKey(module: Module, option: ArgparseOption): string {
  return `option ${module.file}:${option.call.from}`;
}

/** Options first, as people write them; then what goes by its position. */
function wordOrder({ passed: { by } }: PassedSlot): number {
  if (by.type === 'option') {
    return isPositional(by.option) ? by.option.call.from + 1 : 0;
  }
  return by.type === 'position' ? by.position : 0;
}

function isPositional(option: ArgparseOption): boolean {
  return option.flags.length === 0;
}

function sameCall(options: readonly ArgparseOption[], option: ArgparseOption): ArgparseOption {
  return options.find(({ call }) => call === option.call) ?? option;
}

/** `--lr` of `--lr=0.1`. */
function flagOf(word: string): string {
  return word.startsWith('--') && word.includes('=') ? word.slice(0, word.indexOf('=')) : word;
}

/** `--learn` for `--learning-rate`, `-b32` for `-b 32`, `-vb 32` for `-v -b 32`: argparse takes them all. */
function isAbbreviation(flag: string, option: ArgparseOption): boolean {
  if (!flag.startsWith('-') || flag === '-' || option.flags.includes(flag) || readNumber(flag) !== undefined) {
    return false;
  }
  const isShort = !flag.startsWith('--');
  return option.flags.some((known) => {
    const isLetter = known.length === 2;
    return (
      known.startsWith(flag) || (isShort && (flag.startsWith(known) || (isLetter && flag.includes(known.slice(1)))))
    );
  });
}

function mayBeFlag(word: string, option: ArgparseOption): boolean {
  return option.flags.includes(flagOf(word)) || isAbbreviation(flagOf(word), option);
}

/** The places of the words that are no option and no value of one; undefined when an option's end is not clear. */
function positionalPlaces(options: readonly ArgparseOption[], words: readonly string[]): readonly number[] | undefined {
  const places: number[] = [];
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at] ?? '';
    if (!word.startsWith('-') || readNumber(word) !== undefined) {
      places.push(at);
      continue;
    }
    const option = options.find(({ flags }) => flags.includes(flagOf(word)));
    if (option === undefined || option.words === 'several') {
      return undefined;
    }
    at += flagOf(word) === word ? option.words : 0;
  }
  return places;
}

function hasSubcommands(module: Module): boolean {
  return module.calls.some((call) => {
    const callee = calleeOf(call);
    return callee !== undefined && lastName(module, callee) === 'add_subparsers';
  });
}

/** The parsers that read the command line when the main script runs. */
function runningParsers(project: Project): readonly Parser[] {
  return project.modules.flatMap((module) =>
    module.calls.flatMap((call) => {
      const callee = calleeOf(call);
      const name = callee === undefined ? undefined : lastName(module, callee);
      const object = callee?.type === 'MemberExpression' ? callee.children[0] : undefined;
      const isParse = name === 'parse_args' || name === 'parse_known_args';
      if (!isParse || object === undefined || !runsWithMain(project, module, call)) {
        return [];
      }
      const given = findArgument(callArguments(module, call), 'args', 0)?.value;
      const parser =
        object.type === 'VariableName' ? lookUp(scopeOf(module, object), textOf(module, object))[0] : undefined;
      return readsCommandLine(project, module, given) ? [{ module, parser }] : [];
    }),
  );
}

/** Whether a place of the project is reached when the main script runs: not in a module's own `if __name__ == …`, nor in a function that nobody calls. */
function runsWithMain(project: Project, module: Module, node: SyntaxNode, steps = 0): boolean {
  for (let up = node.parent; up !== undefined; up = up.parent) {
    if (up.type === 'IfStatement' && module !== project.main && mentions(module, up, ['__name__'])) {
      return false;
    }
    const scope = module.scopes.get(up);
    if (scope?.kind === 'function' && scope.name !== '' && scope.parent?.kind !== 'class') {
      const calls = callsOf(project, scope);
      return (
        calls === undefined ||
        (steps < 10 && calls.some(({ module: caller, call }) => runsWithMain(project, caller, call, steps + 1)))
      );
    }
  }
  return true;
}

/** Whether a name stands in the conditions of an `if` statement. */
function mentions(module: Module, statement: SyntaxNode, names: readonly string[]): boolean {
  let found = false;
  for (const condition of statement.children.filter((child) => child.type !== 'Body')) {
    walk(condition, (node) => {
      found ||= ['VariableName', 'PropertyName'].includes(node.type) && names.includes(textOf(module, node));
      return !found;
    });
  }
  return found;
}

/** `if len(sys.argv) > 1: train(int(sys.argv[1]))` */
function isConditional({ module, node }: PassedValue): boolean {
  for (let up = node.parent; up !== undefined; up = up.parent) {
    if (up.type === 'IfStatement' && mentions(module, up, ['argv', 'environ', 'getenv'])) {
      return true;
    }
  }
  return false;
}

/** Whether a read happens whenever the main script runs, as far as one can see. */
function isCertain(project: Project, module: Module, node: SyntaxNode): boolean {
  for (let up = node.parent; up !== undefined; up = up.parent) {
    const isMainGuard = up.type === 'IfStatement' && mentions(module, up, ['__name__']);
    if (['IfStatement', 'TryStatement', 'ConditionalExpression'].includes(up.type) && !isMainGuard) {
      return false;
    }
  }
  return runsWithMain(project, module, node);
}

interface SystemArguments {
  readonly reads: readonly (Use & { readonly position: number })[];
  /** Whether the list of arguments is also used as a whole. */
  readonly isOpen: boolean;
}

function systemArgumentUses(project: Project): SystemArguments {
  const reads: (Use & { position: number })[] = [];
  let isOpen = false;
  for (const module of project.modules) {
    walk(module.root, (node) => {
      const position = systemArgument(module, node);
      if (position !== undefined) {
        reads.push({ module, use: node, position });
        return false;
      }
      if (importedName(module, node) === 'sys.argv' && ancestor(node, ['ImportStatement']) === undefined) {
        isOpen ||= !isCounted(module, node) && !isOwnName(module, node);
        return false;
      }
      return true;
    });
  }
  return { reads, isOpen };
}

/** Calls that read the list of arguments only to count or to show them. */
const SHOWING_CALLS = ['len', 'print', 'str', 'repr', 'join', 'format', 'info', 'debug'];

/** `len(sys.argv)`, `print(sys.argv[1:])` */
function isCounted(module: Module, node: SyntaxNode): boolean {
  const parent = node.parent;
  const whole = parent?.type === 'MemberExpression' && parent.children.at(-1)?.type === ']' ? parent : node;
  const call = whole.parent?.type === 'ArgList' ? whole.parent.parent : undefined;
  const callee = call === undefined ? undefined : calleeOf(call);
  const name = callee === undefined ? undefined : lastName(module, callee);
  return (name !== undefined && SHOWING_CALLS.includes(name)) || ancestor(node, ['FormatString']) !== undefined;
}

/** `sys.argv[0]` */
function isOwnName(module: Module, node: SyntaxNode): boolean {
  const [object, , index, close] = node.parent?.children ?? [];
  return node.parent?.type === 'MemberExpression' && object === node && close?.type === ']' && index !== undefined
    ? textOf(module, index) === '0'
    : false;
}

interface VariableUses {
  readonly reads: readonly (Use & { readonly variable: string })[];
  /** Variables that the script sets itself; the empty name stands for any. */
  readonly changed: ReadonlySet<string>;
}

function variableUses(project: Project): VariableUses {
  const reads: (Use & { variable: string })[] = [];
  const changed = new Set<string>();
  for (const module of project.modules) {
    walk(module.root, (node) => {
      const variable = environmentKey(module, node);
      const parent = node.parent;
      if (variable !== undefined) {
        const isTarget = parent?.type === 'AssignStatement' && parent.children.at(-1) !== node;
        if (isTarget || parent?.type === 'DeleteStatement' || parent?.type === 'UpdateStatement') {
          changed.add(variable);
        } else {
          reads.push({ module, use: node, variable });
        }
      }
      const callee = node.type === 'CallExpression' ? calleeOf(node) : undefined;
      const name = callee === undefined ? undefined : importedName(module, callee);
      if (name === 'os.environ.update' || name === 'dotenv.load_dotenv') {
        changed.add('');
      } else if (name === 'os.environ.setdefault' || name === 'os.environ.pop' || name === 'os.putenv') {
        const first = callArguments(module, node)[0]?.value;
        changed.add(first?.type === 'String' ? textOf(module, first).slice(1, -1) : '');
      }
      return true;
    });
  }
  return { reads, changed };
}

/** `int(sys.argv[1])` around `sys.argv[1]`. */
function convertedWhole(module: Module, use: SyntaxNode): SyntaxNode {
  let whole = use;
  for (;;) {
    const list = whole.parent;
    const call = list?.type === 'ArgList' ? list.parent : list?.type === 'ParenthesizedExpression' ? list : undefined;
    const callee = call?.type === 'CallExpression' ? calleeOf(call) : undefined;
    const isConversion = callee === undefined || ['int', 'float', 'str'].includes(textOf(module, callee));
    if (call === undefined || !isConversion) {
      return whole;
    }
    whole = call;
  }
}

/** Numbers for the kinds that are numbers, texts for the others. */
const TEXT_KINDS: readonly HyperparameterKind[] = ['optimizer', 'activation'];
/** Kinds whose values are fractions. */
const FRACTIONS: readonly HyperparameterKind[] = ['learning_rate', 'dropout'];

/** The value that a hyperparameter of this kind has on the command line, or why it can't be one. */
export function valueOnCommandLine(
  { passed, given }: PassedSlot,
  kind: HyperparameterKind,
): { readonly value: number | string } | Unclear {
  const option = passed.by.type === 'option' ? passed.by.option : undefined;
  const choices = option?.choices;
  if (option?.type === 'other') {
    return { reason: `the type of ${option.name} is neither int, float nor str` };
  }
  if (choices === 'computed') {
    return { reason: `the choices of ${option?.name ?? ''} are computed` };
  }
  if (!TEXT_KINDS.includes(kind) && passed.conversion === undefined) {
    return { reason: 'it arrives as text; have the script make a number of it, with int, float or type=' };
  }
  if (TEXT_KINDS.includes(kind) && passed.conversion !== undefined) {
    return { reason: 'it arrives as a number' };
  }
  if (FRACTIONS.includes(kind) && passed.conversion === 'int') {
    return { reason: 'the script reads it as a whole number' };
  }
  if (given !== undefined) {
    return givenValue(given.text, passed.conversion);
  }
  const value = startingValue(kind, choices);
  return value === undefined
    ? { reason: `nothing says which value to start with; set ${howToSet(passed)} in ${commandFile}` }
    : { value };
}

function givenValue(
  text: string,
  conversion: PassedValue['conversion'],
): { readonly value: number | string } | Unclear {
  if (conversion === undefined) {
    return { value: text };
  }
  const value = readNumber(text);
  if (value === undefined || (conversion === 'int' && String(value) !== text)) {
    return { reason: `${text} in ${commandFile} is not ${conversion === 'int' ? 'a whole number' : 'a number'}` };
  }
  return { value };
}

function howToSet({ by }: PassedValue): string {
  switch (by.type) {
    case 'option':
      return `arguments: [${isPositional(by.option) ? '' : `${by.option.name}, `}VALUE]`;
    case 'position':
      return `arguments: [${Array.from({ length: by.position }, (_, index) => `VALUE${index + 1}`).join(', ')}]`;
    case 'variable':
      return `variables: {${by.variable}: VALUE}`;
  }
}

/** Whether the script runs without it. */
export function isOptional({ passed: { by } }: PassedSlot): boolean {
  return by.type === 'option' && !by.option.isRequired;
}

/** Whether the script asks whether it is given: `if args.lr is None`, `args.lr or 0.1`. */
export function isTested(project: Project, carriers: readonly Carrier[]): boolean {
  return carrierUses(project, carriers).some(({ use }) => {
    let node = use;
    for (let up = node.parent; up !== undefined; up = up.parent) {
      const isCondition = ['IfStatement', 'WhileStatement', 'AssertStatement'].includes(up.type);
      const isLogical = up.children.some(({ type }) => ['or', 'and', 'not', 'is'].includes(type));
      if (isCondition || up.type === 'ConditionalExpression' || isLogical) {
        return up.type !== 'ConditionalExpression' || up.children[2] === node;
      }
      if (!['BinaryExpression', 'UnaryExpression', 'ParenthesizedExpression'].includes(up.type)) {
        return false;
      }
      node = up;
    }
    return false;
  });
}
