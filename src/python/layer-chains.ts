import type { Module, Project } from './project.js';
import {
  callArguments,
  calleeOf,
  elementsOf,
  isInside,
  lastName,
  namesOf,
  type SyntaxNode,
  textOf,
  walk,
} from './syntax.js';
import { isFrom, KERAS_PACKAGES } from './tunable-uses.js';

/** One link of a chain: a layer, or something between two layers that is not one. */
export interface ChainItem {
  /** The list element or the whole statement. */
  readonly node: SyntaxNode;
  /** The call that makes the layer; undefined where the item is no layer of Keras'. */
  readonly layer: SyntaxNode | undefined;
  /** Keras' name of the layer, empty where it is none. */
  readonly name: string;
  /** Of the functional style, `target = layer(argument)`. */
  readonly target?: string;
  readonly argument?: SyntaxNode;
  /** Of `for … in range(count)`: the layers that it adds each time. */
  readonly loop?: LayerLoop;
}

export interface LayerLoop {
  /** How often, as it is written in the call of `range`. */
  readonly count: SyntaxNode;
  readonly items: readonly ChainItem[];
}

/** Layers that are stacked on each other in one place of a script, in their order. */
export interface LayerChain {
  readonly module: Module;
  readonly style: 'list' | 'add' | 'functional';
  readonly items: readonly ChainItem[];
}

/** Every chain of a module: lists given to `Sequential`, runs of `model.add`, and runs of `x = layer(x)`. */
export function layerChains(project: Project, module: Module): readonly LayerChain[] {
  const chains: LayerChain[] = [];
  const loops = new Set<SyntaxNode | undefined>();
  walk(module.root, (node) => {
    // What a loop adds belongs to the chain around it.
    if (node.type === 'Script' || (node.type === 'Body' && !loops.has(node.parent))) {
      const found = statementChains(project, module, node);
      for (const item of found.flatMap(({ items }) => items)) {
        if (item.loop !== undefined) {
          loops.add(item.node);
        }
      }
      chains.push(...found);
    }
    if (node.type === 'CallExpression') {
      const list = sequentialList(project, module, node);
      if (list !== undefined) {
        const items = elementsOf(list).map((element) => ({ node: element, ...layerOf(project, module, element) }));
        chains.push({ module, style: 'list', items });
      }
    }
    return true;
  });
  return chains;
}

function sequentialList(project: Project, module: Module, call: SyntaxNode): SyntaxNode | undefined {
  const callee = calleeOf(call);
  if (callee === undefined || lastName(module, callee) !== 'Sequential' || !isKeras(project, module, callee)) {
    return undefined;
  }
  const [only, ...others] = callArguments(module, call).filter((argument) => argument.keyword !== 'name');
  return others.length === 0 && only?.value.type === 'ArrayExpression' ? only.value : undefined;
}

function isKeras(project: Project, module: Module, callee: SyntaxNode): boolean {
  return isFrom(project, module, callee, KERAS_PACKAGES);
}

function layerOf(project: Project, module: Module, node: SyntaxNode): Pick<ChainItem, 'layer' | 'name'> {
  const callee = node.type === 'CallExpression' ? calleeOf(node) : undefined;
  const name = callee === undefined ? undefined : lastName(module, callee);
  if (callee === undefined || name === undefined || !isKeras(project, module, callee)) {
    return { layer: undefined, name: '' };
  }
  return { layer: node, name };
}

interface OpenChain {
  readonly style: 'add' | 'functional';
  /** The model that is added to, or the latest tensor. */
  subject: string;
  readonly items: ChainItem[];
}

function statementChains(project: Project, module: Module, block: SyntaxNode): readonly LayerChain[] {
  const chains: OpenChain[] = [];
  let open: OpenChain | undefined;
  for (const statement of block.children) {
    if (statement.type === 'Comment' || statement.type === ':') {
      continue;
    }
    const link =
      addedLayer(project, module, statement) ??
      appliedLayer(project, module, statement) ??
      repeatedLayers(project, module, statement);
    if (link === undefined) {
      open?.items.push({ node: statement, layer: undefined, name: '' });
      continue;
    }
    if (open === undefined || open.style !== link.style || open.subject !== link.subject) {
      open = { style: link.style, subject: link.subject, items: [] };
      chains.push(open);
    }
    open.items.push(link.item);
    open.subject = link.item.target ?? open.subject;
  }
  return chains.map(({ style, items }) => ({ module, style, items }));
}

interface Link {
  readonly style: 'add' | 'functional';
  readonly subject: string;
  readonly item: ChainItem;
}

/** `model.add(layer)` */
function addedLayer(project: Project, module: Module, statement: SyntaxNode): Link | undefined {
  const call = statement.type === 'ExpressionStatement' ? statement.children[0] : undefined;
  const callee = call?.type === 'CallExpression' ? calleeOf(call) : undefined;
  const model = callee?.type === 'MemberExpression' ? callee.children[0] : undefined;
  if (call === undefined || callee === undefined || model === undefined || lastName(module, callee) !== 'add') {
    return undefined;
  }
  const [layer, ...others] = callArguments(module, call);
  if (layer === undefined || others.length > 0) {
    return undefined;
  }
  const item = { node: statement, ...layerOf(project, module, layer.value) };
  return { style: 'add', subject: textOf(module, model), item };
}

/** `for _ in range(3):` around nothing but layers, each time the same. */
function repeatedLayers(project: Project, module: Module, statement: SyntaxNode): Link | undefined {
  const [, variable, , iterated] = statement.children;
  const body = statement.children.at(-1);
  const callee = iterated?.type === 'CallExpression' ? calleeOf(iterated) : undefined;
  const isRange = callee !== undefined && textOf(module, callee) === 'range';
  const [count, ...more] = isRange && iterated !== undefined ? callArguments(module, iterated) : [];
  if (statement.type !== 'ForStatement' || body?.type !== 'Body' || count === undefined || more.length > 0) {
    return undefined;
  }
  const isUsed =
    variable?.type === 'VariableName' && namesOf(module, textOf(module, variable)).some((n) => isInside(n, body));
  const links = body.children
    .filter(({ type }) => type !== 'Comment' && type !== ':')
    .map((inner) => addedLayer(project, module, inner) ?? appliedLayer(project, module, inner));
  const [first, ...others] = links;
  const isOneModel =
    first !== undefined &&
    links.every((link) => link?.item.layer !== undefined) &&
    others.every((link) => link?.subject === first.subject) &&
    links.every((link) => link?.item.target === undefined || link.item.target === first.subject);
  if (isUsed || !isOneModel) {
    return undefined;
  }
  const items = links.flatMap((link) => link?.item ?? []);
  return { ...first, item: { node: statement, layer: undefined, name: '', loop: { count: count.value, items } } };
}

/** `x = layer(x)` */
function appliedLayer(project: Project, module: Module, statement: SyntaxNode): Link | undefined {
  const [target, , application, ...more] = statement.children;
  if (statement.type !== 'AssignStatement' || target?.type !== 'VariableName' || more.length > 0) {
    return undefined;
  }
  const maker = application?.type === 'CallExpression' ? calleeOf(application) : undefined;
  if (application === undefined || maker?.type !== 'CallExpression') {
    return undefined;
  }
  const [argument, ...others] = callArguments(module, application);
  if (argument?.value.type !== 'VariableName' || argument.keyword !== undefined || others.length > 0) {
    return undefined;
  }
  const item = {
    node: statement,
    ...layerOf(project, module, maker),
    target: textOf(module, target),
    argument: argument.value,
  };
  return { style: 'functional', subject: textOf(module, argument.value), item };
}
