/** Keeps what the best trial of a study left: its model and history, what it was trained with, and how to train it again. */
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { repositoryUrl } from '../src/config.js';
import { dataMounts } from '../src/container/data-mounts.js';
import { repositoryFolders } from '../src/container/folders.js';
import { copyGuarded } from '../src/container/guarded-files.js';
import { installedPackages } from '../src/container/installed-packages.js';
import { readSources } from '../src/git/mirror.js';
import { reproductionScript } from '../src/pipeline/reproduction.js';
import type { Metric, Run } from '../src/pipeline/run.js';
import { bestTrial, type Study } from '../src/pipeline/study.js';
import { type RepositoryConfig, trainingLimits } from '../src/repository-config.js';
import { getStudy } from '../src/store/studies.js';
import { mirrorOf, settingsOf, type WorkerContext } from './context.js';
import { buildOf } from './read-training.js';
import { repositoryConfigIn } from './repository-settings.js';
import { warn } from './warn.js';

/** Bytes of a model: the hooks keep none that is much larger than 2 GB with its optimizer's state. */
const longestModel = 8 * 1024 ** 3;
const longestHistory = 64 * 1024 ** 2;

/**
 * Keeps the run's artifacts as the study's if it is the best of it, in place of those before: a folder of the data
 * directory with `model.keras` and `history.csv` where Keras trained, `environment.txt` and `reproduce.sh`. Called again
 * for the same run, it leads to the same. What goes wrong is a warning of the run: the study does not end for it.
 */
export async function keepBest(context: WorkerContext, run: Run, study: Study): Promise<void> {
  const best = bestTrial(study);
  if (best === undefined || best.run !== run.id) return;
  try {
    await keep(context, run, best.metric);
  } catch (error) {
    context.log.warn({ error, run: run.id }, 'artifacts of the best trial were not kept');
    await warn(context, run, `the model of this trial, the best so far, was not kept: ${String(error)}`);
  }
}

async function keep(context: WorkerContext, run: Run, metric: Metric): Promise<void> {
  const { data } = context.config;
  const build = buildOf(run);
  const { runs, studies } = repositoryFolders(data, run.repository);
  const folder = join(studies, run.study);
  const next = `${folder}.new`;
  await rm(next, { recursive: true, force: true });
  await mkdir(next, { recursive: true });
  await copyGuarded(runs, `${run.id}/artifacts/model.keras`, join(next, 'model.keras'), longestModel);
  await copyGuarded(runs, `${run.id}/artifacts/history.csv`, join(next, 'history.csv'), longestHistory);
  await writeFile(join(next, 'environment.txt'), await installedPackages(context.docker, data, build.image));
  const config = repositoryConfigIn(await readSources(await mirrorOf(context, run.repository), run.sha));
  const text = reproductionScript({
    study: run.study,
    trial: run.trial,
    metric,
    sha: run.sha,
    url: repositoryUrl(context.config, settingsOf(context, run.repository)),
    image: build.image,
    main: build.main,
    arguments: build.command?.arguments ?? [],
    variables: build.command?.variables ?? {},
    seed: seedOf(run, config),
    network: trainingLimits(context.config.training, config.environment).network,
    data: await dataMounts(context.config.training.data_root, config.data),
  });
  await writeFile(join(next, 'reproduce.sh'), text, { mode: 0o755 });
  await rm(folder, { recursive: true, force: true });
  await rename(next, folder);
}

/** The seed of the run's training: a second training of a trial has its own. */
export function seedOf(run: Run, config: Pick<RepositoryConfig, 'seed'>): number | undefined {
  return run.seed ?? config.seed;
}

/**
 * What the hooks are told of the study's best trial so far, so that a model that is worse is not saved: mode, value and
 * name. Undefined where something else than Keras' history decides.
 */
export async function bestSoFar(context: WorkerContext, run: Run): Promise<string | undefined> {
  const study = await getStudy(context.store.redis, run.study);
  if (study === undefined || run.cause !== 'trial') return undefined;
  const earlier = study.trials.filter(({ number }) => number < run.trial);
  const metric = bestTrial({ ...study, trials: earlier })?.metric;
  if (metric === undefined || metric.source !== 'keras history') return undefined;
  return `${study.mode}:${metric.value}:${metric.name}`;
}
