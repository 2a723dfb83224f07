/** Where something stands in `.pushtune.yml`. */
import { isMap, isScalar, isSeq, type Node, parseDocument } from 'yaml';
import { positionAt } from './syntax.js';

/**
 * The 1-based line of a key, or of the nearest key above it that is there.
 *
 * @param path keys, and indexes of lists, down to the place
 * @returns undefined when not even the first key is there
 */
export function lineOfKey(text: string, path: readonly string[]): number | undefined {
  let node: unknown = parseDocument(text).contents;
  let offset: number | undefined;
  for (const key of path) {
    const found = childOf(node, key);
    if (found === undefined) break;
    offset = found.offset ?? offset;
    node = found.node;
  }
  return offset === undefined ? undefined : positionAt(text, offset).line;
}

function childOf(
  node: unknown,
  key: string,
): { readonly node: unknown; readonly offset: number | undefined } | undefined {
  if (isSeq(node)) {
    const item: unknown = node.items[Number(key)];
    return item === undefined ? undefined : { node: item, offset: startOf(item) };
  }
  const pair = isMap(node)
    ? node.items.find((item) => isScalar(item.key) && String(item.key.value) === key)
    : undefined;
  return pair === undefined ? undefined : { node: pair.value, offset: startOf(pair.key) };
}

function startOf(node: unknown): number | undefined {
  return (node as Node | null)?.range?.[0];
}
