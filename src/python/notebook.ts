import type { InspectionWarning } from './inspection.js';
import { jsonAt, type PositionedJson, parseJsonWithPositions } from './json-positions.js';
import { PythonSyntaxError, parsePython, positionAt } from './syntax.js';

/** The code cells of a notebook as one script, and where each of its characters stands in the `.ipynb` file. */
export interface NotebookScript {
  readonly code: string;
  /** For each character of `code` its place in the file's text; -1 for what stands in no file. */
  readonly places: Int32Array;
  /** Packages that the notebook installs by `!pip install`. */
  readonly installs: readonly string[];
  readonly warnings: readonly InspectionWarning[];
}

/** Cell magics whose cell is still Python. */
const PYTHON_CELL_MAGICS = ['%%time', '%%timeit', '%%capture', '%%prun'];
/** Magics that only change how a notebook is shown. */
const DISPLAY_MAGICS = [
  'matplotlib',
  'config',
  'reload_ext',
  'load_ext',
  'autoreload',
  'pylab',
  'time',
  'tensorflow_version',
  'tensorboard',
  'ls',
  'pwd',
  'env',
  'who',
  'whos',
];

interface Character {
  readonly character: string;
  readonly place: number;
}

/**
 * Joins a notebook's code cells into one script. Magics become `pass`: those that only concern the display are dropped
 * silently, `!pip install` is reported as packages, all others are reported as warnings.
 *
 * @throws PythonSyntaxError when the file is no notebook
 */
export function readNotebook(file: string, text: string): NotebookScript {
  const cells = readCells(file, text);
  const characters: Character[] = [];
  const installs: string[] = [];
  const warnings: InspectionWarning[] = [];
  for (const cell of cells) {
    const lines = withoutMagics(file, text, splitLines(cell), installs, warnings);
    characters.push(...lines.flat(), { character: '\n', place: -1 });
  }
  return {
    code: characters.map((entry) => entry.character).join(''),
    places: Int32Array.from(characters, (entry) => entry.place),
    installs,
    warnings,
  };
}

function readCells(file: string, text: string): readonly Character[][] {
  let json: PositionedJson;
  try {
    json = parseJsonWithPositions(text);
  } catch (error) {
    throw new PythonSyntaxError(file, { line: 1, column: 0 }, `this is not a notebook: ${describe(error)}`);
  }
  // Format 3 keeps its cells in worksheets.
  const list = jsonAt(json, ['cells']) ?? jsonAt(json, ['worksheets', 0, 'cells']);
  if (list?.type !== 'array') {
    throw new PythonSyntaxError(file, { line: 1, column: 0 }, 'this is not a notebook: it has no cells');
  }
  const result: Character[][] = [];
  for (const cell of list.items) {
    const type = jsonAt(cell, ['cell_type']);
    const source = jsonAt(cell, ['source']) ?? jsonAt(cell, ['input']);
    if (type?.type === 'scalar' && type.value === 'code' && source !== undefined) {
      const strings = source.type === 'array' ? source.items : [source];
      result.push(strings.flatMap((item) => unescapeWithPlaces(text, item)));
    }
  }
  return result;
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The characters of a JSON string, each with the place where its (perhaps escaped) spelling begins. */
function unescapeWithPlaces(text: string, json: PositionedJson): Character[] {
  if (json.type !== 'scalar' || typeof json.value !== 'string') {
    return [];
  }
  const result: Character[] = [];
  let at = json.from + 1;
  while (at < json.to - 1) {
    const width = text.charAt(at) !== '\\' ? 1 : text.charAt(at + 1) === 'u' ? 6 : 2;
    const character: string = width === 1 ? text.charAt(at) : JSON.parse(`"${text.slice(at, at + width)}"`);
    result.push({ character, place: at });
    at += width;
  }
  return result;
}

function splitLines(characters: readonly Character[]): Character[][] {
  const lines: Character[][] = [[]];
  for (const entry of characters) {
    lines.at(-1)?.push(entry);
    if (entry.character === '\n') {
      lines.push([]);
    }
  }
  return lines;
}

function lineText(line: readonly Character[]): string {
  return line.map((entry) => entry.character).join('');
}

/**
 * A `%` or `!` at the start of a line can also be ordinary Python (the second line of `"…" \n % values`), so a line
 * counts as magic only where the cell does not parse with it.
 */
function withoutMagics(
  file: string,
  text: string,
  lines: readonly Character[][],
  installs: string[],
  warnings: InspectionWarning[],
): readonly Character[][] {
  const first =
    lines
      .map(lineText)
      .find((line) => line.trim() !== '')
      ?.trim() ?? '';
  const placeOf = (line: readonly Character[]): number => positionAt(text, line[0]?.place ?? 0).line;
  if (first.startsWith('%%') && !PYTHON_CELL_MAGICS.some((magic) => first.split(' ')[0] === magic)) {
    const message = `a cell that begins with ${first.split(' ')[0]} is not Python and is left out`;
    warnings.push({ file, line: placeOf(lines[0] ?? []), message });
    return [];
  }
  const result = [...lines];
  for (;;) {
    const error = syntaxErrorOf(result);
    if (error === undefined) {
      return result;
    }
    const index = result.findLastIndex((line, at) => at < error.line && isMagic(lineText(line)));
    const line = result[index];
    if (line === undefined) {
      return result;
    }
    report(lineText(line).trim(), placeOf(line));
    result[index] = replaceMagic(line);
  }

  function report(magic: string, line: number): void {
    const words = magic.split(' ').filter((word) => word !== '');
    const command = magic.slice(1).trimStart().split(' ')[0] ?? '';
    const pip = words.findIndex((word) => word === 'pip' || word === '!pip' || word === '%pip' || word === '!pip3');
    if (pip !== -1 && words.includes('install')) {
      const names = words.slice(words.indexOf('install') + 1);
      installs.push(...names.filter((name) => !name.startsWith('-')));
    } else if (
      !magic.startsWith('%%') &&
      !(magic.startsWith('%') && DISPLAY_MAGICS.includes(command)) &&
      !isHelp(magic)
    ) {
      warnings.push({ file, line, message: `\`${magic}\` is a notebook command and is skipped when Pushtune trains` });
    }
  }
}

function syntaxErrorOf(lines: readonly Character[][]): PythonSyntaxError | undefined {
  try {
    parsePython('', lines.map(lineText).join(''));
    return undefined;
  } catch (error) {
    if (error instanceof PythonSyntaxError) {
      return error;
    }
    throw error;
  }
}

function isMagic(line: string): boolean {
  const trimmed = line.trim();
  return trimmed.startsWith('%') || trimmed.startsWith('!') || isHelp(trimmed) || isAssignedMagic(trimmed);
}

function isHelp(line: string): boolean {
  return line.startsWith('?') || line.endsWith('?');
}

/** `files = !ls` and `result = %timeit x`. */
function isAssignedMagic(line: string): boolean {
  const value = line.slice(line.indexOf('=') + 1).trim();
  return line.includes('=') && (value.startsWith('!') || value.startsWith('%'));
}

/** The same line as `pass`, or as an empty list where its result was given a name. */
function replaceMagic(line: readonly Character[]): Character[] {
  const text = lineText(line);
  const trimmed = text.trimStart();
  const indent = line.slice(0, text.length - trimmed.length);
  const kept = isAssignedMagic(trimmed.trim()) && !trimmed.startsWith('%') && !trimmed.startsWith('!');
  const prefix = kept ? line.slice(0, text.indexOf('=') + 1) : indent;
  const added = kept ? ' []' : 'pass';
  return [...prefix, ...[...added, '\n'].map((character) => ({ character, place: -1 }))];
}
