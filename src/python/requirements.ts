import type { ProjectFiles } from './inspection.js';
import { readLiteral } from './literals.js';
import { PythonSyntaxError, parsePython, textOf } from './syntax.js';
import { decodeText } from './text.js';

/**
 * What a repository says it needs: the lines of `requirements.txt`, or the dependencies of `pyproject.toml`. Undefined
 * when it says nothing. Options such as `-r` and `--index-url` are left out.
 */
export function statedRequirements(files: ProjectFiles): readonly string[] | undefined {
  const requirements = files.get('requirements.txt');
  if (requirements !== undefined) {
    return requirementLines(decodeText(requirements).text);
  }
  const project = files.get('pyproject.toml');
  return project === undefined ? undefined : projectDependencies(decodeText(project).text);
}

/** A line of `requirements.txt` that is not obeyed. */
export interface RefusedRequirement {
  /** Counted from 1. */
  readonly line: number;
  readonly text: string;
}

/** Options that would have pip read another file or another index, or run what it finds; and what is no name of a package. */
const refusedLine =
  /^(?:-[ercif]\b|--(?:editable|requirement|constraint|index-url|extra-index-url|find-links|no-index|trusted-host|no-binary)\b|[./~\\]|[^#;]*(?:@|:\/\/|\/|\.(?:whl|zip|tar\.\w+|tgz)\s*$))/i;

/** The lines that a package index would not be asked for, but something else. */
export function refusedRequirements(files: ProjectFiles): readonly RefusedRequirement[] {
  const requirements = files.get('requirements.txt');
  if (requirements === undefined) return [];
  return decodeText(requirements)
    .text.split('\n')
    .map((text, i) => ({ line: i + 1, text: (text.split(/(?:^|\s)#/)[0] ?? '').trim() }))
    .filter(({ text }) => refusedLine.test(text));
}

/** The package that a line asks for, in lower case. */
export function requirementName(line: string): string {
  const name = line.trim().toLowerCase();
  const end = [...name].findIndex((character) => ' <>=!~[;('.includes(character));
  return end === -1 ? name : name.slice(0, end);
}

function requirementLines(text: string): readonly string[] {
  // A frozen list with hashes goes over several lines a package; what is downloaded is checked by the index's own.
  const lines = text.replaceAll('\r', '').replace(/\\\n/g, ' ').split('\n');
  return lines
    .map((line) => (line.trimStart().startsWith('#') ? '' : (line.split(' #')[0] ?? '')))
    .map((line) => line.replace(/\s--hash=\S+/g, '').trim())
    .filter((line) => line !== '' && !line.startsWith('-'));
}

/**
 * `dependencies` of `[project]` (PEP 621) and the table `[tool.poetry.dependencies]`. Such a TOML file is also valid
 * Python: tables read as lists, entries as assignments.
 */
function projectDependencies(text: string): readonly string[] | undefined {
  let table = '';
  const found: string[] = [];
  let isStated = false;
  for (const block of tomlStatements(text)) {
    if (block.startsWith('[')) {
      table = block.slice(1, -1).trim();
      continue;
    }
    const equals = block.indexOf('=');
    const key = block.slice(0, equals).trim().replaceAll('"', '');
    const value = block.slice(equals + 1).trim();
    if (table === 'project' && key === 'dependencies') {
      isStated = true;
      found.push(...stringList(value));
    }
    if (table === 'tool.poetry.dependencies' && key !== 'python') {
      isStated = true;
      found.push(key);
    }
  }
  return isStated ? found : undefined;
}

function tomlStatements(text: string): readonly string[] {
  try {
    const source = parsePython('pyproject.toml', text);
    return source.root.children.filter((node) => node.type !== 'Comment').map((node) => textOf(source, node));
  } catch (error) {
    if (error instanceof PythonSyntaxError) {
      return [];
    }
    throw error;
  }
}

function stringList(value: string): readonly string[] {
  const source = parsePython('pyproject.toml', value);
  const list = source.root.children[0]?.children[0];
  const items = list === undefined ? undefined : readLiteral(source, list);
  return typeof items === 'object' ? items.filter((item) => typeof item === 'string') : [];
}
