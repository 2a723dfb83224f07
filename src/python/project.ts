import type { InspectionWarning, LiteralPlace, ProjectFiles } from './inspection.js';
import { type NotebookScript, readNotebook } from './notebook.js';
import { readScopes, type ScopedSource } from './scopes.js';
import { nodesOf, type Position, PythonSyntaxError, parsePython, positionAt, type SyntaxNode } from './syntax.js';
import { decodeText } from './text.js';

/** A parsed script, local module or notebook. */
export interface Module extends ScopedSource {
  /** Text of the file itself; the same as `text` for scripts. */
  readonly fileText: string;
  readonly notebook: NotebookScript | undefined;
  /** Every call of the module, in source order. */
  readonly calls: readonly SyntaxNode[];
}

/** The main script and the local modules that it reaches, parsed. */
export interface Project {
  readonly files: ProjectFiles;
  readonly main: Module;
  readonly modules: readonly Module[];
  /** The module that an import in `file` means, if it is one of the repository's. */
  readonly localModule: (file: string, dotted: string) => LocalModule;
  readonly warnings: readonly InspectionWarning[];
}

export interface LocalModule {
  readonly local: boolean;
  readonly module?: Module;
}

/** Parsing takes most of an inspection's time, and the search for the main script parses it as well. */
const modulesByBytes = new WeakMap<Uint8Array, Module>();

/**
 * Parses one script or notebook.
 *
 * @throws PythonSyntaxError when it is not Python 3
 */
export function readModule(files: ProjectFiles, file: string): Module {
  const bytes = files.get(file) ?? new Uint8Array();
  const known = modulesByBytes.get(bytes);
  if (known?.file === file) {
    return known;
  }
  const module = parseFile(file, bytes);
  modulesByBytes.set(bytes, module);
  return module;
}

function parseFile(file: string, bytes: Uint8Array): Module {
  const fileText = decodeText(bytes).text;
  const notebook = file.endsWith('.ipynb') ? readNotebook(file, fileText) : undefined;
  const source = parseModule(file, fileText, notebook);
  return { ...readScopes(source), fileText, notebook, calls: nodesOf(source, 'CallExpression') };
}

function parseModule(file: string, fileText: string, notebook: NotebookScript | undefined) {
  if (notebook === undefined) {
    return parsePython(file, fileText);
  }
  try {
    return parsePython(file, notebook.code);
  } catch (error) {
    if (!(error instanceof PythonSyntaxError)) {
      throw error;
    }
    const offset = offsetOf(notebook.code, error);
    const position = positionAt(fileText, Math.max(notebook.places[offset] ?? 0, 0));
    throw new PythonSyntaxError(file, position, 'this cell is not valid Python 3');
  }
}

function offsetOf(text: string, { line, column }: Position): number {
  let offset = 0;
  for (let at = 1; at < line; at += 1) {
    offset = text.indexOf('\n', offset) + 1;
  }
  return offset + column;
}

/**
 * Parses the main script and, step by step, the local modules that it imports. A local module that is no Python is
 * left out with a warning.
 *
 * @throws PythonSyntaxError when the main script is not Python 3
 */
export function readProject(files: ProjectFiles, mainFile: string): Project {
  const main = readModule(files, mainFile);
  const read = new Map<string, Module | undefined>([[mainFile, main]]);
  const order: Module[] = [main];
  const warnings: InspectionWarning[] = [...(main.notebook?.warnings ?? [])];
  const localModule = (file: string, dotted: string): LocalModule => {
    const found = findLocal(files, mainFile, file, dotted);
    const module = found.file === undefined ? undefined : load(found.file);
    return module === undefined ? { local: found.local } : { local: true, module };
  };
  for (let index = 0; index < order.length; index += 1) {
    const module = order[index];
    if (module !== undefined) {
      followImports(module);
    }
  }
  return { files, main, modules: order, localModule, warnings };

  function load(file: string): Module | undefined {
    if (!read.has(file)) {
      read.set(file, undefined);
      try {
        const module = readModule(files, file);
        read.set(file, module);
        order.push(module);
      } catch (error) {
        if (!(error instanceof PythonSyntaxError)) {
          throw error;
        }
        warnings.push({ file, line: error.line, message: 'this local module is not valid Python 3 and was not read' });
      }
    }
    return read.get(file);
  }

  function followImports(module: Module): void {
    for (const dotted of importedModules(module)) {
      localModule(module.file, dotted);
    }
  }
}

/** Every dotted module name that a file imports; for `from a import b` both `a` and `a.b`. */
export function importedModules(module: ScopedSource): readonly string[] {
  const names = [...module.starImports];
  for (const scope of module.scopes.values()) {
    for (const binding of [...scope.bindings.values()].flat()) {
      if (binding.imported !== undefined) {
        const { module: name, member } = binding.imported;
        names.push(name);
        if (member !== undefined) {
          names.push(name.endsWith('.') ? `${name}${member}` : `${name}.${member}`);
        }
      }
    }
  }
  return names;
}

/** Python looks in the main script's folder first; scripts also add the repository's root and their own to the path. */
function findLocal(
  files: ProjectFiles,
  mainFile: string,
  importer: string,
  dotted: string,
): { local: boolean; file?: string } {
  const dots = dotted.length - trimStartDots(dotted).length;
  const parts = trimStartDots(dotted)
    .split('.')
    .filter((part) => part !== '');
  const roots = dots > 0 ? [upwards(folderOf(importer), dots - 1)] : [folderOf(mainFile), folderOf(importer), ''];
  for (const root of roots) {
    const base = [...(root === '' ? [] : [root]), ...parts].join('/');
    for (const file of [`${base}.py`, base === '' ? '__init__.py' : `${base}/__init__.py`]) {
      if (files.has(file) && file !== importer) {
        return { local: true, file };
      }
    }
  }
  const first = parts[0];
  const isFolder = roots.some((root) => {
    const prefix = `${root === '' ? '' : `${root}/`}${first}`;
    return (
      first !== undefined &&
      [...files.keys()].some(
        (file) => file === `${prefix}.py` || (file.startsWith(`${prefix}/`) && file.endsWith('.py')),
      )
    );
  });
  return { local: dots > 0 || isFolder };
}

function trimStartDots(dotted: string): string {
  let at = 0;
  while (dotted.charAt(at) === '.') {
    at += 1;
  }
  return dotted.slice(at);
}

function folderOf(file: string): string {
  return file.includes('/') ? file.slice(0, file.lastIndexOf('/')) : '';
}

function upwards(folder: string, levels: number): string {
  return folder
    .split('/')
    .slice(0, Math.max(0, folder.split('/').length - levels))
    .join('/');
}

/** Where a range of a module's Python text stands in its file; undefined when it cannot be edited there. */
export function placeInFile(module: Module, from: number, to: number): LiteralPlace | undefined {
  if (module.notebook === undefined) {
    return { file: module.file, from, to, written: module.text.slice(from, to), syntax: 'python' };
  }
  const { places } = module.notebook;
  const first = places[from] ?? -1;
  const last = places[to - 1] ?? -1;
  if (first < 0 || last < 0) {
    return undefined;
  }
  const end = last + (module.fileText.charAt(last) === '\\' ? 2 : 1);
  return { file: module.file, from: first, to: end, written: module.fileText.slice(first, end), syntax: 'notebook' };
}

/** Where a node of a module begins, as a person counts: in the file, for a notebook in its JSON text. */
export function positionInFile(module: Module, offset: number): Position {
  if (module.notebook === undefined) {
    return positionAt(module.text, offset);
  }
  return positionAt(module.fileText, Math.max(module.notebook.places[offset] ?? 0, 0));
}
