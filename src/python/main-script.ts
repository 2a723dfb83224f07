import type { ProjectFiles } from './inspection.js';
import { type Module, readModule } from './project.js';
import { calleeOf, lastName, PythonSyntaxError } from './syntax.js';

/** No script of the repository could be taken as the main one. The message says what to do. */
export class MainScriptError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'MainScriptError';
  }
}

export interface MainScript {
  readonly main: string;
  /** Everything that could have been the main file, sorted, the chosen one included. */
  readonly candidates: readonly string[];
}

/** Names that are taken at once, in this order. */
const PREFERRED = ['train.py', 'main.py', 'model.py'];
const TRAINING_CALLS = ['fit', 'fit_generator', 'train_on_batch', 'backward', 'apply_gradients'];

/**
 * The script or notebook that trains: the configured one, else `train.py`, `main.py` or `model.py` in the root, else
 * the only file that trains a model. Of several the one nearest to the root wins, `train` in the name first.
 *
 * @throws MainScriptError when there is none, or the configured one is missing
 */
export function findMainScript(files: ProjectFiles, configured: string | undefined): MainScript {
  const scripts = [...files.keys()].filter((file) => isScript(file)).sort();
  if (configured !== undefined) {
    const main = configured.startsWith('./') ? configured.slice(2) : configured;
    if (!files.has(main)) {
      throw new MainScriptError(`The main script ${main} is not in the repository; correct \`main\` in .pushtune.yml.`);
    }
    return { main, candidates: [main] };
  }
  const training = scripts.filter((file) => !isTest(file) && trains(files, file));
  const named = PREFERRED.filter((file) => files.has(file));
  const preferred = named[0];
  if (preferred !== undefined) {
    return { main: preferred, candidates: [...new Set([...named, ...training])].sort() };
  }
  const best = [...training].sort((a, b) => preference(a) - preference(b) || (a < b ? -1 : 1))[0];
  if (best !== undefined) {
    return { main: best, candidates: training };
  }
  const only = scripts[0];
  if (scripts.length === 1 && only !== undefined) {
    return { main: only, candidates: scripts };
  }
  throw new MainScriptError(
    scripts.length === 0
      ? 'The repository has no Python script and no notebook; push the script that trains the model.'
      : 'No script of the repository trains a model; name the main script with `main:` in .pushtune.yml.',
  );
}

function isScript(file: string): boolean {
  const hidden = file.split('/').some((part) => part.startsWith('.'));
  return !hidden && (file.endsWith('.py') || file.endsWith('.ipynb'));
}

function isTest(file: string): boolean {
  const name = file.slice(file.lastIndexOf('/') + 1);
  return name.startsWith('test_') || name.endsWith('_test.py') || name === 'setup.py' || name === 'conftest.py';
}

function preference(file: string): number {
  const depth = file.split('/').length - 1;
  const name = file.slice(file.lastIndexOf('/') + 1).toLowerCase();
  return depth * 10 + (name.includes('train') ? 0 : 2) + (name.endsWith('.py') ? 0 : 1);
}

function trains(files: ProjectFiles, file: string): boolean {
  let module: Module;
  try {
    module = readModule(files, file);
  } catch (error) {
    if (error instanceof PythonSyntaxError) {
      return false;
    }
    throw error;
  }
  return module.calls.some((call) => {
    const callee = calleeOf(call);
    const name = callee?.type === 'MemberExpression' ? lastName(module, callee) : undefined;
    return name !== undefined && TRAINING_CALLS.includes(name);
  });
}
