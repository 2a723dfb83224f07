import type { InspectionWarning } from './inspection.js';
import { jsonAt, type PositionedJson, parseJsonWithPositions } from './json-positions.js';
import { PythonSyntaxError, parsePython, positionAt } from './syntax.js';

/** The code cells of a notebook as one script, and where each of its characters stands in the `.ipynb` file. */
export interface NotebookScript {
  readonly code: string;
  /** The cells that hold Python, as parts of `code`. */
  readonly cells: readonly NotebookCell[];
  /** For each character of `code` its place in the file's text; -1 for what stands in no file. */
  readonly places: Int32Array;
  /** Packages that the notebook installs by `!pip install`. */
  readonly installs: readonly string[];
  /** What a shell would get: lines that begin with `!` or `%`, and the lines of cells that are not Python. */
  readonly commands: readonly NotebookCommand[];
  readonly warnings: readonly InspectionWarning[];
}

export interface NotebookCell {
  /** The number that Jupyter shows beside the cell when all are run in order, from 1. */
  readonly number: number;
  readonly from: number;
  readonly to: number;
}

export interface NotebookCommand {
  readonly text: string;
  /** Where it begins in the `.ipynb` file's text. */
  readonly place: number;
}

/** Cell magics whose cell is still Python. */
const PYTHON_CELL_MAGICS = ['%%time', '%%timeit', '%%capture', '%%prun'];
/** Cell magics whose cell is only shown. */
const DISPLAY_CELL_MAGICS = ['%%html', '%%HTML', '%%javascript', '%%js', '%%latex', '%%markdown', '%%svg'];
/** Magics that only change how a notebook is shown. */
const DISPLAY_MAGICS = [
  'matplotlib',
  'config',
  'reload_ext',
  'load_ext',
  'autoreload',
  'pylab',
  'tensorflow_version',
  'tensorboard',
  'ls',
  'pwd',
  'who',
  'whos',
];
/** What follows it is a statement. */
const TIME_MAGIC = '%time ';
/** Commands that IPython also takes without a `%`. */
const AUTOMAGICS = ['pip', 'conda', 'cd', 'ls', 'mkdir', 'cp', 'mv', 'rm', 'cat', 'run'];
/** Commands that need no argument, in a cell of their own. */
const BARE_MAGICS = ['ls', 'pwd', 'who', 'whos'];
/** After so many parsed lines the remaining magics of a cell are replaced without parsing it for each of them. */
const MOST_PARSED_LINES = 2000;

interface Character {
  readonly character: string;
  readonly place: number;
}

/**
 * Joins a notebook's code cells into one script. Magics become `pass`: those that only concern the display are dropped
 * silently, `!pip install` is reported as packages, all others are reported as warnings. A statement after `%time` stays.
 *
 * @throws PythonSyntaxError when the file is no notebook
 */
export function readNotebook(file: string, text: string): NotebookScript {
  const characters: Character[] = [];
  const cells: NotebookCell[] = [];
  const found: FoundCommands = { installs: [], commands: [], warnings: [] };
  const written = readCells(file, text).filter((cell) => lineText(cell).trim() !== '');
  for (const [index, cell] of written.entries()) {
    const lines = withoutMagics(file, text, splitLines(cell), found);
    const from = characters.length;
    for (const line of lines) {
      characters.push(...line);
    }
    characters.push({ character: '\n', place: -1 });
    if (lines.length > 0) {
      cells.push({ number: index + 1, from, to: characters.length });
    }
  }
  return {
    code: characters.map((entry) => entry.character).join(''),
    cells,
    places: Int32Array.from(characters, (entry) => entry.place),
    ...found,
  };
}

interface FoundCommands {
  readonly installs: string[];
  readonly commands: NotebookCommand[];
  readonly warnings: InspectionWarning[];
}

function readCells(file: string, text: string): readonly Character[][] {
  let json: PositionedJson;
  try {
    json = parseJsonWithPositions(text);
  } catch {
    // The error's message would show a part of the file.
    throw new PythonSyntaxError(file, { line: 1, column: 0 }, 'this is not a notebook: its JSON is broken');
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
  found: FoundCommands,
): readonly Character[][] {
  const first = lines.findIndex((line) => lineText(line).trim() !== '');
  const magic = wordsOf(lineText(lines[first] ?? []))[0] ?? '';
  if (magic.startsWith('%%') && !PYTHON_CELL_MAGICS.includes(magic)) {
    found.commands.push(...lines.map((line) => ({ text: lineText(line), place: line[0]?.place ?? 0 })));
    if (!DISPLAY_CELL_MAGICS.includes(magic)) {
      const message = `a cell that begins with ${magic} is not Python and is left out`;
      found.warnings.push({ file, line: lineOf(lines[first] ?? []), message });
    }
    return [];
  }
  if (lines.every((line) => ['', ...BARE_MAGICS].includes(lineText(line).trim()))) {
    return [];
  }
  const result = [...lines];
  for (let parsed = 1; ; parsed += 1) {
    const error = syntaxErrorOf(result);
    if (error === undefined) {
      return result;
    }
    const index = result.findLastIndex((line, at) => at < error.line && isMagic(lineText(line)));
    if (index === -1) {
      return result;
    }
    replace(index);
    for (let at = 0; parsed * lines.length > MOST_PARSED_LINES && at < result.length; at += 1) {
      if (isMagic(lineText(result[at] ?? []))) {
        replace(at);
      }
    }
  }

  function lineOf(line: readonly Character[]): number {
    return positionAt(text, line[0]?.place ?? 0).line;
  }

  /** Replaces a magic with the lines that a backslash adds to it. */
  function replace(index: number): void {
    const line = result[index] ?? [];
    let last = index;
    while (last + 1 < result.length && isContinued(lineText(result[last] ?? []))) {
      last += 1;
    }
    const parts = result.slice(index, last + 1).map((part) => lineText(part).trim());
    const command = parts.map((part) => (isContinued(part) ? part.slice(0, -1).trimEnd() : part)).join(' ');
    found.commands.push({ text: command, place: line[0]?.place ?? 0 });
    report(command, (message) => found.warnings.push({ file, line: lineOf(line), message }), found.installs);
    result[index] = replaceMagic(line);
    for (let at = index + 1; at <= last; at += 1) {
      result[at] = [{ character: '\n', place: -1 }];
    }
  }
}

function isContinued(line: string): boolean {
  return line.trimEnd().endsWith('\\');
}

function report(command: string, warn: (message: string) => void, installs: string[]): void {
  const words = wordsOf(isAssignedMagic(command) ? command.slice(command.indexOf('=') + 1) : command);
  const magic = words[0]?.startsWith('%') === true ? words[0].slice(1) : '';
  if (command.startsWith('%%') || isHelp(command) || magic === 'time') {
    return;
  }
  const pip = words.findIndex((word) => ['pip', 'pip3'].includes(isMark(word.charAt(0)) ? word.slice(1) : word));
  const shown = withoutArguments(words);
  if (pip !== -1 && words.includes('install', pip)) {
    const { packages, others } = pipInstall(words.slice(words.indexOf('install', pip) + 1));
    installs.push(...packages);
    if (others) {
      warn(`\`${shown}\` installs more than packages of an index; name what is needed in requirements.txt`);
    }
  } else if (magic === 'env' ? words.length > 1 : !DISPLAY_MAGICS.includes(magic)) {
    warn(`\`${shown}\` is a notebook command and is skipped when Pushtune trains`);
  }
}

/** Options of `pip install` that are followed by a value. */
const PIP_OPTIONS = ['-r', '--requirement', '-c', '--constraint', '-i', '--index-url', '--extra-index-url', '-f', '-t'];
/** What ends a command for the shell. */
const SHELL_ENDS = ['&&', '||', ';', '|', '&', '#', '>', '2>', '2>&1', '>>', '1>'];

/** The packages that `pip install` with these words installs by name; `others` when it installs anything else. */
function pipInstall(words: readonly string[]): { packages: readonly string[]; others: boolean } {
  const end = words.findIndex((word) => SHELL_ENDS.includes(word) || word.startsWith('>') || word.startsWith('2>'));
  const packages: string[] = [];
  let others = false;
  for (const [index, quoted] of words.slice(0, end === -1 ? words.length : end).entries()) {
    const word = quoted.replaceAll('"', '').replaceAll("'", '');
    if (word === '' || word.startsWith('-')) {
      continue;
    }
    if (PIP_OPTIONS.includes(words[index - 1] ?? '')) {
      others ||= !['-r', '--requirement'].includes(words[index - 1] ?? '');
    } else if (isRequirement(word)) {
      packages.push(word);
    } else {
      others = true;
    }
  }
  return { packages, others };
}

/** A name, perhaps with extras and versions: no path, address or variable. */
function isRequirement(word: string): boolean {
  return !'.-_'.includes(word.charAt(0)) && [...word].every((character) => !'/\\:@{}$%'.includes(character));
}

/** The command alone: what follows it may hold a password, and so may what is assigned before it. */
function withoutArguments(words: readonly string[]): string {
  const spaced = ['!', '%'].includes(words[0] ?? '');
  const first = spaced ? `${words[0]}${words[1] ?? ''}` : (words[0] ?? '');
  const name = first.includes('=') ? first.slice(0, first.indexOf('=')) : first;
  return words.length > (spaced ? 2 : 1) || name !== first ? `${name} …` : name;
}

function wordsOf(line: string): readonly string[] {
  return line
    .trim()
    .replaceAll('\t', ' ')
    .split(' ')
    .filter((word) => word !== '');
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
  if (trimmed.startsWith('#')) {
    return false;
  }
  return (
    trimmed.startsWith('%') ||
    trimmed.startsWith('!') ||
    isAutomagic(trimmed) ||
    isHelp(trimmed) ||
    isAssignedMagic(trimmed)
  );
}

function isAutomagic(line: string): boolean {
  const [command = '', next = ''] = wordsOf(line);
  return AUTOMAGICS.includes(command) && next !== '' && !next.startsWith('=');
}

function isHelp(line: string): boolean {
  return line.startsWith('?') || line.endsWith('?');
}

/** `files = !ls` and `result = %timeit x`. */
function isAssignedMagic(line: string): boolean {
  const value = line.slice(line.indexOf('=') + 1).trim();
  return line.includes('=') && !isMark(line.charAt(0)) && isMark(value.charAt(0));
}

function isMark(character: string): boolean {
  return character === '!' || character === '%';
}

/** The same line as `pass`, as the statement that is timed, or as an empty list where its result was given a name. */
function replaceMagic(line: readonly Character[]): Character[] {
  const text = lineText(line);
  const trimmed = text.trim();
  const assigned = isAssignedMagic(trimmed);
  const start = assigned ? text.indexOf('=') + 1 : text.indexOf(trimmed);
  const magic = text.slice(start).trimStart();
  const timed = magic.startsWith(TIME_MAGIC) ? magic.slice(TIME_MAGIC.length).trimStart() : '';
  if (timed.trim() !== '') {
    return [...line.slice(0, text.length - magic.length), ...line.slice(text.length - timed.length)];
  }
  const added = assigned ? ' []' : 'pass';
  return [...line.slice(0, start), ...[...added, '\n'].map((character) => ({ character, place: -1 }))];
}
