import { credentialWarnings } from './credentials.js';
import { deadValueWarnings } from './dead-values.js';
import { findHyperparameters } from './hyperparameters.js';
import { thirdPartyImports } from './imports.js';
import type { Framework, HyperparameterOverrides, Inspection, InspectionWarning, ProjectFiles } from './inspection.js';
import { findMainScript } from './main-script.js';
import { metricOf } from './metric-source.js';
import { packagesFor } from './packages.js';
import { readProject } from './project.js';
import { requirementName, statedRequirements } from './requirements.js';

export interface InspectOptions {
  /** `main:` of `.pushtune.yml`. */
  readonly main?: string | undefined;
  /** `hyperparameters:` of `.pushtune.yml`. */
  readonly hyperparameters?: HyperparameterOverrides | undefined;
  /** `metric:` of `.pushtune.yml`. */
  readonly metric?: { readonly name?: string | undefined; readonly source?: string | undefined } | undefined;
}

/**
 * What Pushtune sees in the files of one commit, without running anything.
 *
 * @throws MainScriptError when there is no main script
 * @throws PythonSyntaxError when the main script is not Python 3
 */
export function inspectProject(files: ProjectFiles, options: InspectOptions = {}): Inspection {
  const { main, candidates } = findMainScript(files, options.main);
  const project = readProject(files, main);
  const imports = thirdPartyImports(project);
  const framework = frameworkOf(imports);
  const requirements = statedRequirements(files);
  const found = findHyperparameters(project, options.hyperparameters);
  const installs = project.main.notebook?.installs ?? [];
  return {
    main,
    candidates,
    framework,
    imports,
    packages: [...new Set([...packagesFor(imports), ...installs])].sort(),
    ...(requirements === undefined ? {} : { requirements }),
    environment: environmentOf(framework, requirements ?? []),
    hyperparameters: found.hyperparameters,
    featureMaps: found.featureMaps,
    command: found.command,
    metric: metricOf(project, framework, options.metric),
    warnings: [
      ...severalCandidates(main, candidates),
      ...project.warnings,
      ...found.warnings,
      ...deadValueWarnings(project),
      ...credentialWarnings(project),
    ],
  };
}

/** TensorFlow before PyTorch, since a Keras script may import both; a script with neither gets the smallest environment. */
function frameworkOf(imports: readonly string[]): Framework {
  const has = (names: readonly string[]): boolean => names.some((name) => imports.includes(name));
  if (has(['tensorflow', 'keras', 'tf_keras', 'tflearn', 'kerastuner', 'keras_tuner', 'tensorflow_hub'])) {
    return 'tensorflow';
  }
  if (has(['torch', 'torchvision', 'pytorch_lightning', 'lightning'])) {
    return 'torch';
  }
  return has(['sklearn']) ? 'sklearn' : 'none';
}

/** A framework that is stated and not imported is loaded by something that is, so it has to be there. */
function environmentOf(framework: Framework, requirements: readonly string[]): Inspection['environment'] {
  if (framework === 'tensorflow' || framework === 'torch') {
    return framework;
  }
  const asksFor = (names: readonly string[]): boolean =>
    requirements.some((line) => names.includes(requirementName(line)));
  if (asksFor(['tensorflow', 'tensorflow-cpu', 'keras'])) {
    return 'tensorflow';
  }
  return asksFor(['torch']) ? 'torch' : 'sklearn';
}

function severalCandidates(main: string, candidates: readonly string[]): readonly InspectionWarning[] {
  const others = candidates.filter((file) => file !== main);
  return others.length === 0
    ? []
    : [
        {
          message: `${main} is taken as the main script; ${others.join(', ')} could be it too (set main in .pushtune.yml)`,
        },
      ];
}
