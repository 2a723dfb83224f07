/** Keeps the models, plots and reports that a training left, before its folder is removed. */
import { join } from 'node:path';
import { findFiles, keepFiles } from '../src/container/artifacts.js';
import { repositoryFolders } from '../src/container/folders.js';
import { readSources } from '../src/git/mirror.js';
import { chooseArtifacts, type LeftFile } from '../src/pipeline/artifacts.js';
import type { Run } from '../src/pipeline/run.js';
import { mirrorOf, type WorkerContext } from './context.js';
import { repositoryConfigIn } from './repository-settings.js';
import { note, warn } from './warn.js';

/** What the hooks have written of a Keras fit, under the names that they are kept by. */
const ofHooks = ['model.keras', 'history.csv'];
const hooksFolder = 'keras/';

/** Called again for the same run, it leads to the same. What goes wrong is a warning: the study does not end for it. */
export async function keepArtifacts(context: WorkerContext, run: Run): Promise<void> {
  if (run.training === undefined || run.training.isPruned === true) return;
  try {
    await keep(context, run);
  } catch (error) {
    context.log.warn({ error, run: run.id }, 'the files that a training left were not kept');
    await warn(context, run, `the files that this training left were not kept: ${String(error)}`);
  }
}

async function keep(context: WorkerContext, run: Run): Promise<void> {
  const { config } = context;
  const { runs } = repositoryFolders(config.data, run.repository);
  const sources = await readSources(await mirrorOf(context, run.repository), run.sha);
  const { artifacts: globs } = repositoryConfigIn(sources);
  const since = Date.parse(run.stages.train.startedAt ?? run.createdAt);
  const found = await findFiles(runs, join(run.id, 'workspace'));
  const { kept, leftOut } = chooseArtifacts(found.files, globs, { since, limits: config.artifacts });
  const files = new Map<string, LeftFile>(
    kept.map((file) => [file.path, { ...file, path: join(run.id, 'workspace', file.path) }]),
  );
  for (const file of (await findFiles(runs, join(run.id, 'artifacts'))).files) {
    if (!ofHooks.includes(file.path) || file.size > config.artifacts.file) continue;
    files.set(`${hooksFolder}${file.path}`, { ...file, path: join(run.id, 'artifacts', file.path) });
  }
  const { artifacts } = await keepFiles({
    data: config.data,
    repository: run.repository,
    run: run.id,
    files,
    leftOut: found.isCut
      ? [...leftOut, { name: 'further files', reason: 'there are too many to look at each' }]
      : leftOut,
  });
  context.log.info({ run: run.id, artifacts: artifacts.length, leftOut: leftOut.length }, 'files were kept');
  await note(
    context,
    run,
    leftOut.map(({ name, reason }) => `${name} is not kept: ${reason}`),
  );
}
