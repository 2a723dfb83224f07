/** Commit statuses on GitHub, GitHub Enterprise and Gitea. */
import { createAppAuth } from '@octokit/auth-app';
import { Octokit } from '@octokit/rest';
import type { Config, RepositorySettings } from '../config.js';

export interface CommitStatus {
  readonly sha: string;
  /** Name under which the host lists it, such as `pushtune/train`. */
  readonly context: string;
  readonly state: 'pending' | 'success' | 'failure' | 'error';
  readonly description: string;
  readonly url: string;
}

export type StatusReporter = (repository: RepositorySettings, status: CommitStatus) => Promise<void>;

/** GitHub cuts nothing off: a longer description is refused. */
const longestDescription = 140;

/** Reports statuses, or undefined where no token and no App is configured or they are switched off. */
export function statusReporter(config: Config): StatusReporter | undefined {
  const { statuses, token, app_id } = config.github;
  const hasToken = token !== '' || app_id !== '' || config.repositories.some((repository) => repository.token !== '');
  if (!statuses || !hasToken) return undefined;
  const clients = new Map<string, Octokit>();

  return async (repository, { sha, context, state, description, url }) => {
    if (repository.token === '' && token === '' && app_id === '') return;
    const client = clients.get(repository.name) ?? makeClient(config, repository);
    clients.set(repository.name, client);
    const [owner = '', repo = ''] = repository.name.split('/');
    await client.repos.createCommitStatus({
      owner,
      repo,
      sha,
      context,
      state,
      description: shorten(description),
      target_url: url,
    });
  };
}

function makeClient(config: Config, repository: RepositorySettings): Octokit {
  const { api_url, token, app_id, app_private_key, app_installation_id } = config.github;
  const ownToken = repository.token === '' ? token : repository.token;
  // The queue behind this tries again by itself, with its own patience.
  const common = {
    baseUrl: api_url.replace(/\/+$/, ''),
    request: { retries: 0 },
    // Octokit would print refusals to the console; the queue reports them.
    log: { debug: ignore, info: ignore, warn: ignore, error: ignore },
  };
  if (ownToken !== '') return new Octokit({ ...common, auth: ownToken });
  return new Octokit({
    ...common,
    authStrategy: createAppAuth,
    auth: { appId: app_id, privateKey: app_private_key, installationId: app_installation_id },
  });
}

function ignore(): void {}

/** Counts whole characters, so that none is cut in half. */
function shorten(text: string): string {
  const characters = [...text.replace(/\s+/g, ' ').trim()];
  if (characters.length <= longestDescription) return characters.join('');
  return `${characters.slice(0, longestDescription - 1).join('')}…`;
}
