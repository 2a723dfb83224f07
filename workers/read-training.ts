/** All that a training left behind of its figures, and what the repository says about where they are. */
import { agentFolder } from '../src/container/containers.js';
import { repositoryFolders } from '../src/container/folders.js';
import { findMetricFiles, readMetricFile } from '../src/container/metric-files.js';
import { readEvents, readLogFile, type TrainingFolders } from '../src/container/training.js';
import { readSources } from '../src/git/mirror.js';
import type { MetricRequest, TrainingTraces } from '../src/pipeline/metric.js';
import type { TrainingFile } from '../src/pipeline/metric-files.js';
import type { Build, Run } from '../src/pipeline/run.js';
import { writtenMetricFiles } from '../src/python/metric-source.js';
import { workingFolder } from '../src/python/notebook-script.js';
import { mirrorOf, type WorkerContext } from './context.js';
import { repositoryConfigIn } from './repository-settings.js';
import { StageFailure } from './stage.js';

/** The figures stand at the end of the log; one that prints more than this after them has lost them. */
const logTail = 1024 * 1024;

export interface LeftByTraining {
  readonly traces: TrainingTraces;
  readonly request: MetricRequest;
}

/**
 * @throws {UnsafeFileError} when the file that `.pushtune.yml` names is a link or no file
 * @throws {StageFailure} when the run was never built
 */
export async function readTraining(context: WorkerContext, run: Run): Promise<LeftByTraining> {
  const build = buildOf(run);
  const folders = trainingFolders(context, run, build);
  const sources = await readSources(await mirrorOf(context, run.repository), run.sha);
  const { metric: request } = repositoryConfigIn(sources);
  // The pull wrote the commit's files; what changed after it was written by the training.
  const since = Date.parse(run.stages.pull.finishedAt ?? run.createdAt);
  const folder = workingFolder(build.main);
  const files =
    request.source === undefined
      ? await findMetricFiles(folders, { run: run.id, since, written: writtenMetricFiles(sources, build.main), folder })
      : await namedFile(folders, run, since, [request.source, `${folder}${request.source}`]);
  const events = await readEvents(folders, run.id);
  const log = await readLogFile(folders, run.id, logTail);
  return { traces: { events, files, log }, request };
}

/** @throws {StageFailure} when the run was never built */
export function buildOf(run: Run): Build {
  if (run.build === undefined) throw new StageFailure('the run has no build; push again');
  return run.build;
}

export function trainingFolders(context: WorkerContext, run: Run, build: Build): TrainingFolders {
  const { data } = context.config;
  return {
    runs: repositoryFolders(data, run.repository).runs,
    agent: agentFolder(data, run.repository, build.container),
  };
}

/** The first of the paths that the training wrote: a notebook in a folder writes its files there. */
async function namedFile(
  folders: TrainingFolders,
  run: Run,
  since: number,
  paths: readonly string[],
): Promise<readonly TrainingFile[]> {
  for (const path of paths) {
    const text = await readMetricFile(folders, { run: run.id, since }, path);
    if (text !== undefined) return [{ path, text }];
  }
  return [];
}
