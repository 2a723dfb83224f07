import type { ParameterValue } from '../tuning/space.js';
import { readLiteral } from './literals.js';
import type { Module } from './project.js';
import { type Binding, lookUp, scopeOf } from './scopes.js';
import {
  type CallArgument,
  callArguments,
  calleeOf,
  elementsOf,
  findArgument,
  lastName,
  type SyntaxNode,
  textOf,
} from './syntax.js';

/** One `add_argument` call. */
export interface ArgparseOption {
  readonly call: SyntaxNode;
  /** Where its name stands in the call. */
  readonly nameNode: SyntaxNode;
  /** What a person calls it: `--learning-rate`, or the name of a positional argument. */
  readonly name: string;
  /** `--learning-rate` and `-l`; empty for a positional argument. */
  readonly flags: readonly string[];
  /** The attribute of the parsed options that holds it; undefined when `dest` is computed. */
  readonly destination: string | undefined;
  readonly defaultNode?: SyntaxNode;
  readonly type: 'int' | 'float' | 'text' | 'other';
  readonly choices?: readonly ParameterValue[] | 'computed';
  /** How many words of the command line its value takes. */
  readonly words: number | 'several';
  /** Whether it stores one value, and not a list, a flag or a count. */
  readonly isPlain: boolean;
  readonly isRequired: boolean;
  /** One of a group of which only one may be given. */
  readonly isExclusive: boolean;
}

export interface ArgparseOptions {
  /** In source order. */
  readonly options: readonly ArgparseOption[];
  /** Whether these are all, in this order: not so with a name put together at run time, or a function that adds some. */
  readonly isComplete: boolean;
}

/** The options that are added to a parser; to any parser of the module where `parser` is not known. */
export function optionsOf(module: Module, parser: Binding | undefined): ArgparseOptions {
  const calls = module.calls.filter((call) => {
    const callee = calleeOf(call);
    return callee !== undefined && lastName(module, callee) === 'add_argument' && belongsTo(module, callee, parser);
  });
  const options = calls.map((call) => readOption(module, call));
  return {
    options: options.filter((option) => option !== undefined),
    isComplete: options.every((option) => option !== undefined) && !calls.some(isInOtherFunction),
  };

  function isInOtherFunction(call: SyntaxNode): boolean {
    const callee = calleeOf(call);
    return callee !== undefined && objectOf(module, callee)?.kind === 'parameter';
  }
}

/** The `add_argument` call behind `args.<name>`; undefined when there is none, or more than one. */
export function findOption(module: Module, parser: Binding | undefined, name: string): ArgparseOption | undefined {
  const matches = optionsOf(module, parser).options.filter((option) => option.destination === name);
  return matches.length === 1 ? matches[0] : undefined;
}

/** Whether `set_defaults` may give an option another default than its `add_argument` does. */
export function isDefaultReplaced(module: Module, name: string): boolean {
  return module.calls.some((call) => {
    const callee = calleeOf(call);
    const isCall = callee !== undefined && lastName(module, callee) === 'set_defaults';
    return isCall && callArguments(module, call).some(({ keyword, star }) => keyword === name || star !== '');
  });
}

function readOption(module: Module, call: SyntaxNode): ArgparseOption | undefined {
  const args = callArguments(module, call);
  const names = args.filter((argument) => argument.position !== undefined).map(({ value }) => value);
  const texts = names.map((node) => readLiteral(module, node));
  const hasStar = args.some((argument) => argument.star !== '');
  const at = Math.max(
    texts.findIndex((text) => typeof text === 'string' && text.startsWith('--')),
    0,
  );
  const nameNode = names[at];
  const name = texts[at];
  if (nameNode === undefined || typeof name !== 'string' || hasStar || !texts.every(isString)) {
    return undefined;
  }
  const isPositional = !name.startsWith('-');
  const destination = findArgument(args, 'dest');
  const dest = destination === undefined ? destinationOf(name) : readLiteral(module, destination.value);
  const given = findArgument(args, 'default')?.value;
  const action = literalText(module, args, 'action', 'store');
  const nargs = findArgument(args, 'nargs');
  const words = action !== 'store' ? 0 : nargs === undefined ? 1 : readLiteral(module, nargs.value);
  const choices = readChoices(module, args);
  const required = findArgument(args, 'required');
  return {
    call,
    nameNode,
    name,
    flags: isPositional ? [] : texts,
    destination: typeof dest === 'string' ? dest : undefined,
    ...(given === undefined || given.type === 'None' ? {} : { defaultNode: given }),
    type: readType(module, args),
    ...(choices === undefined ? {} : { choices }),
    words: action === undefined || typeof words !== 'number' ? 'several' : words,
    isPlain: action === 'store' && nargs === undefined,
    isRequired: isPositional
      ? typeof words === 'number' || words === '+'
      : required !== undefined && readLiteral(module, required.value) === true,
    isExclusive: isExclusive(module, call),
  };
}

function isString(value: ParameterValue | undefined): value is string {
  return typeof value === 'string';
}

/** The text of a keyword, `absent` when it is not there; undefined when it is no text, as for an action of one's own. */
function literalText(
  module: Module,
  args: readonly CallArgument[],
  keyword: string,
  absent: string,
): string | undefined {
  const given = findArgument(args, keyword);
  const value = given === undefined ? absent : readLiteral(module, given.value);
  return typeof value === 'string' && !['append', 'extend'].includes(value) ? value : undefined;
}

function readType(module: Module, args: readonly CallArgument[]): ArgparseOption['type'] {
  const given = findArgument(args, 'type')?.value;
  const name = given === undefined ? 'str' : textOf(module, given);
  return name === 'str' ? 'text' : name === 'int' || name === 'float' ? name : 'other';
}

function readChoices(module: Module, args: readonly CallArgument[]): ArgparseOption['choices'] {
  const given = findArgument(args, 'choices')?.value;
  if (given === undefined || given.type === 'None') {
    return undefined;
  }
  if (!['ArrayExpression', 'TupleExpression', 'SetExpression'].includes(given.type)) {
    return 'computed';
  }
  const values = elementsOf(given).map((element) => readLiteral(module, element));
  return values.every((value) => value !== undefined) ? values : 'computed';
}

function isExclusive(module: Module, call: SyntaxNode): boolean {
  const callee = calleeOf(call);
  const binding = callee === undefined ? undefined : objectOf(module, callee);
  const maker = binding?.value?.type === 'CallExpression' ? calleeOf(binding.value) : undefined;
  return maker !== undefined && lastName(module, maker) === 'add_mutually_exclusive_group';
}

function belongsTo(module: Module, callee: SyntaxNode, parser: Binding | undefined): boolean {
  const binding = objectOf(module, callee);
  if (parser === undefined || binding === undefined || binding === parser) {
    return true;
  }
  // A group adds to the same parser, a function that gets the parser too, and one that returns it calls it by its own name.
  const isGroup = binding.value?.type === 'CallExpression' && !isOwnParser(module, binding);
  return isGroup || binding.kind === 'parameter' || (isOwnParser(module, binding) && !isOwnParser(module, parser));
}

/** What the `p` of `p.add_argument` is bound to. */
function objectOf(module: Module, callee: SyntaxNode): Binding | undefined {
  const object = callee.children[0];
  return object?.type === 'VariableName' ? lookUp(scopeOf(module, object), textOf(module, object))[0] : undefined;
}

function isOwnParser(module: Module, { value }: Binding): boolean {
  const maker = value?.type === 'CallExpression' ? calleeOf(value) : undefined;
  return maker !== undefined && lastName(module, maker) === 'ArgumentParser';
}

function destinationOf(flag: string): string {
  let start = 0;
  while (flag.charAt(start) === '-') {
    start += 1;
  }
  return flag.slice(start).replaceAll('-', '_');
}
