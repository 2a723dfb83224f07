import { namesOf, type PythonSource, type SyntaxNode, textOf } from './syntax.js';

/** One place where a name gets its meaning. */
export interface Binding {
  readonly kind: 'assignment' | 'parameter' | 'loop' | 'augmented' | 'import' | 'function' | 'class' | 'other';
  readonly scope: Scope;
  readonly name: string;
  /** The name itself. */
  readonly node: SyntaxNode;
  /** The right-hand side of an assignment, the default of a parameter, the definition of a function or class. */
  readonly value?: SyntaxNode;
  /** For `import`: what is imported. `member` is absent for `import a.b`. */
  readonly imported?: { readonly module: string; readonly member?: string };
}

export interface Scope {
  readonly kind: 'module' | 'function' | 'class' | 'comprehension';
  readonly node: SyntaxNode;
  readonly parent: Scope | undefined;
  readonly name: string;
  readonly bindings: Map<string, Binding[]>;
  /** Names that a `global` statement hands to the module. */
  readonly globals: Set<string>;
  /** Of a class: what its methods store in `self`. */
  readonly attributes: Map<string, Binding[]>;
}

export interface ScopedSource extends PythonSource {
  readonly scope: Scope;
  /** Scopes by the node that opens them. */
  readonly scopes: ReadonlyMap<SyntaxNode, Scope>;
  /** Modules of `from x import *`, in order. */
  readonly starImports: readonly string[];
}

const COMPREHENSIONS = [
  'ArrayComprehensionExpression',
  'ComprehensionExpression',
  'SetComprehensionExpression',
  'DictionaryComprehensionExpression',
];
const FUNCTIONS = ['FunctionDefinition', 'LambdaExpression'];

/** Finds what every name of a file is bound to, scope by scope, as Python's own symbol table does. */
export function readScopes(source: PythonSource): ScopedSource {
  const scopes = new Map<SyntaxNode, Scope>();
  const starImports: string[] = [];
  const module = newScope('module', source.root, undefined, '');
  scopes.set(source.root, module);
  visit(source.root, module);
  return { ...source, scope: module, scopes, starImports };

  function visit(node: SyntaxNode, scope: Scope): void {
    for (const child of node.children) {
      visit(child, enter(child, scope));
    }
  }

  function enter(node: SyntaxNode, scope: Scope): Scope {
    switch (node.type) {
      case 'FunctionDefinition':
      case 'ClassDefinition': {
        const nameNode = node.children.find((child) => child.type === 'VariableName');
        const name = nameNode === undefined ? '' : textOf(source, nameNode);
        const kind = node.type === 'ClassDefinition' ? 'class' : 'function';
        if (nameNode !== undefined) {
          bind(scope, { kind, name, node: nameNode, value: node });
        }
        const inner = newScope(kind, node, scope, name);
        scopes.set(node, inner);
        bindParameters(node, inner);
        return inner;
      }
      case 'LambdaExpression': {
        const inner = newScope('function', node, scope, '');
        scopes.set(node, inner);
        bindParameters(node, inner);
        return inner;
      }
      case 'AssignStatement':
        bindAssignment(node, scope);
        return scope;
      case 'UpdateStatement':
        bindTarget(node.children[0], scope, 'augmented');
        return scope;
      case 'NamedExpression':
        bindTarget(node.children[0], scope, 'other');
        return scope;
      case 'ForStatement':
        bindTargetsBefore(node, 'in', scope, 'loop');
        return scope;
      case 'ImportStatement':
        bindImport(node, scope);
        return scope;
      case 'WithStatement':
      case 'TryStatement':
        bindAfterAs(node, scope);
        return scope;
      case 'ScopeStatement':
        for (const child of node.children) {
          if (child.type === 'VariableName') {
            scope.globals.add(textOf(source, child));
          }
        }
        return scope;
      case 'CapturePattern':
      case 'DeleteStatement':
        bindTarget(node.children.at(-1), scope, 'other');
        return scope;
      default:
        if (COMPREHENSIONS.includes(node.type)) {
          const inner = newScope('comprehension', node, scope, '');
          scopes.set(node, inner);
          bindTargetsBefore(node, 'in', inner, 'loop');
          return inner;
        }
        return scope;
    }
  }

  function bind(scope: Scope, binding: Omit<Binding, 'scope'>): void {
    const owner = scope.globals.has(binding.name) ? module : scope;
    push(owner.bindings, binding.name, { ...binding, scope: owner });
  }

  function bindParameters(node: SyntaxNode, scope: Scope): void {
    const list = node.children.find((child) => child.type === 'ParamList');
    const parts = list?.children ?? [];
    parts.forEach((part, index) => {
      const before = parts[index - 1];
      if (part.type !== 'VariableName' || before?.type === 'AssignOp') {
        return;
      }
      const after = parts.slice(index + 1).find((next) => next.type !== 'TypeDef' && next.type !== 'Comment');
      const value = after?.type === 'AssignOp' ? parts[parts.indexOf(after) + 1] : undefined;
      const starred = before?.type === '*' || before?.type === '**';
      bind(scope, {
        kind: starred ? 'other' : 'parameter',
        name: textOf(source, part),
        node: part,
        ...(value === undefined ? {} : { value }),
      });
    });
  }

  function bindAssignment(node: SyntaxNode, scope: Scope): void {
    const groups = splitAtAssignments(node);
    const values = groups.pop() ?? [];
    for (const targets of groups) {
      const list = unpacked(targets);
      if (list.length === 1) {
        bindTarget(list[0], scope, 'assignment', values.length === 1 ? values[0] : undefined);
        continue;
      }
      const unpackedValues = unpacked(values);
      const matching = unpackedValues.length === list.length ? unpackedValues : [];
      list.forEach((target, index) => {
        bindTarget(target, scope, 'assignment', matching[index]);
      });
    }
  }

  function bindTarget(
    target: SyntaxNode | undefined,
    scope: Scope,
    kind: Binding['kind'],
    value?: SyntaxNode | undefined,
  ): void {
    if (target === undefined) {
      return;
    }
    const valuePart = value === undefined ? {} : { value };
    if (target.type === 'VariableName') {
      bind(scope, {
        kind: value === undefined && kind === 'assignment' ? 'other' : kind,
        name: textOf(source, target),
        node: target,
        ...valuePart,
      });
      return;
    }
    if (target.type === 'TupleExpression' || target.type === 'ArrayExpression') {
      for (const child of target.children) {
        bindTarget(child, scope, kind);
      }
      return;
    }
    const owner = selfAttribute(target, scope);
    if (owner !== undefined) {
      const binding = {
        kind: value === undefined ? ('other' as const) : kind,
        scope,
        name: owner.name,
        node: target,
        ...valuePart,
      };
      push(owner.scope.attributes, owner.name, binding);
    }
  }

  /** `self.name` in a method. */
  function selfAttribute(target: SyntaxNode, scope: Scope): { scope: Scope; name: string } | undefined {
    const [object, , property] = target.children;
    if (target.type !== 'MemberExpression' || object?.type !== 'VariableName' || property?.type !== 'PropertyName') {
      return undefined;
    }
    let method: Scope | undefined = scope;
    while (method !== undefined && method.parent?.kind !== 'class') {
      method = method.parent;
    }
    const self =
      method === undefined ? undefined : [...method.bindings.values()].flat().find((b) => b.kind === 'parameter');
    if (method?.parent === undefined || self?.name !== textOf(source, object)) {
      return undefined;
    }
    return { scope: method.parent, name: textOf(source, property) };
  }

  function bindTargetsBefore(node: SyntaxNode, keyword: string, scope: Scope, kind: Binding['kind']): void {
    let binding = false;
    for (const child of node.children) {
      if (child.type === 'for') {
        binding = true;
      } else if (child.type === keyword) {
        binding = false;
      } else if (binding) {
        bindTarget(child, scope, kind);
      }
    }
  }

  function bindAfterAs(node: SyntaxNode, scope: Scope): void {
    node.children.forEach((child, index) => {
      if (child.type === 'as') {
        bindTarget(node.children[index + 1], scope, 'other');
      }
    });
  }

  function bindImport(node: SyntaxNode, scope: Scope): void {
    for (const item of importedNames(source, node)) {
      if (item.member === '*') {
        starImports.push(item.module);
        continue;
      }
      const imported =
        item.member === undefined ? { module: item.boundModule } : { module: item.module, member: item.member };
      bind(scope, { kind: 'import', name: item.bound, node: item.node, imported });
    }
  }
}

export interface ImportedName {
  /** Dotted, with leading dots for relative imports. */
  readonly module: string;
  /** `x` of `from m import x`; `*` for a star import; absent for `import m`. */
  readonly member?: string;
  /** The name that the statement binds. */
  readonly bound: string;
  /** The module that `bound` is: `import a.b` binds `a` to module `a`. */
  readonly boundModule: string;
  readonly node: SyntaxNode;
}

/** What an ImportStatement imports, name by name. */
export function importedNames(source: PythonSource, statement: SyntaxNode): readonly ImportedName[] {
  const parts = statement.children.filter((child) => child.type !== 'Comment');
  const importAt = parts.findIndex((part) => part.type === 'import');
  const isFrom = parts[0]?.type === 'from';
  const moduleText = parts
    .slice(1, Math.max(importAt, 1))
    .map((part) => textOf(source, part))
    .join('');
  const result: ImportedName[] = [];
  let dotted: string[] = [];
  let alias: string | undefined;
  let node: SyntaxNode | undefined;
  let aliasNext = false;
  const flush = (): void => {
    const first = dotted[0];
    if (first !== undefined && node !== undefined) {
      const name = dotted.join('.');
      if (isFrom) {
        result.push({ module: moduleText, member: name, bound: alias ?? name, boundModule: moduleText, node });
      } else {
        result.push({ module: name, bound: alias ?? first, boundModule: alias === undefined ? first : name, node });
      }
    }
    dotted = [];
    alias = undefined;
    node = undefined;
    aliasNext = false;
  };
  for (const part of parts.slice(importAt + 1)) {
    if (part.type === ',') {
      flush();
    } else if (part.type === 'as') {
      aliasNext = true;
    } else if (part.type === 'VariableName' || part.type === '*') {
      if (aliasNext) {
        alias = textOf(source, part);
      } else {
        dotted.push(textOf(source, part));
        node ??= part;
      }
    }
  }
  flush();
  return result;
}

/** `a, b = c, d` as `[[a, b], [c, d]]`. */
function splitAtAssignments(node: SyntaxNode): SyntaxNode[][] {
  const groups: SyntaxNode[][] = [[]];
  for (const child of node.children) {
    if (child.type === 'AssignOp') {
      groups.push([]);
    } else if (child.type !== ',' && child.type !== 'TypeDef' && child.type !== 'Comment') {
      groups.at(-1)?.push(child);
    }
  }
  return groups;
}

function unpacked(nodes: readonly SyntaxNode[]): readonly SyntaxNode[] {
  const only = nodes[0];
  if (
    nodes.length === 1 &&
    only !== undefined &&
    (only.type === 'TupleExpression' || only.type === 'ArrayExpression')
  ) {
    return only.children.filter((child) => !['(', ')', '[', ']', ',', 'Comment'].includes(child.type));
  }
  return nodes;
}

function newScope(kind: Scope['kind'], node: SyntaxNode, parent: Scope | undefined, name: string): Scope {
  return { kind, node, parent, name, bindings: new Map(), globals: new Set(), attributes: new Map() };
}

function push<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const list = map.get(key);
  if (list === undefined) {
    map.set(key, [value]);
  } else {
    list.push(value);
  }
}

/** The scope that a node is evaluated in. Defaults and decorators are read in the scope around their function. */
export function scopeOf(source: ScopedSource, node: SyntaxNode): Scope {
  let below = node;
  for (let up = node.parent; up !== undefined; up = up.parent) {
    const scope = source.scopes.get(up);
    if (scope !== undefined && !isOutsidePart(up, below)) {
      return scope;
    }
    below = up;
  }
  return source.scope;
}

function isOutsidePart(opener: SyntaxNode, part: SyntaxNode): boolean {
  return (FUNCTIONS.includes(opener.type) && part.type === 'ParamList') || part.type === 'ArgList';
}

/** The bindings that a name read in `scope` can mean: those of the nearest scope that binds it. */
export function lookUp(scope: Scope, name: string): readonly Binding[] {
  let start = true;
  for (let at: Scope | undefined = scope; at !== undefined; at = at.parent) {
    const visible = at.kind !== 'class' || start;
    start = start && at.kind === 'comprehension';
    const bindings = visible && !at.globals.has(name) ? at.bindings.get(name) : undefined;
    if (bindings !== undefined) {
      return bindings;
    }
  }
  return [];
}

/** Every VariableName of the file that is read (or written) under the same name in the same scope as `binding`. */
export function usesOf(source: ScopedSource, binding: Binding): readonly SyntaxNode[] {
  return namesOf(source, binding.name).filter((node) => {
    if (node === binding.node || isKeyword(node)) {
      return false;
    }
    return lookUp(scopeOf(source, node), binding.name).some((other) => other.scope === binding.scope);
  });
}

/** The `name` of `f(name=1)`, which lezer also calls a VariableName. */
export function isKeyword(node: SyntaxNode): boolean {
  const parent = node.parent;
  if (parent?.type !== 'ArgList') {
    return false;
  }
  const next = parent.children[parent.children.indexOf(node) + 1];
  return next?.type === 'AssignOp';
}
