import Table from 'cli-table3';
import { withoutUserInfo } from './credential-shapes.js';
import type { Hyperparameter, Inspection, InspectionWarning, ScriptCommand } from './inspection.js';

/** An inspection for a terminal: what was found, a table of the hyperparameters with `file:line`, and the warnings. */
export function renderInspection(inspection: Inspection): string {
  const { main, framework, imports, packages, requirements, environment, metric, hyperparameters, warnings } =
    inspection;
  const metricPath = metric.path === undefined ? '' : ` (${metric.path})`;
  const lines = [
    `main script   ${main}`,
    `framework     ${framework}`,
    `imports       ${imports.join(', ') || 'none'}`,
    `packages      ${(requirements ?? packages).map(withoutUserInfo).join(', ') || 'none'}`,
    `environment   ${environment}`,
    `command       ${commandLine(main, inspection.command)}`,
    `metric        ${metric.name} from ${metric.source}${metricPath}`,
    '',
    hyperparameters.length === 0 ? 'No hyperparameters were found.' : hyperparameterTable(hyperparameters),
  ];
  return `${lines.join('\n')}\n${warnings.length === 0 ? '' : `\n${renderWarnings(warnings)}`}`;
}

/** The warnings for a terminal, a line each; nothing when there are none. */
export function renderWarnings(warnings: readonly InspectionWarning[]): string {
  const lines = warnings.map((warning) => `  ${renderWarning(warning)}\n`);
  return lines.length === 0 ? '' : `Warnings\n${lines.join('')}`;
}

/** Name, place, written value and range of each. */
export function hyperparameterTable(hyperparameters: readonly Hyperparameter[]): string {
  const table = new Table({ head: ['name', 'where', 'value', 'range'], style: { head: [], border: [] } });
  for (const { name, file, line, value, parameter } of hyperparameters) {
    table.push([name, `${file}:${line}`, JSON.stringify(value), renderRange(parameter)]);
  }
  return table.toString();
}

function renderRange(parameter: Hyperparameter['parameter']): string {
  if (parameter.type === 'categorical') {
    return parameter.choices.map((choice) => JSON.stringify(choice)).join(' | ');
  }
  const scale = parameter.log === true ? ', log' : parameter.step === undefined ? '' : `, step ${parameter.step}`;
  return `${parameter.low} … ${parameter.high} (${parameter.type}${scale})`;
}

/** `train.py:4: …`, as far as the place is known. */
export function renderWarning({ file, line, message }: InspectionWarning): string {
  const place = file === undefined ? '' : line === undefined ? `${file}: ` : `${file}:${line}: `;
  return `${place}${message}`;
}

/** The command line as a person would type it into a shell: `LR=0.1 python train.py --epochs 10`. */
export function commandLine(main: string, command: ScriptCommand): string {
  const variables = Object.entries(command.variables).map(([name, value]) => `${name}=${quoted(value)}`);
  return [...variables, 'python', quoted(main), ...command.arguments.map(quoted)].join(' ');
}

function quoted(word: string): string {
  return /^[A-Za-z0-9_./:=,@%+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

export function isEmptyCommand({ arguments: words, variables }: ScriptCommand): boolean {
  return words.length === 0 && Object.keys(variables).length === 0;
}

/** An inspection as the object that `pushtune inspect --json` prints. */
export function inspectionToJson(inspection: Inspection): Readonly<Record<string, unknown>> {
  const { main, candidates, framework, imports, packages, requirements, environment, metric, warnings, command } =
    inspection;
  return {
    main,
    candidates,
    framework,
    imports,
    packages: packages.map(withoutUserInfo),
    ...(requirements === undefined ? {} : { requirements: requirements.map(withoutUserInfo) }),
    environment,
    hyperparameters: inspection.hyperparameters.map(hyperparameterToJson),
    ...(isEmptyCommand(command) ? {} : { command }),
    metric,
    warnings,
  };
}

export function hyperparameterToJson(hyperparameter: Hyperparameter): Readonly<Record<string, unknown>> {
  const { name, kind, file, line, column, value, parameter } = hyperparameter;
  const { name: _name, ...range } = parameter;
  return { name, kind, file, line, column, value, ...range };
}
