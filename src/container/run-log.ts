import { repositoryFolders } from './folders.js';
import { readGuarded } from './guarded-files.js';

/** The most bytes of a log that one answer holds. */
const longestAnswer = 16 * 1024 * 1024;

/** Bytes of a run's log from its folder; empty when this host did not train it, or it is not there any more. */
export async function readRunLog(data: string, repository: string, run: string, offset: number): Promise<Buffer> {
  const { runs } = repositoryFolders(data, repository);
  try {
    return (await readGuarded(runs, `${run}/log`, offset, longestAnswer)) ?? Buffer.alloc(0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return Buffer.alloc(0);
    throw error;
  }
}
