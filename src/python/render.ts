import Table from 'cli-table3';
import type { Hyperparameter, Inspection, InspectionWarning } from './inspection.js';

/** An inspection for a terminal: what was found, a table of the hyperparameters with `file:line`, and the warnings. */
export function renderInspection(inspection: Inspection): string {
  const { main, framework, imports, packages, requirements, environment, metric, hyperparameters, warnings } =
    inspection;
  const metricPath = metric.path === undefined ? '' : ` (${metric.path})`;
  const lines = [
    `main script   ${main}`,
    `framework     ${framework}`,
    `imports       ${imports.join(', ') || 'none'}`,
    `packages      ${(requirements ?? packages).join(', ') || 'none'}`,
    `environment   ${environment}`,
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

function hyperparameterTable(hyperparameters: readonly Hyperparameter[]): string {
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

function renderWarning({ file, line, message }: InspectionWarning): string {
  const place = file === undefined ? '' : line === undefined ? `${file}: ` : `${file}:${line}: `;
  return `${place}${message}`;
}

/** An inspection as the object that `pushtune inspect --json` prints. */
export function inspectionToJson(inspection: Inspection): Readonly<Record<string, unknown>> {
  const { main, candidates, framework, imports, packages, requirements, environment, metric, warnings } = inspection;
  return {
    main,
    candidates,
    framework,
    imports,
    packages,
    ...(requirements === undefined ? {} : { requirements }),
    environment,
    hyperparameters: inspection.hyperparameters.map(hyperparameterToJson),
    metric,
    warnings,
  };
}

function hyperparameterToJson(hyperparameter: Hyperparameter): Readonly<Record<string, unknown>> {
  const { name, kind, file, line, column, value, parameter } = hyperparameter;
  const { name: _name, ...range } = parameter;
  return { name, kind, file, line, column, value, ...range };
}
