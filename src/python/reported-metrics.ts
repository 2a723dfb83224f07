/** Which figures the history of Keras will hold, as far as the script tells. */
import type { ProjectFiles } from './inspection.js';
import { readLiteral } from './literals.js';
import { type Module, readProject } from './project.js';
import { importedName } from './resolve.js';
import {
  type CallArgument,
  callArguments,
  calleeOf,
  elementsOf,
  findArgument,
  lastName,
  nodesOf,
  type SyntaxNode,
  textOf,
} from './syntax.js';

export interface ReportedMetrics {
  /** What each epoch reports of the training data: `loss`, `accuracy` … */
  readonly names: readonly string[];
  /** Whether an epoch may be validated, so that there is a `val_` figure of each. */
  readonly validates: boolean;
  /** Whether the script evaluates its model, which gives a figure of each for `test_`. */
  readonly evaluates: boolean;
  /** Every string and name in the code: what the script may write or print by itself. */
  readonly words: readonly string[];
}

/** Keras takes both, and the history has the one that was written. */
const longNames: ReadonlyMap<string, string> = new Map([
  ['mse', 'mean_squared_error'],
  ['mae', 'mean_absolute_error'],
  ['mape', 'mean_absolute_percentage_error'],
  ['msle', 'mean_squared_logarithmic_error'],
]);

/** `validation_data` is the seventh argument of `Model.fit`, `validation_split` the sixth. */
const validationPosition = 5;

/**
 * What `compile` and `fit` say about the figures of each epoch.
 *
 * @returns undefined where that is not certain: nothing is compiled, metrics are computed or go by output
 * @throws PythonSyntaxError when the main script is not Python 3
 */
export function reportedMetrics(files: ProjectFiles, main: string): ReportedMetrics | undefined {
  const { modules } = readProject(files, main);
  const methods = modules.flatMap((module) => module.calls.flatMap((call) => methodCall(module, call)));
  const compiled = methods.filter(({ name }) => name === 'compile').map(compiledMetrics);
  if (compiled.length === 0 || compiled.includes(undefined)) return undefined;
  const names = compiled.flatMap((metrics) => metrics ?? []);
  return {
    names: [...new Set(['loss', ...names])],
    validates:
      methods.some(({ name, parameters }) => name.startsWith('fit') && mayValidate(parameters)) ||
      modules.some((module) => module.calls.some((call) => namesValidation(callArguments(module, call)))),
    evaluates: methods.some(({ name }) => name.startsWith('evaluate')),
    words: [...new Set(modules.flatMap(wordsIn))],
  };
}

interface MethodCall {
  readonly module: Module;
  readonly name: string;
  readonly parameters: readonly CallArgument[];
}

function methodCall(module: Module, call: SyntaxNode): readonly MethodCall[] {
  const callee = calleeOf(call);
  if (callee?.type !== 'MemberExpression') return [];
  const name = lastName(module, callee);
  // `re.compile`
  if (name === undefined || importedName(module, callee) !== undefined) return [];
  return [{ module, name, parameters: callArguments(module, call) }];
}

/** The names of the metrics that a model is compiled with; undefined when that is not certain. */
function compiledMetrics({ module, parameters }: MethodCall): readonly string[] | undefined {
  const isOpen = parameters.some(({ star, keyword }) => star !== '' || keyword === 'weighted_metrics');
  const loss = findArgument(parameters, 'loss', 1)?.value;
  const byOutput = loss !== undefined && ['DictionaryExpression', 'ArrayExpression'].includes(loss.type);
  if (isOpen || byOutput) return undefined;
  const metrics = findArgument(parameters, 'metrics', 2)?.value;
  if (metrics === undefined || metrics.type === 'None') return [];
  if (metrics.type !== 'ArrayExpression' && metrics.type !== 'TupleExpression') return undefined;
  const names = elementsOf(metrics).map((item) => metricNames(module, item));
  return names.includes(undefined) ? undefined : names.flatMap((found) => found ?? []);
}

/** `'accuracy'`, `keras.metrics.Precision()`, `AUC(name='auc')` */
function metricNames(module: Module, item: SyntaxNode): readonly string[] | undefined {
  const written = readLiteral(module, item);
  if (typeof written === 'string') {
    const long = longNames.get(written.toLowerCase());
    return long === undefined ? [written] : [written, long];
  }
  const callee = item.type === 'CallExpression' ? calleeOf(item) : undefined;
  const kind = callee === undefined ? undefined : lastName(module, callee);
  if (kind === undefined) return undefined;
  const parameters = callArguments(module, item);
  if (parameters.some(({ star }) => star !== '')) return undefined;
  const name = findArgument(parameters, 'name');
  if (name === undefined) return [snakeCase(kind)];
  const stated = readLiteral(module, name.value);
  return typeof stated === 'string' ? [stated] : undefined;
}

/** Keras' own rule for the name of a class: `TopKCategoricalAccuracy` is `top_k_categorical_accuracy`. */
function snakeCase(name: string): string {
  return name
    .replace(/(.)([A-Z][a-z0-9]+)/g, '$1_$2')
    .replace(/([a-z])([A-Z])/g, '$1_$2')
    .toLowerCase();
}

function mayValidate(parameters: readonly CallArgument[]): boolean {
  return parameters.some(({ position, star }) => star !== '' || (position ?? 0) >= validationPosition);
}

/** `fit(validation_data=…)`, and wrappers that are made with what `fit` is to be given. */
function namesValidation(parameters: readonly CallArgument[]): boolean {
  return parameters.some(({ keyword }) => keyword?.startsWith('validation_') === true);
}

function wordsIn(module: Module): readonly string[] {
  return ['String', 'FormatString', 'VariableName', 'PropertyName'].flatMap((type) =>
    nodesOf(module, type).map((node) => textOf(module, node)),
  );
}
