/** A JSON value with the characters it takes up in the text, quotes included. */
export type PositionedJson = PositionedScalar | PositionedArray | PositionedObject;

export interface PositionedScalar {
  readonly type: 'scalar';
  readonly from: number;
  readonly to: number;
  readonly value: string | number | boolean | null;
}

export interface PositionedArray {
  readonly type: 'array';
  readonly from: number;
  readonly to: number;
  readonly items: readonly PositionedJson[];
}

export interface PositionedObject {
  readonly type: 'object';
  readonly from: number;
  readonly to: number;
  readonly members: ReadonlyMap<string, PositionedJson>;
}

/** Deeper documents are refused, so that reading stays within the stack. Notebooks nest about ten levels. */
const MAX_DEPTH = 200;

/**
 * Reads JSON and keeps where each value stands, which `JSON.parse` forgets.
 *
 * @throws SyntaxError as `JSON.parse` does
 */
export function parseJsonWithPositions(text: string): PositionedJson {
  // JSON.parse checks the grammar, so the scanner below may assume it.
  JSON.parse(text);
  let at = 0;
  return readValue(0);

  function skipSpace(): void {
    while (at < text.length && ' \t\r\n'.includes(text.charAt(at))) {
      at += 1;
    }
  }

  function readValue(depth: number): PositionedJson {
    if (depth > MAX_DEPTH) {
      throw new SyntaxError('JSON is nested too deeply');
    }
    skipSpace();
    const from = at;
    const first = text.charAt(at);
    if (first === '{') {
      return readObject(from, depth);
    }
    if (first === '[') {
      return readArray(from, depth);
    }
    if (first === '"') {
      return { type: 'scalar', from, value: readString(), to: at };
    }
    while (at < text.length && !',]} \t\r\n'.includes(text.charAt(at))) {
      at += 1;
    }
    const value: string | number | boolean | null = JSON.parse(text.slice(from, at));
    return { type: 'scalar', from, to: at, value };
  }

  function readString(): string {
    const from = at;
    at += 1;
    while (text.charAt(at) !== '"') {
      at += text.charAt(at) === '\\' ? 2 : 1;
    }
    at += 1;
    const value: string = JSON.parse(text.slice(from, at));
    return value;
  }

  function readObject(from: number, depth: number): PositionedObject {
    const members = new Map<string, PositionedJson>();
    at += 1;
    skipSpace();
    while (text.charAt(at) !== '}') {
      const key = readString();
      skipSpace();
      at += 1;
      members.set(key, readValue(depth + 1));
      skipSpace();
      if (text.charAt(at) === ',') {
        at += 1;
        skipSpace();
      }
    }
    at += 1;
    return { type: 'object', from, to: at, members };
  }

  function readArray(from: number, depth: number): PositionedArray {
    const items: PositionedJson[] = [];
    at += 1;
    skipSpace();
    while (text.charAt(at) !== ']') {
      items.push(readValue(depth + 1));
      skipSpace();
      if (text.charAt(at) === ',') {
        at += 1;
        skipSpace();
      }
    }
    at += 1;
    return { type: 'array', from, to: at, items };
  }
}

/** The value at a path of keys and indexes. */
export function jsonAt(json: PositionedJson, path: readonly (string | number)[]): PositionedJson | undefined {
  let value: PositionedJson | undefined = json;
  for (const key of path) {
    if (value?.type === 'object') {
      value = value.members.get(String(key));
    } else if (value?.type === 'array') {
      value = value.items[Number(key)];
    } else {
      return undefined;
    }
  }
  return value;
}
