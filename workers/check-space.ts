/** What is wrong with a study before its first trial: the search space, the metric and the target together. */
import type { Config } from '../src/config.js';
import { checkMetric } from '../src/pipeline/check-metric.js';
import type { StudySettings } from '../src/pipeline/study.js';
import { checkOverrides } from '../src/python/check-overrides.js';
import { lineOfKey } from '../src/python/config-lines.js';
import type { Inspection, ProjectFiles } from '../src/python/inspection.js';
import { hyperparameterTable, hyperparameterToJson, renderWarning } from '../src/python/render.js';
import { reportedMetrics } from '../src/python/reported-metrics.js';
import { decodeText } from '../src/python/text.js';
import { type RepositoryConfig, repositoryConfigName } from '../src/repository-config.js';
import { checkSpaceSize, type Finding, type SpaceSize, spaceSize } from '../src/tuning/check-space.js';
import type { SearchSpace } from '../src/tuning/space.js';
import { inspectRepository } from './project.js';
import { studySettings } from './repository-settings.js';

export interface SpaceCheck {
  readonly inspection: Inspection;
  readonly metric: string;
  readonly settings: StudySettings;
  /** Absent when a mistake leaves no space whose size could be told. */
  readonly size?: SpaceSize;
  readonly errors: readonly PlacedFinding[];
  readonly warnings: readonly PlacedFinding[];
}

/** A finding with its place in `.pushtune.yml`, if it is about one. */
export interface PlacedFinding extends Omit<Finding, 'severity'> {
  readonly file?: string;
  /** 1-based; of the nearest key that is there. */
  readonly line?: number;
}

/**
 * Checks the study that the files of a commit would begin.
 *
 * @param repository `.pushtune.yml` of these files
 * @param inspection of these files with that configuration
 */
export function checkSpace(
  files: ProjectFiles,
  config: Config,
  repository: RepositoryConfig,
  inspection: Inspection,
): SpaceCheck {
  const { metric, budget, hyperparameters: overrides } = repository;
  const isStated = Object.keys(overrides).length > 0;
  const found = isStated ? inspectRepository(files, { ...repository, hyperparameters: {} }) : inspection;
  const ofOverrides = checkOverrides(found.hyperparameters, overrides);
  const space: SearchSpace = {
    parameters: inspection.hyperparameters.map(({ parameter }) => parameter),
    featureMaps: inspection.featureMaps,
  };
  const isSpace = space.parameters.length > 0 && ofOverrides.every(({ severity }) => severity === 'warning');
  const size = isSpace ? spaceSize(space) : undefined;
  const isInHistory =
    inspection.framework === 'tensorflow' && metric.source === undefined && metric.pattern === undefined;
  const reported = isInHistory ? reportedMetrics(files, inspection.main) : undefined;
  const findings = [
    ...ofOverrides,
    ...(size === undefined ? [] : checkSpaceSize(size, { isStated, trials: budget.trials })),
    ...checkMetric(metric, reported, config.study.target),
  ];
  const text = decodeText(files.get(repositoryConfigName) ?? new Uint8Array()).text;
  return {
    inspection,
    metric: metric.name ?? inspection.metric.name,
    settings: studySettings(config, repository),
    ...(size === undefined ? {} : { size }),
    errors: findings.filter(({ severity }) => severity === 'error').map((finding) => placed(finding, text)),
    warnings: findings.filter(({ severity }) => severity === 'warning').map((finding) => placed(finding, text)),
  };
}

function placed({ severity: _severity, ...finding }: Finding, text: string): PlacedFinding {
  if (finding.key === undefined) return finding;
  const line = lineOfKey(text, finding.key);
  return { ...finding, file: repositoryConfigName, ...(line === undefined ? {} : { line }) };
}

/** `.pushtune.yml:4: hyperparameters.epochs: low 9 is above high 3` */
export function sentenceOf({ key, message, ...place }: PlacedFinding): string {
  return renderWarning({ ...place, message: key === undefined ? message : `${key.join('.')}: ${message}` });
}

/** The check for a terminal: what would be searched, and what is wrong with it. */
export function renderSpaceCheck({ inspection, metric, settings, size, errors, warnings }: SpaceCheck): string {
  const { main, hyperparameters } = inspection;
  const { mode, target, budget } = settings;
  const lines = [
    `main script   ${main}`,
    `metric        ${metric}, ${mode === 'max' ? 'at least' : 'at most'} ${target}`,
    `budget        ${budget.trials} trials, ${budget.hours} hours, ${budget.patience} trials without improvement`,
    ...(size === undefined ? [] : [`combinations  ${renderSize(size)}`]),
    '',
    hyperparameters.length === 0 ? 'No hyperparameters were found.' : hyperparameterTable(hyperparameters),
    ...findingLines('Errors', errors),
    ...findingLines('Warnings', warnings),
  ];
  return `${lines.join('\n')}\n`;
}

function renderSize({ combinations, isExact, share }: SpaceSize): string {
  const count = Number.isFinite(combinations)
    ? `${isExact ? '' : 'about '}${combinations.toLocaleString('en')}`
    : 'any number';
  return share === 1
    ? count
    : `${count}; ${Number((100 * share).toPrecision(2))} % of all leave something of the image`;
}

function findingLines(title: string, findings: readonly PlacedFinding[]): readonly string[] {
  return findings.length === 0 ? [] : ['', title, ...findings.map((finding) => `  ${sentenceOf(finding)}`)];
}

/** The check as the object that `pushtune space check --json` prints. */
export function spaceCheckToJson({ inspection, metric, settings, size, errors, warnings }: SpaceCheck): object {
  const { mode, target, budget } = settings;
  // JSON has no infinity; null stands for any number.
  const combinations = size === undefined || !Number.isFinite(size.combinations) ? null : size.combinations;
  return {
    main: inspection.main,
    metric: { name: metric, mode, target },
    budget,
    combinations,
    ...(size === undefined ? {} : { feasible_share: size.share }),
    hyperparameters: inspection.hyperparameters.map(hyperparameterToJson),
    errors: errors.map(toJson),
    warnings: warnings.map(toJson),
  };
}

function toJson({ key, ...finding }: PlacedFinding): object {
  return { ...finding, ...(key === undefined ? {} : { key: key.join('.') }) };
}
