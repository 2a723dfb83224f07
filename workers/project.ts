/** The person's own version of a repository, as the tuner sees it. */
import { applyValues } from '../src/python/edit.js';
import { inspectProject } from '../src/python/inspect.js';
import type { Hyperparameter, Inspection, ProjectFiles } from '../src/python/inspection.js';
import type { RepositoryConfig } from '../src/repository-config.js';
import { withMeasuredInput } from '../src/tuning/feature-map.js';
import type { SearchSpace, Values } from '../src/tuning/space.js';
import type { Sampler } from '../src/tuning/suggest.js';
import { repositoryConfigIn } from './repository-settings.js';

export interface Project {
  readonly files: ProjectFiles;
  readonly main: string;
  readonly hyperparameters: readonly Hyperparameter[];
  readonly space: SearchSpace;
  /** What the person wrote: the values of trial 0. */
  readonly values: Values;
  /** What suggests the values of the trials. */
  readonly sampler: Sampler;
}

export function inspectRepository(files: ProjectFiles, config: RepositoryConfig): Inspection {
  return inspectProject(files, {
    hyperparameters: config.hyperparameters,
    ...(config.main === undefined ? {} : { main: config.main }),
  });
}

/** @param inputShape what a training saw of its input: lengths of its axes, channels last */
export function readProject(files: ProjectFiles, inputShape?: readonly number[]): Project {
  const config = repositoryConfigIn(files);
  const { main, hyperparameters, featureMaps } = inspectRepository(files, config);
  return {
    files,
    main,
    hyperparameters,
    space: {
      parameters: hyperparameters.map(({ parameter }) => parameter),
      featureMaps: withMeasuredInput(featureMaps, inputShape),
    },
    values: Object.fromEntries(hyperparameters.map(({ name, value }) => [name, value])),
    sampler: config.sampler,
  };
}

/**
 * The files of a trial: the person's own version with the new values. All files that hold hyperparameters are given,
 * changed or not, so that what an earlier trial changed elsewhere does not stay. Undefined stands for a file that is
 * not to be there: the person has none, and these values need none.
 */
export function trialFiles(project: Project, values: Values): ReadonlyMap<string, Uint8Array | undefined> {
  const edited = applyValues(project.files, project.hyperparameters, values);
  const places = project.hyperparameters.flatMap(({ places, repeated }) => [...places, repeated ?? []].flat());
  const paths = new Set(places.map(({ file }) => file));
  return new Map([...paths].map((path) => [path, edited.get(path) ?? project.files.get(path)]));
}
