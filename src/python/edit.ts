import type { ParameterValue, Values } from '../tuning/space.js';
import { commandFile, commandProblem, formatWord, insertions, readCommandFile, scalarText } from './command-file.js';
import type {
  BlockPlace,
  Hyperparameter,
  LiteralPlace,
  ProjectFiles,
  RepeatedBlocks,
  ScriptCommand,
} from './inspection.js';
import { formatLiteral, sameValue } from './literals.js';
import { formatJson, formatYaml, saysOnly } from './parameter-files.js';
import { readModule } from './project.js';
import { PythonSyntaxError } from './syntax.js';
import { decodeText, type Replacement, replaceInBytes } from './text.js';

/** A trial's values cannot be written into the files. The message says why; the trial is not to be run. */
export class EditRefusedError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'EditRefusedError';
  }
}

/**
 * Writes values into the files that hold them, in the style of what stands there. Every byte outside of the literals
 * stays. A value that equals the written one changes nothing, so `values` of trial 0 give an empty map. Values that are
 * passed to the script are written into `.pushtune.yml`, which is made if it is missing.
 *
 * @param files the person's own version, the one that was inspected
 * @param values by name; hyperparameters without a value stay as they are
 * @returns the files that changed, and only these
 * @throws EditRefusedError when a file is not the one that was inspected, a name is unknown, the result is no Python, or
 *   a parameter file would say something else besides
 */
export function applyValues(
  files: ProjectFiles,
  hyperparameters: readonly Hyperparameter[],
  values: Values,
): ReadonlyMap<string, Uint8Array> {
  const replacements = new Map<string, Replacement[]>();
  const inParameterFiles = new Map<string, ParameterValue[]>();
  const passed: PassedChange[] = [];
  for (const [name, value] of Object.entries(values)) {
    const hyperparameter = hyperparameters.find((candidate) => candidate.name === name);
    if (hyperparameter === undefined) {
      throw new EditRefusedError(`No hyperparameter is called ${name}; inspect the commit again.`);
    }
    if (sameValue(value, hyperparameter.value)) {
      continue;
    }
    for (const place of hyperparameter.places) {
      if (place.syntax === 'argument' || place.syntax === 'variable') {
        passed.push({ name, place, value });
        continue;
      }
      checkPlace(files, place, name);
      if (place.syntax === 'yaml' || place.syntax === 'json') {
        inParameterFiles.set(place.file, [...(inParameterFiles.get(place.file) ?? []), value]);
      }
      const text = formatAt(place.syntax, place.written, value, hyperparameter.value);
      replacements.set(place.file, [...(replacements.get(place.file) ?? []), { from: place.from, to: place.to, text }]);
    }
  }
  // The blocks come last, since a copy shows the new literals.
  for (const { name, repeated } of hyperparameters) {
    const value = values[name];
    if (repeated !== undefined && typeof value === 'number' && value !== repeated.blocks.length) {
      checkBlocks(files, repeated, name);
      replacements.set(repeated.file, withBlocks(repeated, value, replacements.get(repeated.file) ?? []));
    }
  }
  const command = passed.length === 0 ? undefined : changeCommand(files, passed);
  if (command !== undefined) {
    replacements.set(commandFile, [...(replacements.get(commandFile) ?? []), ...command.edits]);
  }
  const changed = new Map<string, Uint8Array>();
  for (const [file, edits] of replacements) {
    const bytes = files.get(file) ?? new Uint8Array();
    changed.set(file, replaceInBytes(bytes, decodeText(bytes), edits));
  }
  checkResult(files, changed);
  for (const [file, parameters] of inParameterFiles) {
    if (!saysOnly(files, new Map([...files, ...changed]), file, parameters)) {
      throw new EditRefusedError(
        `The values cannot be written into ${file} without changing something else there; write them as plain numbers and texts, one a line.`,
      );
    }
  }
  if (command !== undefined) {
    const problem = commandProblem(files, new Map([...files, ...changed]), command.intended);
    if (problem !== undefined) {
      throw new EditRefusedError(
        `The values cannot be written into ${commandFile}: ${problem}. Write arguments: and variables: there as plain lists, one value each.`,
      );
    }
  }
  return changed;
}

interface PassedChange {
  readonly name: string;
  readonly place: LiteralPlace;
  readonly value: ParameterValue;
}

/** What changes in `.pushtune.yml`, and the command line that it has to say afterwards. */
function changeCommand(
  files: ProjectFiles,
  changes: readonly PassedChange[],
): { readonly edits: readonly Replacement[]; readonly intended: ScriptCommand } {
  const before = readCommandFile(files);
  const words = before.arguments.map(({ text }) => text);
  const variables = Object.fromEntries([...before.variables].map(([name, { text }]) => [name, text]));
  const edits: Replacement[] = [];
  const added = changes.find(({ place }) => place.passed?.added !== undefined)?.place.passed?.added;
  const newWords = [...(added?.arguments ?? [])];
  const newVariables = { ...added?.variables };
  for (const { name, place, value } of changes) {
    const { index, variable, added: isAdded } = place.passed ?? {};
    const word = formatWord(value, place.written);
    if (word === undefined) {
      throw new EditRefusedError(`${name} cannot be ${JSON.stringify(value)}: a script is passed numbers and texts.`);
    }
    if (isAdded === undefined) {
      checkPlace(files, place, name);
      edits.push({ from: place.from, to: place.to, text: word.yaml });
    }
    if (variable !== undefined) {
      (isAdded === undefined ? variables : newVariables)[variable] = word.text;
    } else if (index !== undefined && isAdded === undefined) {
      const old = words[index] ?? '';
      words[index] = old.slice(0, old.length - scalarText(place.written).length) + word.text;
    } else if (index !== undefined) {
      newWords[index - words.length] = word.text;
    }
  }
  const { text } = decodeText(files.get(commandFile) ?? new Uint8Array());
  const inserted = added === undefined ? [] : insertions(text, { arguments: newWords, variables: newVariables });
  if (inserted === undefined) {
    throw new EditRefusedError(
      `There is no place in ${commandFile} for what the script is passed; write arguments: [] and variables: {} there on lines of their own.`,
    );
  }
  return {
    edits: [...edits, ...inserted],
    intended: { arguments: [...words, ...newWords], variables: { ...variables, ...newVariables } },
  };
}

function checkPlace(files: ProjectFiles, place: LiteralPlace, name: string): void {
  const bytes = files.get(place.file);
  const found = bytes === undefined ? undefined : decodeText(bytes).text.slice(place.from, place.to);
  if (found !== place.written) {
    throw new EditRefusedError(
      `${name} was found as ${place.written} in ${place.file}, which now reads ${found ?? 'nothing'} there; inspect the commit again.`,
    );
  }
}

function checkBlocks(files: ProjectFiles, { file, blocks, copy }: RepeatedBlocks, name: string): void {
  const bytes = files.get(file);
  const text = bytes === undefined ? '' : decodeText(bytes).text;
  if (![...blocks, copy].every(({ from, to, written }) => text.slice(from, to) === written)) {
    throw new EditRefusedError(
      `the blocks that ${name} counts are no longer where they were found in ${file}; inspect the commit again.`,
    );
  }
}

/** Leaves out the blocks from `count` on, or writes the last one again until there are `count`. */
function withBlocks(repeated: RepeatedBlocks, count: number, edits: readonly Replacement[]): Replacement[] {
  const { blocks, copy, before, changes } = repeated;
  const removed = blocks.slice(count).map(({ from, to }) => ({ from, to, text: '' }));
  const kept = edits.filter((edit) => !removed.some(({ from, to }) => edit.from >= from && edit.to <= to));
  if (count <= blocks.length) {
    return [...kept, ...removed];
  }
  const within = edits.filter(({ from, to }) => from >= copy.from && to <= copy.to);
  const text = before + replaceInText(copy, [...within, ...changes]);
  return [...kept, { from: copy.to, to: copy.to, text: text.repeat(count - blocks.length) }];
}

function replaceInText({ from: start, written }: BlockPlace, edits: readonly Replacement[]): string {
  let text = '';
  let done = 0;
  for (const { from, to, text: replacement } of [...edits].sort((a, b) => a.from - b.from)) {
    text += written.slice(done, from - start) + replacement;
    done = to - start;
  }
  return text + written.slice(done);
}

function formatAt(
  syntax: Exclude<LiteralPlace['syntax'], 'argument' | 'variable'>,
  written: string,
  value: ParameterValue,
  read: ParameterValue,
): string {
  switch (syntax) {
    case 'python':
      return formatLiteral(value, written, read);
    case 'notebook': {
      // Inside of a JSON string: the Python text is escaped as JSON escapes it.
      const python: string = JSON.parse(`"${written}"`);
      return JSON.stringify(formatLiteral(value, python, read)).slice(1, -1);
    }
    case 'json':
      return formatJson(value, written);
    case 'yaml':
      return formatYaml(value, written);
  }
}

function checkResult(files: ProjectFiles, changed: ReadonlyMap<string, Uint8Array>): void {
  const after = new Map([...files, ...changed]);
  for (const file of changed.keys()) {
    if (!file.endsWith('.py') && !file.endsWith('.ipynb')) {
      continue;
    }
    try {
      readModule(after, file);
    } catch (error) {
      if (error instanceof PythonSyntaxError) {
        throw new EditRefusedError(`The edited ${file} would no longer be valid Python.`, { cause: error });
      }
      throw error;
    }
  }
}
