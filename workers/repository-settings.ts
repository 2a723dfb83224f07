/** `.pushtune.yml` at a commit, and what follows from it and the server's configuration. */
import type { Config } from '../src/config.js';
import { normaliseMetric } from '../src/pipeline/figure-names.js';
import type { StudySettings } from '../src/pipeline/study.js';
import { parseRepositoryConfig, type RepositoryConfig, repositoryConfigName } from '../src/repository-config.js';

/** @throws {RepositoryConfigError} */
export function repositoryConfigIn(files: ReadonlyMap<string, Uint8Array>): RepositoryConfig {
  const bytes = files.get(repositoryConfigName);
  return parseRepositoryConfig(bytes === undefined ? undefined : Buffer.from(bytes).toString('utf8'));
}

/** A target of 80 for an accuracy is one of 0.8. */
export function studySettings(config: Config, repository: RepositoryConfig): StudySettings {
  const { metric, budget } = repository;
  return {
    mode: metric.mode,
    target: normaliseMetric(metric.name ?? 'accuracy', metric.target ?? config.study.target),
    confirm: repository.confirm,
    budget: {
      trials: budget.trials ?? config.study.budget.trials,
      hours: budget.hours ?? config.study.budget.hours,
      patience: budget.patience ?? config.study.budget.patience,
    },
  };
}
