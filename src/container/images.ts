/** The training images: built once for all that goes into them, and never again while that stays the same. */
import { spawn } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { access, copyFile, cp, link, mkdir, readdir, readFile, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type Docker from 'dockerode';
import { LRUCache } from 'lru-cache';
import { pack } from 'tar-fs';
import { packageRoot } from '../package-root.js';
import { engineVariables } from './engine-address.js';
import { filesIn, scratchFolder, wheelsFolder } from './folders.js';
import type { Unmet } from './relaxed-requirements.js';
import { temporaryName } from './temporary.js';

export interface ImageOptions {
  /** Pushtune's data directory, which caches downloaded wheels. */
  readonly dataDirectory: string;
  /** Told what is done, a line at a time: a first build takes minutes. */
  readonly onProgress: (message: string) => void;
  /** Labels what containers mount for SELinux. */
  readonly selinux?: boolean;
}

export interface BuiltImage {
  readonly tag: string;
  /** False when the image was there already. */
  readonly built: boolean;
}

/** Every image that is made here carries it, and so do the containers of them. */
export const imageLabel = 'pushtune.image';

/** Begins the name of a container in which packages are installed, which is removed afterwards. */
export const buildContainer = 'pushtune-build';

/** The image can't be made; the message says what is missing and what to do. */
export class ImageError extends Error {
  override readonly name: string = 'ImageError';
}

/** What a script needs, found by its imports. */
export type Environment = 'tensorflow' | 'sklearn' | 'torch';

/**
 * The folder below `docker/` that an environment is made from. PyTorch comes on top of the small one, like any package
 * that a script imports: whether its wheels are for CPU or CUDA depends on the index that this host's pip asks.
 */
const environmentFolders: Readonly<Record<Environment, string>> = {
  tensorflow: 'tensorflow',
  sklearn: 'sklearn',
  torch: 'sklearn',
};

/** The lock file of an environment: `name==version` a line. */
export function environmentLock(environment: Environment): string {
  return join(packageRoot(), 'docker', environmentFolders[environment], 'requirements.txt');
}

/** The environments that have a `requirements-gpu.txt`: what they hold in place of packages for the CPU alone. */
const gpuFolders: ReadonlySet<string> = new Set(['tensorflow']);

/** What the packages of `requirements-gpu.txt` are there in place of. */
const cpuPackages = /^tensorflow-cpu==/;

/**
 * The packages of an environment, `name==version` a line.
 *
 * @param gpu with CUDA's libraries and the framework that uses them
 */
export async function environmentPackages(environment: Environment, gpu: boolean): Promise<string> {
  const lock = await readFile(environmentLock(environment), 'utf8');
  const folder = environmentFolders[environment];
  if (!gpu || !gpuFolders.has(folder)) return lock;
  const added = await readFile(join(packageRoot(), 'docker', folder, 'requirements-gpu.txt'), 'utf8');
  const kept = lock.split('\n').filter((line) => !cpuPackages.test(line));
  return [...kept, ...added.split('\n')].filter((line) => line !== '' && !line.startsWith('#')).join('\n');
}

/** Python of the base image, which need not be the host's. */
const pythonVersion = '3.11';

/** What is tried of an index that does not answer: a company without internet shall not wait for minutes. */
const pipPatience = ['--retries', '1', '--timeout', '15'];

/**
 * The image of a built-in environment.
 *
 * @throws {ImageError}
 */
export async function ensureEnvironmentImage(
  docker: Docker,
  options: ImageOptions & {
    readonly environment: Environment;
    /** For a container that is given a GPU: the framework's wheels are those with CUDA. */
    readonly gpu?: boolean;
  },
): Promise<BuiltImage> {
  const folderName = environmentFolders[options.environment];
  const folder = join(packageRoot(), 'docker', folderName);
  const gpu = options.gpu === true && gpuFolders.has(folderName);
  // A part of the TensorFlow environment's folder, with which `docker build` can then do alone.
  const trainer = join(packageRoot(), 'docker', 'tensorflow', 'trainer');
  const { base, tag } = await tagsOf(gpu ? `${folderName}-gpu` : folderName, [folder, trainer]);
  return once(tag, async () => {
    if (await hasImage(docker, tag)) return { tag, built: false };
    const packages = await ensurePackages(docker, base, await environmentPackages(options.environment, gpu), options);
    await inContext(options.dataDirectory, async (context) => {
      for (const path of await filesIn(trainer)) await cp(join(trainer, path), join(context, 'trainer', path));
      for (const path of await filesIn(folder)) await cp(join(folder, path), join(context, path));
      await buildImage(docker, context, tag, packages, options);
    });
    return { tag, built: true };
  });
}

interface Tags {
  readonly base: string;
  readonly tag: string;
}

/** They follow from Pushtune's own files, which are what they are while it runs, and are asked for in every trial. */
const knownTags = new LRUCache<string, Tags, readonly string[]>({
  max: 100,
  async fetchMethod(name, _stale, { context: folders }) {
    const base = await baseTag();
    return { base, tag: `pushtune/${name}:${await hashOf([base, pythonVersion], folders)}` };
  },
});

async function tagsOf(name: string, folders: readonly string[]): Promise<Tags> {
  return knownTags.forceFetch(name, { context: folders });
}

/**
 * The environment's packages on top of the base image, as one layer. A build's `COPY wheels` would keep their 500 MB in
 * a layer of their own, so they are mounted into a container, which is committed after the installation.
 */
async function ensurePackages(docker: Docker, base: string, lock: string, options: ImageOptions): Promise<string> {
  const script = join(packageRoot(), 'docker', 'base', 'install');
  const tag = `pushtune/packages:${digest([base, lock, await readFile(script)])}`;
  if (await hasImage(docker, tag)) return tag;
  await buildBase(base, options.onProgress);
  const wheels = await environmentWheels(docker, lock, options);
  const started = Date.now();
  await inContext(options.dataDirectory, async (context) => {
    await linkFiles(wheels, join(context, 'wheels'));
    await writeFile(join(context, 'requirements.txt'), lock);
    await copyFile(script, join(context, 'install'));
    await commitAfter(docker, { base, tag, context, ...options });
  });
  options.onProgress(`${tag}: ready after ${Math.round((Date.now() - started) / 1000)} s`);
  return tag;
}

/**
 * Folder of the host with the wheels of an environment, which are downloaded where they are missing.
 *
 * @param lock every package of it, `name==version` a line
 * @throws {ImageError}
 */
export async function environmentWheels(docker: Docker, lock: string, options: ImageOptions): Promise<string> {
  const packages = lock.split('\n').filter((line) => line.trim() !== '');
  return downloadWheels(docker, ['--no-deps', ...packages], lock, options);
}

interface Installation {
  readonly base: string;
  readonly tag: string;
  /** Folder of the host that the container sees as `/mnt`; its file `install` is run. */
  readonly context: string;
  readonly onProgress: (message: string) => void;
  readonly selinux?: boolean;
}

async function commitAfter(docker: Docker, { base, tag, context, onProgress, selinux }: Installation): Promise<void> {
  const container = await docker.createContainer({
    Image: base,
    Entrypoint: ['bash', '/mnt/install'],
    // A terminal's output comes as plain lines, not in Docker's frames.
    Tty: true,
    name: temporaryName(buildContainer),
    Labels: { [imageLabel]: 'packages' },
    HostConfig: { Binds: [`${context}:/mnt:ro${selinux === true ? ',z' : ''}`], NetworkMode: 'none' },
  });
  try {
    const lines: string[] = [];
    const output = await container.attach({ stream: true, stdout: true, stderr: true });
    createInterface({ input: output }).on('line', (line) => {
      lines.push(line.trim());
      onProgress(`${tag}: ${line.trim()}`);
    });
    await container.start();
    const { StatusCode: code } = await container.wait();
    if (code !== 0) throw new ImageError(`installing the packages failed: ${lines.slice(-5).join('\n')}`);
    onProgress(`${tag}: storing the layer`);
    const [repo, version] = tag.split(':');
    await container.commit({ repo, tag: version });
  } finally {
    await container.remove({ force: true });
  }
}

/**
 * The environment's image with further packages: lines of a requirements file. Only wheels are taken, since building a
 * source distribution would run its code on this host.
 *
 * @throws {ImageError}
 */
export async function ensureDerivedImage(
  docker: Docker,
  options: ImageOptions & {
    readonly environment: Environment;
    readonly base: string;
    readonly requirements: readonly string[];
    /** The base holds CUDA, and what comes on top shall use it. */
    readonly gpu?: GpuWheels;
    /** Packages may come in other versions than the environment's, and stand before those. */
    readonly strict?: boolean;
  },
): Promise<BuiltImage> {
  const dockerfile = join(packageRoot(), 'docker', 'derived.Dockerfile');
  const requirements = [...options.requirements].sort().join('\n');
  const { gpu, strict = false } = options;
  const variants = [...(gpu ? ['gpu', gpu.index] : []), ...(strict ? ['strict'] : [])];
  const parts = [options.base, requirements, await readFile(dockerfile, 'utf8'), ...variants];
  const tag = `${options.base.split(':')[0]}-derived:${digest(parts)}`;
  return once(tag, async () => {
    if (await hasImage(docker, tag)) return { tag, built: false };
    const lock = await environmentPackages(options.environment, gpu !== undefined);
    await inContext(options.dataDirectory, async (context) => {
      const lockFile = join(context, 'environment.txt');
      await writeFile(lockFile, lock);
      const index = gpu === undefined || gpu.index === '' ? [] : ['--extra-index-url', gpu.index];
      const wheels = await downloadWheels(
        docker,
        [...(strict ? [] : ['-c', lockFile]), ...index, ...options.requirements.map((line) => line.trim())],
        [requirements, ...variants].join('\n'),
        options,
      );
      if (gpu !== undefined) await refuseCpuWheels(wheels);
      const provided = new Set(lock.split('\n').map(wheelPrefix));
      await linkFiles(
        wheels,
        join(context, 'wheels'),
        (name) => !provided.has(name.split('-').slice(0, 2).join('-').toLowerCase()),
      );
      await copyFile(dockerfile, join(context, 'Dockerfile'));
      await buildImage(docker, context, tag, options.base, options);
    });
    return { tag, built: true };
  });
}

export interface GpuWheels {
  /** URL of a package index with wheels for CUDA, beside the one of the host's pip; empty: that one has them. */
  readonly index: string;
}

/** PyTorch's own index calls a wheel without CUDA `torch-2.9.0+cpu-…`. */
async function refuseCpuWheels(wheels: string): Promise<void> {
  const found = (await readdir(wheels)).find((name) => /^[a-z]+-[^-]*\+cpu-/i.test(decodeURIComponent(name)));
  if (found === undefined) return;
  throw new ImageError(
    `environment.gpus asks for a GPU, and the package index of this host gave ${found}, which is without CUDA; name one with CUDA as training.cuda_index in the server's configuration`,
  );
}

/** `numpy==2.1.0` is provided as `numpy-2.1.0…whl`. */
function wheelPrefix(line: string): string {
  return line
    .trim()
    .replace(/[-.]+(?=.*==)/g, '_')
    .replace('==', '-')
    .toLowerCase();
}

const running = new Map<string, Promise<BuiltImage>>();

/** Two runs of one process that need the same image wait for one build. */
function once(tag: string, build: () => Promise<BuiltImage>): Promise<BuiltImage> {
  const known = running.get(tag);
  if (known !== undefined) return known;
  const started = build().finally(() => running.delete(tag));
  running.set(tag, started);
  return started;
}

async function hasImage(docker: Docker, tag: string): Promise<boolean> {
  try {
    await docker.getImage(tag).inspect();
    return true;
  } catch (error) {
    if (typeof error === 'object' && error !== null && 'statusCode' in error && error.statusCode === 404) return false;
    throw new ImageError(`the Docker engine does not answer (${String(error)}); start it, or run script/bootstrap`, {
      cause: error,
    });
  }
}

/**
 * Has the image that a repository names, pulling it where this host has none of that name.
 *
 * @throws {ImageError}
 */
export async function ensureNamedImage(
  docker: Docker,
  name: string,
  onProgress: ImageOptions['onProgress'],
): Promise<string> {
  if (await hasImage(docker, name)) return name;
  onProgress(`${name}: pulling`);
  try {
    // Without a tag the engine would pull all of them.
    const stream = await docker.pull(/[:@][^/]*$/.test(name) ? name : `${name}:latest`);
    await ended(docker, stream, () => {});
  } catch (error) {
    throw new ImageError(
      `there is no image ${name} on this host, and it can't be pulled (${messageOf(error)}); correct environment.image in .pushtune.yml, or build or pull the image on the host`,
      { cause: error },
    );
  }
  return name;
}

function messageOf(error: unknown): string {
  const { json } = error as { readonly json?: { readonly message?: unknown } };
  if (typeof json?.message === 'string') return json.message.trim();
  return error instanceof Error ? error.message : String(error);
}

/** `docker/base/build` computes the same. */
async function baseTag(): Promise<string> {
  const script = await readFile(join(packageRoot(), 'docker', 'base', 'build'));
  return `pushtune/base:${createHash('sha256').update(script).digest('hex').slice(0, 12)}`;
}

async function buildBase(tag: string, onProgress: (message: string) => void): Promise<void> {
  await run(
    join(packageRoot(), 'docker', 'base', 'build'),
    [tag],
    onProgress,
    (output) => `the base image can't be made: ${output}`,
  );
}

/** Downloads with the host's own pip, whose index settings and certificates then just work, for the container's Python. */
async function downloadWheels(
  docker: Docker,
  wanted: readonly string[],
  content: string,
  { dataDirectory, onProgress }: ImageOptions,
): Promise<string> {
  const machine = String((await docker.info()).Architecture);
  const folder = join(wheelsFolder(dataDirectory), digest([content, pythonVersion, machine]));
  if (await exists(folder)) {
    // The clean-up takes those that were not used for long.
    await utimes(folder, new Date(), new Date());
    return folder;
  }
  const temporary = `${folder}.${randomUUID()}`;
  await mkdir(temporary, { recursive: true });
  onProgress('wheels: downloading with pip');
  const platforms = ['2_17', '2_24', '2_27', '2_28'].flatMap((version) => [
    '--platform',
    `manylinux_${version}_${machine}`,
  ]);
  const target = [
    '--python-version',
    pythonVersion,
    '--implementation',
    'cp',
    ...platforms,
    '--platform',
    `manylinux2014_${machine}`,
  ];
  const parameters = [
    '-m',
    'pip',
    'download',
    '--only-binary=:all:',
    '--progress-bar',
    'off',
    ...pipPatience,
    ...target,
    '-d',
    temporary,
  ];
  let count = 0;
  const report = (line: string): void => {
    if (/^(Downloading|Saved|Processing|Using cached)/.test(line.trim())) count += 1;
    if (/^Saved/.test(line.trim()) && count % 25 === 0) onProgress(`wheels: ${count} files`);
  };
  try {
    await run('python3', [...parameters, ...wanted], report, explainPip);
    await rename(temporary, folder);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
  return folder;
}

/** The index does not have what was asked for. */
export class UnmetRequirementError extends ImageError {
  readonly unmet: Unmet;

  constructor(message: string, unmet: Unmet) {
    super(message);
    this.unmet = unmet;
  }
}

function explainPip(output: string): Error {
  const missing = /No matching distribution found for (\S+)/.exec(output)?.[1];
  if (missing !== undefined)
    return new UnmetRequirementError(explainMissing(missing), { kind: 'missing', name: missing });
  if (/ResolutionImpossible|conflicting dependencies/.test(output)) {
    return new UnmetRequirementError(
      `the packages that are asked for contradict each other: ${output}; correct requirements.txt`,
      { kind: 'conflict' },
    );
  }
  return new ImageError(`pip could not download the packages: ${output}`);
}

function explainMissing(missing: string): string {
  return `the package ${missing} has no wheel for Python ${pythonVersion} on the package index of this host (pip config list); correct requirements.txt, or use environment.image in .pushtune.yml`;
}

async function buildImage(
  docker: Docker,
  context: string,
  tag: string,
  base: string,
  { onProgress }: ImageOptions,
): Promise<void> {
  onProgress(`${tag}: building`);
  const stream = await docker.buildImage(pack(context) as unknown as NodeJS.ReadableStream, {
    t: tag,
    buildargs: { BASE: base },
    labels: { [imageLabel]: 'environment' },
    rm: true,
    forcerm: true,
  });
  const started = Date.now();
  try {
    await ended(docker, stream, (line) => {
      if (/^Step /.test(line)) onProgress(`${tag}: ${line.trim()}`);
    });
  } catch (error) {
    throw new ImageError(`building ${tag} failed: ${messageOf(error)}`, { cause: error });
  }
  // The report of an engine that ends in the middle ends as if all were well.
  if (!(await hasImage(docker, tag))) throw new ImageError(`building ${tag} was interrupted`);
  onProgress(`${tag}: ready after ${Math.round((Date.now() - started) / 1000)} s`);
}

/** Waits until the engine has done what it reports about. An error may be a part of the report. */
async function ended(docker: Docker, stream: NodeJS.ReadableStream, onLine: (line: string) => void): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    docker.modem.followProgress(
      stream,
      (error, output: { error?: string }[] | null) => {
        const failure = error?.message ?? output?.find((line) => line.error !== undefined)?.error;
        if (failure === undefined) resolve();
        else reject(new Error(failure, { cause: error }));
      },
      ({ stream: line }: { stream?: string }) => {
        if (line !== undefined) onLine(line);
      },
    );
  });
}

async function inContext(dataDirectory: string, use: (context: string) => Promise<void>): Promise<void> {
  const context = join(scratchFolder(dataDirectory), temporaryName('image'));
  await mkdir(context, { recursive: true });
  try {
    await use(context);
  } finally {
    await rm(context, { recursive: true, force: true });
  }
}

async function linkFiles(from: string, to: string, wanted: (name: string) => boolean = () => true): Promise<void> {
  await mkdir(to, { recursive: true });
  for (const name of (await readdir(from)).filter(wanted)) await link(join(from, name), join(to, name));
}

/** Hash of texts and of all files in folders, names included. */
async function hashOf(texts: readonly string[], folders: readonly string[]): Promise<string> {
  const parts: (string | Buffer)[] = [...texts];
  for (const folder of folders) {
    for (const path of await filesIn(folder)) parts.push(path, await readFile(join(folder, path)));
  }
  return digest(parts);
}

function digest(parts: readonly (string | Buffer)[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part).update('\0');
  return hash.digest('hex').slice(0, 12);
}

/** Runs a program and hands on its lines; what it printed last explains its failure. */
async function run(
  command: string,
  parameters: readonly string[],
  onLine: (line: string) => void,
  explain: (output: string) => string | Error,
): Promise<void> {
  const child = spawn(command, parameters, {
    env: { ...process.env, ...engineVariables() },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const lines: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', (line) => {
      lines.push(line);
      onLine(line);
    });
  }
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', (cause) =>
      reject(new ImageError(`${command} can't be started; run script/bootstrap`, { cause })),
    );
    child.once('close', resolve);
  });
  if (code === 0) return;
  const explained = explain(lines.slice(-5).join('\n'));
  throw explained instanceof Error ? explained : new ImageError(explained);
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
