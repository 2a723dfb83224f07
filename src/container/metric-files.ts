/** The files with figures that a training wrote into its workspace. */
import { posix } from 'node:path';
import { defaultMetricFile, defaultTextFile, dvcliveFile, type TrainingFile } from '../pipeline/metric-files.js';
import { listGuarded, modifiedGuarded, readGuarded, UnsafeFileError } from './guarded-files.js';
import type { TrainingFolders } from './training.js';

/** A file with figures is small; of a larger one the rest is not read. */
const longestFile = 1024 * 1024;
/** The most names of a folder that are looked at, and the most folders of MLflow's, of which a script could make any number. */
const mostNames = 1000;
const mostLooks = 5000;
/** How deep the name of an MLflow metric may be nested. */
const deepestName = 3;

/** Files in the root whose names promise an accuracy, where the script puts their paths together so that it can't be read in it. */
const promisingName = /acc[^/]*\.txt$|metrics?[^/]*\.json$/i;

export interface MetricFilesRequest {
  readonly run: string;
  /** Milliseconds since 1970: a file that was written before is not the training's, but the repository's. */
  readonly since: number;
  /** Paths that the script writes to, as far as the analysis could tell, from the folder in which it runs. */
  readonly written: readonly string[];
  /** The folder of the workspace in which the script runs, with a slash at its end; absent for the workspace itself. */
  readonly folder?: string;
}

/**
 * The files that this training wrote, in the order in which they are looked at: metrics.json and others of the kind,
 * DVCLive's, those of MLflow's newest run, and texts. What is no regular file there is left alone.
 */
export async function findMetricFiles(
  folders: TrainingFolders,
  request: MetricFilesRequest,
): Promise<readonly TrainingFile[]> {
  const { folder = '' } = request;
  const workspace = `${request.run}/workspace/${folder}`;
  const names = (await listGuarded(folders.runs, workspace, mostNames)).filter((name) => promisingName.test(name));
  const paths = [...request.written, ...names.sort()];
  const wanted = [
    defaultMetricFile,
    ...paths.filter((path) => path.endsWith('.json')),
    dvcliveFile,
    ...(await newestMlflowFiles(folders, workspace, request.since)),
    defaultTextFile,
    ...paths.filter((path) => !path.endsWith('.json')),
  ];
  const files: TrainingFile[] = [];
  for (const path of new Set(wanted.map((name) => posix.normalize(`${folder}${name}`)))) {
    const text = await orNothing(readMetricFile(folders, request, path));
    if (text !== undefined) files.push({ path, text });
  }
  return files;
}

/**
 * Text of one file that this training wrote; undefined when it wrote none.
 *
 * @throws {UnsafeFileError}
 */
export async function readMetricFile(
  folders: TrainingFolders,
  { run, since }: Pick<MetricFilesRequest, 'run' | 'since'>,
  path: string,
): Promise<string | undefined> {
  const place = `${run}/workspace/${path}`;
  const modified = await modifiedGuarded(folders.runs, place);
  if (modified === undefined || modified < since) return undefined;
  return (await readGuarded(folders.runs, place, 0, longestFile))?.toString('utf8');
}

/** `mlruns/<experiment>/<run>/metrics/<name>` of the run that was written last. */
async function newestMlflowFiles(
  folders: TrainingFolders,
  workspace: string,
  since: number,
): Promise<readonly string[]> {
  let looks = mostLooks;
  async function list(path: string): Promise<readonly string[]> {
    looks -= 1;
    if (looks < 0) return [];
    return (await orNothing(listGuarded(folders.runs, `${workspace}/${path}`, mostNames))) ?? [];
  }
  async function filesBelow(folder: string, depth: number): Promise<readonly string[]> {
    if (depth === 0) return [];
    const paths = (await list(folder)).map((name) => `${folder}/${name}`);
    const below: string[] = [];
    for (const path of paths) below.push(path, ...(await filesBelow(path, depth - 1)));
    return below;
  }

  let newest: readonly string[] = [];
  let latest = since;
  for (const experiment of await list('mlruns')) {
    for (const run of await list(`mlruns/${experiment}`)) {
      const files = await filesBelow(`mlruns/${experiment}/${run}/metrics`, deepestName);
      for (const path of files) {
        const modified = (await orNothing(modifiedGuarded(folders.runs, `${workspace}/${path}`))) ?? 0;
        if (modified < latest) continue;
        latest = modified;
        newest = files;
      }
    }
  }
  return [...newest].sort();
}

/** A link, a folder or a pipe that stands where a file might is no file with figures. */
async function orNothing<T>(promise: Promise<T>): Promise<T | undefined> {
  try {
    return await promise;
  } catch (error) {
    if (error instanceof UnsafeFileError) return undefined;
    throw error;
  }
}
