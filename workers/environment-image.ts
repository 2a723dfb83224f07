/** The image that a run trains in: the environment that matches its imports, with what it asks for on top. */
import { createHash } from 'node:crypto';
import {
  type BuiltImage,
  ensureDerivedImage,
  ensureEnvironmentImage,
  environmentPackages,
  UnmetRequirementError,
} from '../src/container/images.js';
import { list, type Relaxed, relax } from '../src/container/relaxed-requirements.js';
import { missingRequirements, RequirementError } from '../src/container/requirements.js';
import { belongsToStudy, type Run } from '../src/pipeline/run.js';
import { withoutUserInfo } from '../src/python/credential-shapes.js';
import type { Inspection, ProjectFiles } from '../src/python/inspection.js';
import { refusedRequirements } from '../src/python/requirements.js';
import type { RepositoryConfig } from '../src/repository-config.js';
import { getRelaxed, rememberRelaxed } from '../src/store/relaxed-requirements.js';
import type { WorkerContext } from './context.js';
import { warn } from './warn.js';

export interface Project {
  readonly files: ProjectFiles;
  readonly config: RepositoryConfig;
  readonly inspection: Inspection;
}

/**
 * Has the image made where it is missing. Pins that the environment can't meet give way, and people are told.
 *
 * @throws {ImageError} @throws {RequirementError}
 */
export async function environmentImage(context: WorkerContext, run: Run, project: Project): Promise<string> {
  const { files, config, inspection } = project;
  const { gpus, strict } = config.environment;
  const { docker, log } = context;
  const onProgress = (message: string): void => log.info({ run: run.id }, message);
  const common = { dataDirectory: context.config.data, onProgress, selinux: context.config.container.selinux };
  const { environment, packages } = inspection;
  refuse(files);
  const gpu = gpus > 0;
  const base = (await ensureEnvironmentImage(docker, { environment, gpu, ...common })).tag;
  const lock = await environmentPackages(environment, gpu);
  const { missing, outvoted } = missingRequirements(inspection.requirements ?? packages, lock, strict);
  await tell(
    context,
    run,
    outvoted.length === 0 ? [] : [`other versions than the environment's give way to it: ${list(outvoted)}`],
  );
  if (missing.length === 0) return base;
  const wheels = gpu ? { gpu: { index: context.config.training.cuda_index } } : {};
  const make = (requirements: readonly string[]): Promise<BuiltImage> =>
    ensureDerivedImage(docker, { environment, base, requirements, strict, ...wheels, ...common });
  if (strict) return (await make(missing)).tag;
  const digest = createHash('sha256')
    .update(JSON.stringify([base, missing, packages, gpu]))
    .digest('hex');
  const known = await getRelaxed(context.store.redis, digest);
  const { image, relaxed } = await makeRelaxed(known ?? { lines: missing, changes: [] }, packages, async (lines) =>
    lines.length === 0 ? base : (await make(lines)).tag,
  );
  if (relaxed.changes.length > 0) await rememberRelaxed(context.store.redis, digest, relaxed);
  await tell(context, run, relaxed.changes);
  return image;
}

/** Lets go of one thing after the other until all that is left can be had. */
async function makeRelaxed(
  first: Relaxed,
  needed: readonly string[],
  make: (requirements: readonly string[]) => Promise<string>,
): Promise<{ readonly image: string; readonly relaxed: Relaxed }> {
  for (let relaxed = first; ; ) {
    try {
      return { image: await make(relaxed.lines), relaxed };
    } catch (error) {
      if (!(error instanceof UnmetRequirementError)) throw error;
      const next = relax(relaxed, error.unmet, needed);
      if (next === undefined) throw error;
      relaxed = next;
    }
  }
}

/** What pip is not asked for is said before it is asked for the rest. */
function refuse(files: ProjectFiles): void {
  const refused = refusedRequirements(files).map(
    ({ line, text }) => `requirements.txt:${line}: ${withoutUserInfo(text)}`,
  );
  if (refused.length === 0) return;
  throw new RequirementError(
    `only packages of the index by name and version are installed, such as name==1.2; write them so, or use environment.image in .pushtune.yml: ${list(refused)}`,
  );
}

/** Once for a push, on the run's page and in its e-mails; its trials have the same requirements. */
async function tell(context: WorkerContext, run: Run, clauses: readonly string[]): Promise<void> {
  if (belongsToStudy(run)) return;
  for (const clause of clauses) {
    await warn(
      context,
      run,
      `requirements: ${clause}; environment: {strict: true} in .pushtune.yml keeps what is asked for`,
    );
  }
}
