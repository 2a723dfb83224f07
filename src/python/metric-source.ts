import type { Framework, InspectedMetric } from './inspection.js';
import { readLiteral } from './literals.js';
import type { Module, Project } from './project.js';
import { callArguments, calleeOf, lastName, type SyntaxNode } from './syntax.js';

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
  const json = written.find((path) => path.endsWith('.json') && path.includes('metric'));
  if (json !== undefined) {
    return { name, source: 'metrics-file', path: json };
  }
  const text = written.find((path) => path.endsWith('.txt') && path.toLowerCase().includes('acc'));
  return text === undefined ? { name, source: 'log' } : { name, source: 'text-file', path: text };
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

/** Paths of `open(path, 'w')`. */
function writtenFiles(module: Module): readonly string[] {
  return module.calls.flatMap((call) => {
    const callee = calleeOf(call);
    if (callee?.type !== 'VariableName' || lastName(module, callee) !== 'open') {
      return [];
    }
    const [path, mode] = callArguments(module, call).map((argument) => readLiteral(module, argument.value));
    return typeof path === 'string' && typeof mode === 'string' && (mode.startsWith('w') || mode.startsWith('a'))
      ? [path]
      : [];
  });
}
