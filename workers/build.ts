/** build: finds out what the main script needs, and has an image and a running container for it. */
import { ContainerError } from '../src/container/containers.js';
import { dataMounts } from '../src/container/data-mounts.js';
import { containerOwner, repositoryFolders } from '../src/container/folders.js';
import { UnsafeFileError, writeGuarded } from '../src/container/guarded-files.js';
import { ensureNamedImage, ImageError } from '../src/container/images.js';
import { RequirementError } from '../src/container/requirements.js';
import { readSources } from '../src/git/mirror.js';
import { type Build, belongsToStudy, type Run } from '../src/pipeline/run.js';
import type { Inspection, ProjectFiles } from '../src/python/inspection.js';
import { MainScriptError } from '../src/python/main-script.js';
import { notebookScript, notebookScriptPath } from '../src/python/notebook-script.js';
import { reachOf } from '../src/python/reach.js';
import { commandLine, isEmptyCommand, renderWarning } from '../src/python/render.js';
import { PythonSyntaxError } from '../src/python/syntax.js';
import { decodeText } from '../src/python/text.js';
import { RepositoryConfigError, trainingLimits } from '../src/repository-config.js';
import { rememberReach } from '../src/store/reach.js';
import { announceBuild } from './announce.js';
import { checkSpace, type SpaceCheck, sentenceOf } from './check-space.js';
import { mirrorOf, settingsOf, type WorkerContext } from './context.js';
import { withEngine } from './engine-patience.js';
import { environmentImage } from './environment-image.js';
import { inspectRepository } from './project.js';
import { provideContainer } from './provide-container.js';
import { repositoryConfigIn } from './repository-settings.js';
import { StageFailure, type StageOutcome } from './stage.js';
import { note, warn } from './warn.js';

/** Mails when the outcome differs from the repository's build before. */
export async function build(context: WorkerContext, run: Run, signal: AbortSignal): Promise<StageOutcome> {
  try {
    const found = await withEngine(context, run, signal, () => buildRun(context, run));
    await announceBuild(context, run, undefined);
    return { kind: 'next', found: { build: found } };
  } catch (error) {
    if (!isDefinite(error)) throw error;
    await announceBuild(context, run, error.message);
    throw new StageFailure(error.message, { cause: error, announced: true });
  }
}

/** Finds out what the run needs and provides it. Called again for the same run, it finds the same. */
export async function buildRun(context: WorkerContext, run: Run): Promise<Build> {
  const files = await readSources(await mirrorOf(context, run.repository), run.sha);
  const config = repositoryConfigIn(files);
  const inspection = inspectRepository(files, config);
  await noteWarnings(context, run, inspection);
  if (!belongsToStudy(run)) {
    await refuseMistakes(context, run, checkSpace(files, context.config, config, inspection));
    const { arguments: given, variables } = inspection.command;
    const names = [...given, ...Object.values(variables)];
    await rememberReach(context.store.redis, run.study, reachOf(files, inspection, names));
  }
  const { image: named } = config.environment;
  const image =
    named === undefined
      ? await environmentImage(context, run, { files, config, inspection })
      : await ensureNamedImage(context.docker, named, (message) => context.log.info({ run: run.id }, message));
  const { interpreter } = context.config.training;
  const request = {
    data: context.config.data,
    repository: settingsOf(context, run.repository).name,
    image,
    limits: trainingLimits(context.config.training, config.environment),
    trainer: context.trainer,
    selinux: context.config.container.selinux,
    readOnly: await dataMounts(context.config.training.data_root, config.data),
    ...(interpreter === 'auto' ? {} : { interpreter }),
  };
  const container = await provideContainer(context, request);
  const { main, environment, command } = inspection;
  const script = await writeNotebookScript(context, run, files, main);
  return {
    main,
    environment,
    image,
    container,
    ...(script === undefined ? {} : { script }),
    ...(isEmptyCommand(command) ? {} : { command }),
    commandLine: commandLine(main, command),
  };
}

/** A notebook is run as a script beside it. It is written anew each time, and to the run's folder alone. */
async function writeNotebookScript(
  context: WorkerContext,
  run: Run,
  files: ProjectFiles,
  main: string,
): Promise<string | undefined> {
  if (!main.endsWith('.ipynb')) return undefined;
  const path = notebookScriptPath(main);
  const text = notebookScript(main, decodeText(files.get(main) ?? new Uint8Array()).text);
  const { runs } = repositoryFolders(context.config.data, settingsOf(context, run.repository).name);
  const owner = process.getuid?.() === 0 ? containerOwner() : undefined;
  await writeGuarded(runs, `${run.id}/workspace/${path}`, text, owner);
  return path;
}

/** What the analysis left alone and why stands once in the run's events. */
async function noteWarnings(context: WorkerContext, run: Run, { warnings }: Inspection): Promise<void> {
  if (belongsToStudy(run)) return;
  await note(context, run, warnings.map(renderWarning));
}

/** A study whose space or metric is a mistake would only show it after a training. */
async function refuseMistakes(context: WorkerContext, run: Run, { errors, warnings }: SpaceCheck): Promise<void> {
  for (const warning of warnings) await warn(context, run, sentenceOf(warning));
  if (errors.length > 0) throw new StageFailure(errors.map(sentenceOf).join('\n'));
}

/** Whether an error of {@link buildRun} would come again, however often it is tried. */
export function isDefinite(error: unknown): error is Error {
  const definite = [
    StageFailure,
    ContainerError,
    ImageError,
    MainScriptError,
    PythonSyntaxError,
    RepositoryConfigError,
    RequirementError,
    UnsafeFileError,
  ];
  return definite.some((kind) => error instanceof kind);
}
