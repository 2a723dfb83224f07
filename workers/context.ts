/** What every stage needs, opened once per worker process. */
import type Docker from 'dockerode';
import type { Logger } from 'pino';
import { type Config, findRepository, type RepositorySettings, repositoryUrl } from '../src/config.js';
import { repositoryFolders, scratchFolder } from '../src/container/folders.js';
import type { CredentialSource } from '../src/git/credentials.js';
import type { Mirror } from '../src/git/mirror.js';
import type { Run } from '../src/pipeline/run.js';
import type { Study } from '../src/pipeline/study.js';
import type { Store } from '../src/store/start-run.js';
import { StageFailure } from './stage.js';

export interface WorkerContext {
  readonly config: Config;
  readonly store: Store;
  readonly docker: Docker;
  readonly credentials: CredentialSource;
  readonly log: Logger;
  /** Folder with the agent's package, which containers mount. */
  readonly trainer: string;
}

/** Now, as runs and studies note it. */
export function now(): string {
  return new Date().toISOString();
}

/** @throws {StageFailure} when the repository is not watched any more */
export function settingsOf(context: WorkerContext, repository: string): RepositorySettings {
  const settings = findRepository(context.config, repository);
  if (settings === undefined) {
    throw new StageFailure(
      `${repository} is not in the configuration any more; add it under "repositories" and push again`,
    );
  }
  return settings;
}

export async function mirrorOf(context: WorkerContext, repository: string): Promise<Mirror> {
  const settings = settingsOf(context, repository);
  return {
    path: repositoryFolders(context.config.data, settings.name).mirror,
    url: repositoryUrl(context.config, settings),
    credentials: await context.credentials(settings),
    scratch: scratchFolder(context.config.data),
  };
}

/** Where people see the run. */
export function runUrl(context: WorkerContext, run: Pick<Run, 'id'>): string {
  return `${context.config.server.url}/api/runs/${run.id}`;
}

/** Where people see the study. */
export function studyUrl(context: WorkerContext, study: Pick<Study, 'id'>): string {
  return `${context.config.server.url}/api/studies/${study.id}`;
}
