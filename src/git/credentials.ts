/** Which token or key goes with a repository: its own, the server's, or the GitHub App's. */
import { createAppAuth } from '@octokit/auth-app';
import { request } from '@octokit/request';
import type { Config, RepositorySettings } from '../config.js';
import type { GitCredentials } from './client.js';

export type CredentialSource = (repository: RepositorySettings) => Promise<GitCredentials>;

/**
 * Finds the credentials of a repository. A GitHub App's token lives for an hour; `@octokit/auth-app` keeps it and
 * renews it in time.
 */
export function credentialSource(config: Config): CredentialSource {
  const { app_id, app_private_key, app_installation_id, token, api_url } = config.github;
  const app =
    app_id === ''
      ? undefined
      : createAppAuth({
          appId: app_id,
          privateKey: app_private_key,
          installationId: app_installation_id,
          request: request.defaults({ baseUrl: api_url.replace(/\/+$/, '') }),
        });

  return async (repository) => {
    if (repository.ssh_key !== '') return { sshKey: repository.ssh_key };
    if (repository.token !== '') return { token: repository.token };
    if (token !== '') return { token };
    if (app === undefined) return {};
    return { token: (await app({ type: 'installation' })).token };
  };
}
