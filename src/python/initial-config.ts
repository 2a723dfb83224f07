import type { Parameter } from '../tuning/space.js';
import type { Hyperparameter, Inspection } from './inspection.js';
import { formatYaml } from './parameter-files.js';

export interface StudyDefaults {
  readonly target: number;
  readonly budget: { readonly trials: number; readonly hours: number; readonly patience: number };
}

/**
 * A `.pushtune.yml` that changes nothing: every setting is there with what holds without it, behind a `#`. Prose begins
 * with `# ` and a letter, so that a setting is uncommented by taking its first character away.
 */
export function initialConfig(inspection: Inspection, { target, budget }: StudyDefaults): string {
  const { main, metric, hyperparameters } = inspection;
  const path = metric.path === undefined ? '' : ` (${metric.path})`;
  const lines = [
    '# Pushtune needs no configuration. To decide something yourself, take the # before a line away.',
    '',
    '# The script or notebook that trains.',
    `#main: ${formatYaml(main, '')}`,
    '',
    `# When the study ends. The metric is ${metric.name}, read from: ${metric.source}${path}.`,
    '#metric:',
    `#  target: ${target}`,
    '#  mode: max',
    '',
    '# The training container; never more than the server allows.',
    '#environment:',
    '#  memory: 4g',
    '#  cpus: 2',
    '#  timeout: 2h',
    '',
    ...hyperparameterLines(hyperparameters),
    '',
    '# The most that a study may use, and the trials without improvement after which it ends.',
    '#budget:',
    `#  trials: ${budget.trials}`,
    `#  hours: ${budget.hours}`,
    `#  patience: ${budget.patience}`,
    '',
    '# Whether trials that can hardly become the best are stopped while they train.',
    '#sampler: auto',
    '#pruning: on',
    '',
    '# Whether a trial that reaches the target is trained once more, with another seed, before the study ends.',
    '#confirm: off',
    '',
    '# What e-mails are sent about.',
    '#notify:',
    '#  on: [target_reached, budget_ended, failed, build_changed, container_restarted]',
  ];
  return `${lines.join('\n')}\n`;
}

function hyperparameterLines(hyperparameters: readonly Hyperparameter[]): readonly string[] {
  if (hyperparameters.length === 0) {
    return ['# No hyperparameters were found; pushtune inspect says what was left alone and why.'];
  }
  return [
    '# What is tuned, and how far. Narrow a range, replace it, or write off to leave a value alone.',
    '#hyperparameters:',
    ...hyperparameters.map(
      ({ name, file, line, value, parameter }) =>
        `#  ${formatYaml(name, '')}: ${rangeOf(parameter)}  # ${file}:${line}, now ${formatYaml(value, '')}`,
    ),
  ];
}

function rangeOf(parameter: Parameter): string {
  if (parameter.type === 'categorical') {
    return `{type: categorical, choices: ${formatYaml(parameter.choices, '')}}`;
  }
  const scale =
    parameter.log === true ? ', log: true' : parameter.step === undefined ? '' : `, step: ${parameter.step}`;
  return `{type: ${parameter.type}, low: ${formatYaml(parameter.low, '')}, high: ${formatYaml(parameter.high, '')}${scale}}`;
}
