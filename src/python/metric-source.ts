import type { Framework, InspectedMetric, ProjectFiles } from './inspection.js';
import { readLiteral } from './literals.js';
import { type Module, type Project, readProject } from './project.js';
import { callArguments, calleeOf, findArgument, lastName, type SyntaxNode } from './syntax.js';

/**
 * Where the accuracy will be read, in the order of preference: what `.pushtune.yml` names, the history that Keras
 * reports, a JSON file or a small text file that the script writes, and at last what it prints.
 */
export function metricOf(
  project: Project,
  framework: Framework,
  configured?: { readonly name?: string | undefined; readonly source?: string | undefined },
): InspectedMetric {
  const name = configured?.name ?? 'val_accuracy';
  if (configured?.source !== undefined) {
    return { name, source: 'configured', path: configured.source };
  }
  if (framework === 'tensorflow' && trainsWithKeras(project)) {
    return { name, source: 'keras-history' };
  }
  const written = project.modules.flatMap(writtenFiles);
  const json = written.find(isMetricsFile);
  if (json !== undefined) {
    return { name, source: 'metrics-file', path: json };
  }
  const text = written.find(isAccuracyText);
  return text === undefined ? { name, source: 'log' } : { name, source: 'text-file', path: text };
}

/**
 * The files that the script writes and whose names promise figures, also where Keras' history comes before them.
 *
 * @throws PythonSyntaxError when the main script is not Python 3
 */
export function writtenMetricFiles(files: ProjectFiles, main: string): readonly string[] {
  const written = readProject(files, main).modules.flatMap(writtenFiles);
  return [...new Set(written.filter((path) => isMetricsFile(path) || isAccuracyText(path)))];
}

function isMetricsFile(path: string): boolean {
  return path.endsWith('.json') && path.includes('metric');
}

function isAccuracyText(path: string): boolean {
  return path.endsWith('.txt') && path.toLowerCase().includes('acc');
}

function trainsWithKeras(project: Project): boolean {
  return project.modules.some((module) =>
    module.calls.some((call) => {
      const name = methodName(module, call);
      return name === 'fit' || name === 'fit_generator';
    }),
  );
}

function methodName(module: Module, call: SyntaxNode): string | undefined {
  const callee = calleeOf(call);
  return callee?.type === 'MemberExpression' ? lastName(module, callee) : undefined;
}

/** Paths of `open(path, 'w')`, `Path(path).write_text(…)`, `Path(path).open('w')` and `np.savetxt(path, …)`. */
function writtenFiles(module: Module): readonly string[] {
  return module.calls.flatMap((call) => {
    const path = writtenPath(module, call);
    return path === undefined ? [] : [path];
  });
}

function writtenPath(module: Module, call: SyntaxNode): string | undefined {
  const callee = calleeOf(call);
  const name = callee === undefined ? undefined : lastName(module, callee);
  const object = callee?.type === 'MemberExpression' ? callee.children[0] : undefined;
  const isPath = object?.type === 'CallExpression' && lastName(module, calleeOf(object) ?? object) === 'Path';
  if (name === 'open' && object === undefined) {
    return isForWriting(module, call, 1) ? literalPath(module, call) : undefined;
  }
  if (name === 'savetxt') return literalPath(module, call);
  const isWritten = name === 'write_text' || (name === 'open' && isForWriting(module, call, 0));
  return isPath && isWritten ? literalPath(module, object) : undefined;
}

function isForWriting(module: Module, call: SyntaxNode, position: number): boolean {
  const mode = findArgument(callArguments(module, call), 'mode', position);
  const written = mode === undefined ? undefined : readLiteral(module, mode.value);
  return typeof written === 'string' && /^[wax]/.test(written);
}

function literalPath(module: Module, call: SyntaxNode): string | undefined {
  const [path] = callArguments(module, call);
  const written = path === undefined ? undefined : readLiteral(module, path.value);
  return typeof written === 'string' ? written : undefined;
}
