import type { Inspection } from '../../src/python/inspection.js';
import { commandLine, isEmptyCommand } from '../../src/python/render.js';
import type { Parameter } from '../../src/tuning/space.js';
import type { ExpectedInspection } from './fixtures.js';

/** An inspection in the form in which the fixtures write down what they expect. */
export function summarize(inspection: Inspection): ExpectedInspection {
  return {
    imports: inspection.imports,
    packages: inspection.packages,
    environment: inspection.environment,
    hyperparameters: inspection.hyperparameters.map(
      ({ file, line, column, name, value, parameter }) =>
        `${file}:${line}:${column} ${name} ${JSON.stringify(value)} ${rangeText(parameter)}`,
    ),
    ...(isEmptyCommand(inspection.command) ? {} : { command: commandLine(inspection.main, inspection.command) }),
    warnings: inspection.warnings.map(({ file, line, message }) => `${file ?? ''}:${line ?? ''} ${message}`),
  };
}

function rangeText(parameter: Parameter): string {
  if (parameter.type === 'categorical') {
    return JSON.stringify(parameter.choices);
  }
  return `${parameter.type} ${parameter.low}..${parameter.high}${parameter.log === true ? ' log' : ''}`;
}
