import type { ParameterValue } from '../tuning/space.js';
import { readLiteral } from './literals.js';
import type { Module } from './project.js';
import { type Binding, lookUp, scopeOf } from './scopes.js';
import { callArguments, calleeOf, findArgument, lastName, type SyntaxNode, textOf } from './syntax.js';

export interface ArgparseOption {
  readonly call: SyntaxNode;
  /** `--learning-rate`; absent for a positional argument. */
  readonly flag?: string;
  /** 1-based place among the positional arguments. */
  readonly position: number;
  readonly defaultNode?: SyntaxNode;
  readonly value?: ParameterValue;
}

/** The `add_argument` call behind `args.<name>`; undefined when there is none, or more than one. */
export function findOption(module: Module, parser: Binding | undefined, name: string): ArgparseOption | undefined {
  const matches: ArgparseOption[] = [];
  let position = 0;
  for (const call of module.calls) {
    const callee = calleeOf(call);
    if (callee === undefined || lastName(module, callee) !== 'add_argument' || !belongsTo(module, callee, parser)) {
      continue;
    }
    const args = callArguments(module, call);
    const names = args
      .filter((argument) => argument.position !== undefined)
      .map((argument) => readLiteral(module, argument.value));
    const flag = names.find((item) => typeof item === 'string' && item.startsWith('--')) ?? names[0];
    if (typeof flag !== 'string') {
      continue;
    }
    const isPositional = !flag.startsWith('-');
    position += isPositional ? 1 : 0;
    const destination = findArgument(args, 'dest');
    const target = destination === undefined ? destinationOf(flag) : readLiteral(module, destination.value);
    if (target !== name) {
      continue;
    }
    const given = findArgument(args, 'default');
    const value = given === undefined ? undefined : readLiteral(module, given.value);
    matches.push({
      call,
      ...(isPositional ? {} : { flag }),
      position,
      ...(given === undefined ? {} : { defaultNode: given.value }),
      ...(value === undefined ? {} : { value }),
    });
  }
  return matches.length === 1 ? matches[0] : undefined;
}

function belongsTo(module: Module, callee: SyntaxNode, parser: Binding | undefined): boolean {
  const object = callee.children[0];
  if (parser === undefined || object?.type !== 'VariableName') {
    return true;
  }
  const binding = lookUp(scopeOf(module, object), textOf(module, object))[0];
  // An argument group is a name of its own and adds to the same parser.
  return binding === parser || binding?.value?.type === 'CallExpression';
}

function destinationOf(flag: string): string {
  let start = 0;
  while (flag.charAt(start) === '-') {
    start += 1;
  }
  return flag.slice(start).replaceAll('-', '_');
}
