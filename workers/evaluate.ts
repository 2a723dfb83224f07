/** evaluate: reads the metric that the training left in a file or printed. */
import { agentFolder } from '../src/container/containers.js';
import { repositoryFolders } from '../src/container/folders.js';
import { UnsafeFileError } from '../src/container/guarded-files.js';
import { readLogFile, readWorkspaceFile } from '../src/container/training.js';
import { readSources } from '../src/git/mirror.js';
import { defaultMetricFile, findMetric, MetricNotFoundError } from '../src/pipeline/metric.js';
import type { Run } from '../src/pipeline/run.js';
import { mirrorOf, type WorkerContext } from './context.js';
import { repositoryConfigIn } from './repository-settings.js';
import { StageFailure, type StageOutcome } from './stage.js';

/** The figures stand at the end of the log; one that prints more than this after them has lost them. */
const logTail = 1024 * 1024;

export async function evaluate(context: WorkerContext, run: Run): Promise<StageOutcome> {
  if (run.build === undefined) throw new StageFailure('the run has no build; push again');
  const { metric } = repositoryConfigIn(await readSources(await mirrorOf(context, run.repository), run.sha));
  const { data } = context.config;
  const folders = {
    runs: repositoryFolders(data, run.repository).runs,
    agent: agentFolder(data, run.repository, run.build.container),
  };
  try {
    const file = await readWorkspaceFile(folders, run.id, metric.source ?? defaultMetricFile);
    const log = await readLogFile(folders, run.id, logTail);
    const found = findMetric({ log, file }, metric);
    return { kind: 'next', found: { metric: found } };
  } catch (error) {
    if (error instanceof MetricNotFoundError || error instanceof UnsafeFileError) {
      throw new StageFailure(error.message, { cause: error });
    }
    throw error;
  }
}
