import type { BlockPlace, RepeatedBlocks } from './inspection.js';
import { CONVOLUTIONS, enlarges, FLATTENING, POOLINGS, SHAPELESS } from './layer-arguments.js';
import type { ChainItem, LayerChain } from './layer-chains.js';
import { type LayerRole, mergingScopes } from './model-outputs.js';
import { type Module, placeInFile } from './project.js';
import { scopeOf } from './scopes.js';
import { callArguments, calleeOf, lastName, nodesOf, type SyntaxNode, textOf } from './syntax.js';
import type { Replacement } from './text.js';

/** Blocks of layers that can be repeated: their number is a hyperparameter. */
export interface LayerBlocks {
  readonly kind: 'conv_blocks' | 'dense_layers';
  readonly chain: LayerChain;
  readonly blocks: readonly (readonly ChainItem[])[];
  readonly repeated: RepeatedBlocks;
}

/** Arguments that say what comes into a layer, which only the first layer of a network needs. */
const INPUT_ARGUMENTS = ['input_shape', 'batch_input_shape', 'input_dim', 'input_length'];

/**
 * The blocks of a chain: convolutions with the pooling that ends them, and hidden dense layers, each with the
 * normalisation, activation and dropout that follow. Only what can be written once more or left out without a change
 * elsewhere is given.
 */
export function layerBlocks(chain: LayerChain, roles: ReadonlyMap<SyntaxNode, LayerRole>): readonly LayerBlocks[] {
  const { module, items } = chain;
  const first = items[0];
  const isPlain =
    first !== undefined &&
    !items.some(({ name }) => enlarges(name)) &&
    !mergingScopes(module).has(scopeOf(module, first.node).node) &&
    !countsOnLayers(module);
  if (!isPlain) {
    return [];
  }
  return [
    { kind: 'conv_blocks' as const, blocks: convolutionBlocks(items) },
    { kind: 'dense_layers' as const, blocks: denseBlocks(items, roles) },
  ].flatMap(({ kind, blocks }) => {
    const repeated = blocks.length === 0 ? undefined : repetition(chain, blocks);
    return repeated === undefined ? [] : [{ kind, chain, blocks, repeated }];
  });
}

/** Each block is one or more convolutions and one pooling; everything up to the flattening layer has to be clear. */
function convolutionBlocks(items: readonly ChainItem[]): readonly ChainItem[][] {
  const start = items.findIndex(({ name }) => CONVOLUTIONS.includes(name));
  const end = items.findIndex(({ name }) => FLATTENING.includes(name));
  if (start === -1 || end < start) {
    return [];
  }
  const zone = items.slice(start, end);
  const isClear = zone.every(({ name }) => [...CONVOLUTIONS, ...POOLINGS, ...SHAPELESS].includes(name));
  const blocks: ChainItem[][] = [];
  let open: ChainItem[] = [];
  let isPooled = false;
  for (const item of isClear ? zone : []) {
    if (CONVOLUTIONS.includes(item.name) && isPooled) {
      blocks.push(open);
      open = [];
      isPooled = false;
    }
    if (POOLINGS.includes(item.name) && (isPooled || !open.some(({ name }) => CONVOLUTIONS.includes(name)))) {
      return [];
    }
    isPooled ||= POOLINGS.includes(item.name);
    open.push(item);
  }
  return isPooled ? [...blocks, open] : blocks;
}

/** Each block is one hidden dense layer; between the first and the output there is nothing else. */
function denseBlocks(items: readonly ChainItem[], roles: ReadonlyMap<SyntaxNode, LayerRole>): readonly ChainItem[][] {
  const roleOf = ({ layer }: ChainItem) => (layer === undefined ? undefined : roles.get(layer)?.role);
  const start = items.findIndex((item) => item.name === 'Dense' && roleOf(item) === 'hidden');
  const end = items.findIndex((item, index) => index > start && item.name === 'Dense' && roleOf(item) === 'output');
  if (start === -1 || end === -1) {
    return [];
  }
  const blocks: ChainItem[][] = [];
  for (const item of items.slice(start, end)) {
    if (item.name === 'Dense' && roleOf(item) === 'hidden') {
      blocks.push([item]);
    } else if (SHAPELESS.includes(item.name)) {
      blocks.at(-1)?.push(item);
    } else {
      return [];
    }
  }
  return blocks;
}

/** `model.layers[3]`, `get_layer`, `pop`: the script counts on the layers that it wrote. */
function countsOnLayers(module: Module): boolean {
  const isIndexed = nodesOf(module, 'MemberExpression').some(
    ({ children: [object, bracket] }) =>
      bracket?.type === '[' && object?.type === 'MemberExpression' && lastName(module, object) === 'layers',
  );
  const first = module.calls.find((call) => methodOf(module, call)?.startsWith('fit') === true);
  return (
    isIndexed ||
    module.calls.some((call) => {
      const method = methodOf(module, call);
      // Weights that are loaded before the training come from a network of exactly these layers.
      const isEarlyLoad = method === 'load_weights' && first !== undefined && call.from < first.from;
      return method === 'get_layer' || method === 'pop_layer' || method === 'set_weights' || isEarlyLoad;
    })
  );
}

function methodOf(module: Module, call: SyntaxNode): string | undefined {
  const callee = calleeOf(call);
  return callee?.type === 'MemberExpression' ? lastName(module, callee) : undefined;
}

function repetition(chain: LayerChain, blocks: readonly (readonly ChainItem[])[]): RepeatedBlocks | undefined {
  const { module } = chain;
  const calls = blocks.flat().map(({ layer }) => layer);
  const isCopyable = calls.every(
    (call) =>
      call !== undefined &&
      callArguments(module, call).every(
        ({ keyword, star }) => star === '' && keyword !== 'name' && keyword !== 'weights',
      ),
  );
  const later = blocks.slice(1).flat();
  const isSelfContained = later.every(
    ({ layer }) =>
      layer !== undefined &&
      callArguments(module, layer).every(({ keyword }) => keyword === undefined || !INPUT_ARGUMENTS.includes(keyword)),
  );
  if (!isCopyable || !isSelfContained || !keepsOneName(chain, blocks)) {
    return undefined;
  }
  const last = blocks.at(-1) ?? [];
  const changes = [...withoutInput(module, last), ...withLatestTensor(chain, last)];
  return wholeLines(chain, blocks, changes) ?? withinLine(chain, blocks, changes);
}

/** `x = layer(x)` can be written again; a chain of different names can not. */
function keepsOneName({ style }: LayerChain, blocks: readonly (readonly ChainItem[])[]): boolean {
  const target = blocks[0]?.[0]?.target;
  return style !== 'functional' || blocks.flat().every((item) => item.target === target);
}

/** In a second copy of the first layer the input's shape has no place. */
function withoutInput(module: Module, block: readonly ChainItem[]): readonly Replacement[] {
  return block.flatMap(({ layer }) => {
    const parts = layer?.children.find(({ type }) => type === 'ArgList')?.children ?? [];
    return parts.flatMap((part, index) => {
      const isInput =
        part.type === 'VariableName' &&
        parts[index + 1]?.type === 'AssignOp' &&
        INPUT_ARGUMENTS.includes(textOf(module, part));
      const value = parts[index + 2];
      if (!isInput || value === undefined) {
        return [];
      }
      const before = parts[index - 1];
      const after = parts[index + 3];
      if (before?.type === ',') {
        return [{ from: before.from, to: value.to, text: '' }];
      }
      const next = after?.type === ',' ? parts[index + 4] : undefined;
      return [{ from: part.from, to: next?.from ?? value.to, text: '' }];
    });
  });
}

/** `x = Conv2D(…)(inputs)` is written again as `x = Conv2D(…)(x)`. */
function withLatestTensor({ module, style }: LayerChain, block: readonly ChainItem[]): readonly Replacement[] {
  return block.flatMap(({ target, argument }) =>
    style !== 'functional' || target === undefined || argument === undefined || textOf(module, argument) === target
      ? []
      : [{ from: argument.from, to: argument.to, text: target }],
  );
}

interface Lines {
  readonly from: number;
  /** After the line break. */
  readonly to: number;
}

/** Blocks whose lines hold nothing else: they are copied and removed line by line, in a notebook too. */
function wholeLines(
  chain: LayerChain,
  blocks: readonly (readonly ChainItem[])[],
  changes: readonly Replacement[],
): RepeatedBlocks | undefined {
  const { module, style } = chain;
  const lines = blocks.map((block) => linesOf(module, style, block));
  const last = lines.at(-1);
  if (last === undefined || !lines.every((found) => found !== undefined)) {
    return undefined;
  }
  const places = lines.map((found) => linesInFile(module, { from: withComments(module, found.from), to: found.to }));
  const copy = linesInFile(module, last);
  const gap = linesInFile(module, gapBefore(module, withComments(module, last.from)));
  const inFile = changes.map((change) => changeInFile(module, change));
  if (copy === undefined || !places.every((p) => p !== undefined) || !inFile.every((c) => c !== undefined)) {
    return undefined;
  }
  return { file: module.file, blocks: places, copy, before: gap?.written ?? '', changes: inFile };
}

function linesOf(module: Module, style: LayerChain['style'], block: readonly ChainItem[]): Lines | undefined {
  const { text } = module;
  const first = block[0]?.node;
  const last = block.at(-1)?.node;
  if (first === undefined || last === undefined) {
    return undefined;
  }
  const from = text.lastIndexOf('\n', first.from - 1) + 1;
  const end = text.indexOf('\n', last.to);
  const rest = text.slice(last.to, end === -1 ? text.length : end).trim();
  const afterComma = rest.startsWith(',') ? rest.slice(1).trim() : undefined;
  const trailing = style === 'list' ? afterComma : rest;
  const isAlone = text.slice(from, first.from).trim() === '' && (trailing === '' || trailing?.startsWith('#') === true);
  return isAlone && end !== -1 ? { from, to: end + 1 } : undefined;
}

/** A comment directly above a block speaks of it, and goes with it. */
function withComments(module: Module, lineStart: number): number {
  const start = module.text.lastIndexOf('\n', lineStart - 2) + 1;
  const line = module.text.slice(start, lineStart).trim();
  return lineStart > 0 && line.startsWith('#') && !isCellMark(line) ? withComments(module, start) : lineStart;
}

/** `# In[3]:` and `# %%` begin a cell of an exported notebook. */
function isCellMark(comment: string): boolean {
  return comment.startsWith('# In[') || comment.startsWith('# %%');
}

/** The empty line before a block: where blocks are set apart by one, a further block is too. */
function gapBefore(module: Module, lineStart: number): Lines {
  const start = module.text.lastIndexOf('\n', lineStart - 2) + 1;
  const isEmpty = lineStart > 0 && module.text.slice(start, lineStart).trim() === '';
  return { from: isEmpty ? start : lineStart, to: lineStart };
}

/** The same lines in the file; in a notebook each is a JSON string of its own. */
function linesInFile(module: Module, { from, to }: Lines): BlockPlace | undefined {
  if (module.notebook === undefined || from === to) {
    return { from, to, written: module.text.slice(from, to) };
  }
  const { places } = module.notebook;
  const start = places[from] ?? -1;
  const lineBreak = places[to - 1] ?? -1;
  if (start < 0 || lineBreak < 0) {
    return undefined;
  }
  const { fileText } = module;
  const lineStart = fileText.lastIndexOf('\n', start) + 1;
  const lineEnd = fileText.indexOf('\n', lineBreak) + 1;
  const written = fileText.slice(lineStart, lineEnd);
  // One string a line, each followed by another one: what Jupyter writes, except for the last line of a cell.
  const isUsual = written
    .trimEnd()
    .split('\n')
    .every((line) => line.trim().startsWith('"') && line.trim().endsWith('\\n",'));
  return isUsual && lineEnd > 0 ? { from: lineStart, to: lineEnd, written } : undefined;
}

function changeInFile(module: Module, change: Replacement): Replacement | undefined {
  const place = placeInFile(module, change.from, change.to);
  return place === undefined ? undefined : { from: place.from, to: place.to, text: change.text };
}

/** Layers of a list that stand in one line: `[Conv2D(8, 3), MaxPooling2D(), Flatten()]`. */
function withinLine(
  { module, style, items }: LayerChain,
  blocks: readonly (readonly ChainItem[])[],
  changes: readonly Replacement[],
): RepeatedBlocks | undefined {
  const ends = blocks.map((block) => ({ first: block[0]?.node, last: block.at(-1)?.node }));
  const last = ends.at(-1);
  if (style !== 'list' || module.notebook !== undefined || last?.first === undefined || last.last === undefined) {
    return undefined;
  }
  const { text } = module;
  const places = ends.flatMap(({ first, last: end }): BlockPlace[] => {
    const previous = items[items.findIndex(({ node }) => node === first) - 1]?.node;
    // The first block of a list is never left out, so where it would be cut does not matter.
    const from = previous?.to ?? first?.from ?? 0;
    const to = end?.to ?? from;
    return [{ from, to, written: text.slice(from, to) }];
  });
  const copy = { from: last.first.from, to: last.last.to, written: text.slice(last.first.from, last.last.to) };
  return { file: module.file, blocks: places, copy, before: ', ', changes };
}
