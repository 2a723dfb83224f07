/** What the repository's host says about a branch, for requests that depend on it. */
import { type Config, type RepositorySettings, repositoryUrl } from '../config.js';
import { scratchFolder } from '../container/folders.js';
import { GitError } from '../git/client.js';
import type { CredentialSource } from '../git/credentials.js';
import { assertBranchName, BranchNameError, remoteHead } from '../git/mirror.js';

/**
 * The branch's head, or undefined when there is no such branch. A host that does not answer is not the caller's
 * mistake, nor this server's: the error carries 502; that of an impossible name 400.
 */
export async function askForHead(
  config: Config,
  credentials: CredentialSource,
  repository: RepositorySettings,
  branch: string,
): Promise<string | undefined> {
  try {
    assertBranchName(branch);
    const scratch = scratchFolder(config.data);
    const url = repositoryUrl(config, repository);
    return await remoteHead({ path: scratch, scratch, url, credentials: await credentials(repository) }, branch);
  } catch (error) {
    if (error instanceof BranchNameError) throw withStatus(error, 400);
    if (error instanceof GitError) throw withStatus(error, 502);
    throw error;
  }
}

function withStatus(error: Error, statusCode: number): Error {
  return Object.assign(new Error(error.message, { cause: error }), { statusCode });
}
