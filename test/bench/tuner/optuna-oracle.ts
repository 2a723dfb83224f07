/** Optuna as the oracle of the tuner's benchmark: its own default samplers, in a virtual environment of their own. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { packageRoot } from '../../../src/package-root.js';
import { type Parameter, type ParameterValue, type Values, valueKey } from '../../../src/tuning/space.js';
import type { Problem } from './problems.js';

/** `tpe` is Optuna's default, `gp` its Gaussian process, which needs torch. */
export type OptunaSampler = 'tpe' | 'gp';

export interface Optuna {
  /** The environment's interpreter. */
  readonly python: string;
  readonly version: string;
  readonly samplers: readonly OptunaSampler[];
}

export interface FindOptunaOptions {
  /** Whether what is missing is installed; true by default. */
  readonly install?: boolean;
  /** Takes a sentence for each thing that takes long or can't be had; standard error by default. */
  readonly say?: (sentence: string) => void;
}

/** Below a folder that git ignores. */
const environment = join(packageRoot(), 'data', 'bench', 'optuna');
const script = join(packageRoot(), 'test', 'bench', 'tuner', 'optuna_oracle.py');
/** As many as the smallest machine that benchmarks are run on has cores: each is busy with one thread. */
const mostProcesses = 2;
const run = promisify(execFile);

/**
 * Optuna 5 in an environment of its own, which is made by pip the first time and reused after that. Torch takes several
 * gigabytes where the package index has no build for processors alone; without it only `gp` is missing.
 *
 * @returns undefined, after a sentence that says why, where Optuna can't be had
 */
export async function findOptuna({
  install = true,
  say = sayOnError,
}: FindOptunaOptions = {}): Promise<Optuna | undefined> {
  const python = join(environment, 'bin', 'python');
  try {
    if (install && !existsSync(python)) await makeEnvironment();
    await need(python, 'optuna', ['optuna>=5,<6'], install, say);
  } catch (error) {
    say(`Optuna is left out: ${lastLine(error)}`);
    return undefined;
  }
  const { stdout } = await run(python, ['-c', 'import importlib.metadata as m; print(m.version("optuna"))']);
  const samplers: OptunaSampler[] = ['tpe'];
  try {
    await need(python, 'torch, scipy', ['torch', 'scipy'], install, say);
    samplers.push('gp');
  } catch (error) {
    say(`Optuna's GPSampler is left out, it needs torch: ${lastLine(error)}`);
  }
  return { python, version: stdout.trim(), samplers };
}

function sayOnError(sentence: string): void {
  process.stderr.write(`${sentence}\n`);
}

async function makeEnvironment(): Promise<void> {
  await mkdir(dirname(environment), { recursive: true });
  await run('python3', ['-m', 'venv', environment]);
}

async function need(
  python: string,
  modules: string,
  packages: readonly string[],
  install: boolean,
  say: (sentence: string) => void,
): Promise<void> {
  const load = () => run(python, ['-c', `import ${modules}`]);
  const isThere = await load().then(
    () => true,
    () => false,
  );
  if (isThere) return;
  if (!install) throw new Error(`${modules} is not installed in the benchmark's environment`);
  say(`installing ${packages.join(' and ')} for the benchmark; this is done once`);
  const settings = { ...process.env, PIP_RETRIES: '0', PIP_DISABLE_PIP_VERSION_CHECK: '1' };
  await run(python, ['-m', 'pip', 'install', '--quiet', ...packages], { env: settings, maxBuffer: 1 << 26 });
  await load();
}

/** What failed, as pip and Python say it: in the last line on standard error. */
function lastLine(error: unknown): string {
  const printed = error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : '';
  return (printed || String(error)).split('\n').at(-1) ?? '';
}

/**
 * One study of Optuna's. Studies may be run at the same time: they share at most two processes.
 *
 * @param options.seed the sampler's; the same seed gives the same study
 * @returns the metrics in the order of the trials, trial 0 first
 * @throws when Optuna refuses the space, or its process ends
 */
export async function runOptuna(
  optuna: Optuna,
  sampler: OptunaSampler,
  problem: Problem,
  { trials, seed }: { readonly trials: number; readonly seed: number },
): Promise<number[]> {
  const { parameters } = problem.space;
  const oracle = leastBusy(optuna.python);
  const study = oracle.begin();
  const metrics: number[] = [];
  try {
    const start = { sampler, seed, mode: problem.mode, parameters: parameters.map(toPython), first: firstOf(problem) };
    let answer = await oracle.ask({ study, start });
    while (metrics.length < trials) {
      const metric = problem.evaluate(fromPython(parameters, answer));
      metrics.push(metric);
      // JSON has no NaN.
      if (metrics.length < trials)
        answer = await oracle.ask({ study, metric: Number.isFinite(metric) ? metric : null });
    }
    return metrics;
  } finally {
    oracle.end(study);
  }
}

/** A value as Python knows it: a categorical one by the index of its choice. */
type PythonValues = Readonly<Record<string, number>>;

function toPython(parameter: Parameter): object {
  const { name, type, when } = parameter;
  const condition = when === undefined ? {} : { when };
  if (parameter.type === 'categorical') return { name, type, choices: parameter.choices.length, ...condition };
  const { low, high, log = false, step } = parameter;
  // Optuna has no steps on a logarithmic scale.
  return { name, type, low, high, log, step: log ? null : (step ?? null), ...condition };
}

function firstOf({ space, start = {} }: Problem): PythonValues {
  const known = space.parameters.flatMap((parameter): [string, number][] => {
    const value = start[parameter.name];
    const number = parameter.type === 'categorical' ? indexOf(parameter.choices, value) : value;
    return typeof number === 'number' && number >= 0 ? [[parameter.name, number]] : [];
  });
  return Object.fromEntries(known);
}

function indexOf(choices: readonly ParameterValue[], value: ParameterValue | undefined): number {
  return choices.findIndex((choice) => valueKey(choice) === valueKey(value));
}

function fromPython(parameters: readonly Parameter[], values: PythonValues): Values {
  return Object.fromEntries(
    parameters.flatMap((parameter): [string, ParameterValue][] => {
      const value = values[parameter.name];
      const read = parameter.type === 'categorical' && value !== undefined ? parameter.choices[value] : value;
      return read === undefined ? [] : [[parameter.name, read]];
    }),
  );
}

interface Oracle {
  readonly python: string;
  /** How many studies are under way. */
  readonly busy: () => number;
  readonly hasEnded: () => boolean;
  readonly begin: () => number;
  readonly ask: (request: { readonly study: number } & Readonly<Record<string, unknown>>) => Promise<PythonValues>;
  readonly end: (study: number) => void;
}

interface Waiting {
  readonly resolve: (values: PythonValues) => void;
  readonly reject: (error: Error) => void;
}

const oracles: Oracle[] = [];

function leastBusy(python: string): Oracle {
  const alive = oracles.filter((oracle) => !oracle.hasEnded());
  const usable = alive.filter((oracle) => oracle.python === python);
  const [least] = usable.sort((a, b) => a.busy() - b.busy());
  if (least !== undefined && (least.busy() === 0 || usable.length >= mostProcesses)) return least;
  const started = startOracle(python);
  oracles.splice(0, oracles.length, ...alive, started);
  return started;
}

/** A process that answers for many studies, so that torch is imported once. It ends with this one, and lets it end. */
function startOracle(python: string): Oracle {
  const environment = { ...process.env, OMP_NUM_THREADS: '1', OPENBLAS_NUM_THREADS: '1' };
  const child = spawn(python, [script], { stdio: ['pipe', 'pipe', 'pipe'], env: environment });
  const waiting = new Map<number, Waiting>();
  const studies = new Set<number>();
  let count = 0;
  let end: Error | undefined;
  let printed = '';

  function settle(): void {
    for (const held of handlesOf(child)) {
      if (waiting.size > 0) held.ref();
      else held.unref();
    }
  }

  function take(study: number): Waiting | undefined {
    const one = waiting.get(study);
    waiting.delete(study);
    settle();
    return one;
  }

  function stop(reason: string): void {
    end ??= new Error(`Optuna's process ended (${reason}): ${printed.trim().split('\n').at(-1) ?? ''}`);
    for (const study of [...waiting.keys()]) take(study)?.reject(end);
  }

  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    printed = (printed + text).slice(-4000);
  });
  child.on('error', (error) => stop(error.message));
  child.on('close', (code, signal) => stop(signal ?? `exit code ${code}`));
  // A write to a process that has ended is told by its end.
  child.stdin.on('error', () => {});
  createInterface({ input: child.stdout }).on('line', (line) => {
    const answer: { study: number; values?: PythonValues; error?: string } = JSON.parse(line);
    const one = take(answer.study);
    if (answer.values !== undefined) one?.resolve(answer.values);
    else one?.reject(new Error(`Optuna says ${answer.error ?? line}`));
  });
  settle();

  return {
    python,
    busy: () => studies.size,
    hasEnded: () => end !== undefined,
    begin: () => {
      count += 1;
      studies.add(count);
      return count;
    },
    ask: (request) =>
      new Promise((resolve, reject) => {
        if (end !== undefined) return reject(end);
        waiting.set(request.study, { resolve, reject });
        settle();
        child.stdin.write(`${JSON.stringify(request)}\n`);
      }),
    end: (study) => {
      studies.delete(study);
      if (end === undefined) child.stdin.write(`${JSON.stringify({ study, end: true })}\n`);
    },
  };
}

/** What keeps Node.js running while a child lives; its pipes are sockets. */
function handlesOf(child: ChildProcess): readonly (ChildProcess | Socket)[] {
  return [child, child.stdin, child.stdout, child.stderr].filter((handle) => handle !== null) as Socket[];
}
