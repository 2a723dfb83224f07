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

/** The package that a line asks for, in lower case. */
export function requirementName(line: string): string {
  const name = line.trim().toLowerCase();
  const end = [...name].findIndex((character) => ' <>=!~[;('.includes(character));
  return end === -1 ? name : name.slice(0, end);
}

function requirementLines(text: string): readonly string[] {
  const lines = text.replaceAll('\r', '').split('\n');
  return lines
    .map((line) => (line.trimStart().startsWith('#') ? '' : (line.split(' #')[0] ?? '').trim()))
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
