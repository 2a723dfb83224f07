/** The long-lived training containers: one per repository, image and set of limits. */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type Docker from 'dockerode';
import { containerOwner, instanceName, makeContainerFolder, repositoryFolders } from './folders.js';
import { modifiedGuarded } from './guarded-files.js';

export interface ContainerLimits {
  /** Bytes. */
  readonly memory: number;
  readonly cpus: number;
  readonly processes: number;
  /** A network of the engine, or `none`. */
  readonly network: string;
  readonly gpus: number;
}

export interface ContainerRequest {
  readonly data: string;
  readonly repository: string;
  readonly image: string;
  readonly limits: ContainerLimits;
  /** Folder of the host that holds the agent's package. */
  readonly trainer: string;
  /** Folders of the host that the script may read: path in the container → path on the host. */
  readonly readOnly: ReadonlyMap<string, string>;
  /** Labels the mounted folders such that SELinux lets the container use them. */
  readonly selinux?: boolean;
  /** How a script gets its interpreter; the agent finds out what is best by itself. */
  readonly interpreter?: 'fork' | 'spare' | 'cold';
}

/** Docker said no; the message tells what was tried and what the engine answered. */
export class ContainerError extends Error {
  override readonly name = 'ContainerError';
}

export const labels = {
  instance: 'pushtune.instance',
  repository: 'pushtune.repository',
  agent: 'pushtune.agent',
} as const;

/** Where the container sees the runs of its repository. */
export const runsMount = '/runs';
const agentMount = '/agent';
const trainerMount = '/opt/pushtune/trainer';
const home = '/tmp/home';

/**
 * Where libraries keep what they download: Keras; PyTorch, Hugging Face, Matplotlib and most others; scikit-learn;
 * TensorFlow Datasets; NLTK. These folders of the home directory are kept, for each repository its own.
 */
const cacheFolders = ['.keras', '.cache', 'scikit_learn_data', 'tensorflow_datasets', 'nltk_data'] as const;

/** A container whose agent gave no sign for so long is not healthy. The agent gives one every second. */
export const heartbeatLimitSeconds = 30;

/** Nanoseconds, as the engine counts. */
const second = 1e9;

/**
 * Shows in `docker ps` what the monitor goes by. Given with the container, since podman drops what an image says of it.
 * Python is what every image has.
 */
const healthCheck: Docker.ContainerCreateOptions['Healthcheck'] = {
  Test: [
    'CMD',
    'python3',
    '-ISc',
    // Without a space, at which podman would cut it.
    `__import__("sys").exit(__import__("time").time()-__import__("os").stat("${agentMount}/heartbeat").st_mtime>${heartbeatLimitSeconds})`,
  ],
  Interval: 10 * second,
  Timeout: 10 * second,
  StartPeriod: heartbeatLimitSeconds * second,
  Retries: 3,
};

/** How long a container that was just started is waited for; then it is the monitor's. */
const firstSignSeconds = heartbeatLimitSeconds;
const signPollMilliseconds = 25;

/** Name of the container that serves the request; whatever differs in how it is made gives another one. */
export function containerName(request: ContainerRequest): string {
  const options = JSON.stringify(containerOptions(request, '', ''));
  const hash = createHash('sha256').update(options).digest('hex').slice(0, 12);
  return `pushtune-${request.repository.replace(/[^A-Za-z0-9_.-]/g, '-')}-${hash}`;
}

/** Folder of the host through which the container's agent is asked and gives its heartbeat. */
export function agentFolder(data: string, repository: string, container: string): string {
  return join(repositoryFolders(data, repository).agents, container);
}

/**
 * Makes and starts the container unless it runs already. One that can't live is removed again.
 *
 * @throws {ContainerError} also when the image is not one in which the agent can run
 */
export async function ensureContainer(docker: Docker, request: ContainerRequest): Promise<string> {
  const name = containerName(request);
  const folders = repositoryFolders(request.data, request.repository);
  const agent = agentFolder(request.data, request.repository, name);
  for (const folder of [folders.runs, agent, join(agent, 'requests'), ...cacheMounts(request).values()])
    await makeContainerFolder(folder);
  const before = await modifiedGuarded(agent, 'heartbeat');
  try {
    const make = async () => containerOptions(request, name, agent, await engineOf(docker));
    if (await startOrCreate(docker, name, make))
      await untilFirstSign(docker, { name, agent, before, image: request.image });
  } catch (error) {
    // What the engine refused to start, or what ended at once, is no crash that a restart could help.
    if (error instanceof ContainerError || statusOf(error) !== undefined) await removeContainer(docker, name);
    throw explainFailedStart(request, name, error);
  }
  return name;
}

/** Starts a container that does not run. Returns whether that was needed. */
export async function startIfStopped(docker: Docker, name: string): Promise<boolean> {
  try {
    await docker.getContainer(name).start();
    return true;
  } catch (error) {
    // It runs already.
    if (statusOf(error) === 304) return false;
    throw error;
  }
}

interface StartedContainer {
  readonly name: string;
  readonly image: string;
  readonly agent: string;
  /** When the heartbeat was last touched before the start. */
  readonly before: number | undefined;
}

/** Waits until the agent lives. Whether an image has a Python that works shows here first. */
async function untilFirstSign(docker: Docker, started: StartedContainer): Promise<void> {
  const deadline = Date.now() + firstSignSeconds * 1000;
  while (Date.now() < deadline) {
    if ((await modifiedGuarded(started.agent, 'heartbeat')) !== started.before) return;
    const { State: state } = await docker.getContainer(started.name).inspect();
    if (!state.Running) throw await explainEarlyEnd(docker, started, state.ExitCode);
    await delay(signPollMilliseconds);
  }
}

async function explainEarlyEnd(docker: Docker, { name, image }: StartedContainer, code: number): Promise<Error> {
  const logs = await docker.getContainer(name).logs({ stdout: true, stderr: true, tail: 10 });
  const output = textOfFrames(logs).trim();
  const { Architecture: architecture } = await docker.getImage(image).inspect();
  const { Arch: host } = await docker.version();
  return new ContainerError(
    `the image ${image} can't be trained in: ${explainOutput(output, code, architecture, host)}`,
  );
}

/** What the container's init says of a program that it can't run. */
function explainOutput(output: string, code: number, architecture: string, host: string): string {
  if (/exec python3 failed: No such file/.test(output))
    return 'it has no python3 on its PATH; use an image with Python 3.9 or newer as environment.image';
  if (/exec python3 failed: Exec format error/.test(output))
    return `its programs are not for this host's processor (the image is for ${architecture}, the host is ${host}); build or pull it for ${host}`;
  if (/exec python3 failed: Permission denied/.test(output))
    return 'only root may run its python3, and trainings do not run as root; install Python where everybody may read it';
  return `its Python ended with exit code ${code}: ${output}`;
}

function explainFailedStart({ image, limits }: ContainerRequest, name: string, cause: unknown): ContainerError {
  if (cause instanceof ContainerError) return cause;
  const answer = answerOf(cause);
  if (limits.gpus > 0 && /could not select device driver|nvidia|CDI device|\bgpu\b/i.test(answer)) {
    return new ContainerError(
      `environment.gpus asks for ${limits.gpus} GPU${limits.gpus === 1 ? '' : 's'}, which this host's Docker engine can't give (${answer}); install the GPU's driver and the NVIDIA Container Toolkit on the host, or remove gpus from .pushtune.yml`,
      { cause },
    );
  }
  if (statusOf(cause) === 404 && /no such image/i.test(answer))
    return new ContainerError(`there is no image ${image} on this host; correct environment.image`, { cause });
  return new ContainerError(`the container ${name} of the image ${image} can't be started: ${answer}`, { cause });
}

/** What the engine answered, without dockerode's words around it. */
function answerOf(error: unknown): string {
  const { json } = error as { readonly json?: { readonly message?: unknown } };
  return typeof json?.message === 'string' ? json.message.trim() : String(error);
}

/** The engine frames what a container without a terminal prints: 4 bytes on the stream, 4 on the length, the text. */
function textOfFrames(frames: Buffer): string {
  const texts: string[] = [];
  for (let at = 0; at + 8 <= frames.length; ) {
    const end = at + 8 + frames.readUInt32BE(at + 4);
    texts.push(frames.toString('utf8', at + 8, end));
    at = end;
  }
  return texts.join('');
}

export interface ContainerState {
  readonly name: string;
  readonly repository: string;
  readonly running: boolean;
  /** Milliseconds since 1970 of its latest start. */
  readonly startedAt: number;
  /** Milliseconds since 1970 of its last end; before that when it never ran. */
  readonly finishedAt: number;
  /** Exit code of its last end, when it does not run. */
  readonly exitCode?: number;
  readonly outOfMemory: boolean;
}

/** The containers of this server, whatever their state. */
export async function listContainers(docker: Docker, data: string): Promise<ContainerState[]> {
  const found = await docker.listContainers({
    all: true,
    filters: { label: [`${labels.instance}=${instanceName(data)}`] },
  });
  const states = await Promise.all(found.map(({ Id }) => inspectContainer(docker, data, Id)));
  return states.filter((state) => state !== undefined);
}

/** @returns undefined when there is no such container of this server */
export async function inspectContainer(docker: Docker, data: string, id: string): Promise<ContainerState | undefined> {
  const details = await docker.getContainer(id).inspect().catch(ignoreStatus(404));
  if (details === undefined || details.Config.Labels[labels.instance] !== instanceName(data)) return undefined;
  return {
    name: details.Name.replace(/^\//, ''),
    repository: details.Config.Labels[labels.repository] ?? '',
    running: details.State.Running,
    startedAt: Date.parse(details.State.StartedAt),
    finishedAt: Date.parse(details.State.FinishedAt),
    outOfMemory: details.State.OOMKilled,
    ...(details.State.Running ? {} : { exitCode: details.State.ExitCode }),
  };
}

/** Stops and starts a container whose agent does not answer any more. */
export async function restartContainer(docker: Docker, name: string): Promise<void> {
  await docker.getContainer(name).restart({ t: 5 });
}

/** Has the agent end by itself; it is killed when it does not. */
export async function stopContainer(docker: Docker, name: string): Promise<void> {
  // 304: it does not run.
  await docker.getContainer(name).stop({ t: 5 }).catch(ignoreStatus(304));
}

export async function removeContainer(docker: Docker, name: string): Promise<void> {
  // Volumes without a name are what an image of the user's own asks for; nothing else would ever remove them.
  await docker.getContainer(name).remove({ force: true, v: true }).catch(ignoreStatus(404));
}

/** Starts the container unless it runs, and makes it where it is not there. Returns whether it was started. */
async function startOrCreate(
  docker: Docker,
  name: string,
  make: () => Promise<Docker.ContainerCreateOptions>,
): Promise<boolean> {
  try {
    // Most often it runs: the engine says so ten times as fast as it refuses to make another one of the same name.
    return await startIfStopped(docker, name);
  } catch (error) {
    if (statusOf(error) !== 404) throw error;
    // 409: somebody else was faster.
    await docker.createContainer(await make()).catch(ignoreStatus(409));
    return startIfStopped(docker, name);
  }
}

async function engineOf(docker: Docker): Promise<'docker' | 'podman'> {
  const { Components: components = [] } = (await docker.version()) as { Components?: readonly { Name: string }[] };
  return components.some(({ Name: name }) => name.startsWith('Podman')) ? 'podman' : 'docker';
}

function containerOptions(
  request: ContainerRequest,
  name: string,
  agent: string,
  engine: 'docker' | 'podman' = 'docker',
): Docker.ContainerCreateOptions & { name: string } {
  const { uid, gid } = containerOwner();
  const { limits } = request;
  const temporary = temporaryFolders(limits.memory);
  const mounts: readonly Mount[] = [
    // Shared: a repository has a container for each of its images, and all of them mount these.
    {
      host: repositoryFolders(request.data, request.repository).runs,
      target: runsMount,
      access: 'writable',
      use: 'shared',
    },
    { host: agent, target: agentMount, access: 'writable', use: 'private' },
    ...[...cacheMounts(request)].map(([target, host]): Mount => ({ host, target, access: 'writable', use: 'shared' })),
    { host: request.trainer, target: trainerMount, access: 'read-only', use: 'shared' },
    ...[...request.readOnly].map(([target, host]): Mount => ({ host, target, access: 'read-only', use: 'shared' })),
  ];
  return {
    name,
    Image: request.image,
    Entrypoint: ['python3', trainerMount],
    Cmd: ['agent'],
    User: `${uid}:${gid}`,
    Env: [
      'PYTHONDONTWRITEBYTECODE=1',
      `HOME=${home}`,
      // The user has no line in the image's /etc/passwd, where getpass.getuser() would look otherwise.
      'USER=pushtune',
      // Finding the fonts takes a second, so it is done once.
      `MPLCONFIGDIR=${home}/.cache/matplotlib`,
      `PUSHTUNE_RUNS=${runsMount}`,
      `PUSHTUNE_AGENT=${agentMount}`,
      // What the agent empties after each run, and whose growth it watches.
      `PUSHTUNE_TEMPORARY=${[...temporary.keys(), '/dev/shm'].join(':')}`,
      `PUSHTUNE_CACHES=${cacheFolders.map((folder) => `${home}/${folder}`).join(':')}`,
      // The agent looks whether the framework sees what is given here. The libraries of CUDA need `compute`, nvidia-smi `utility`.
      ...(limits.gpus > 0 ? [`PUSHTUNE_GPUS=${limits.gpus}`, 'NVIDIA_DRIVER_CAPABILITIES=compute,utility'] : []),
      ...(request.interpreter === undefined ? [] : [`PUSHTUNE_WARM=${request.interpreter}`]),
    ],
    Healthcheck: healthCheck,
    Labels: {
      [labels.instance]: instanceName(request.data),
      [labels.repository]: request.repository,
      [labels.agent]: agent,
    },
    HostConfig: {
      Init: true,
      ...(request.selinux === true ? { Binds: mounts.map(labelled) } : { Mounts: mounts.map(unlabelled) }),
      ReadonlyRootfs: true,
      Tmpfs: Object.fromEntries(
        [...temporary].map(([folder, { size, access }]) => [
          folder,
          // Docker gives the folder the mode that it has in the image, so that it must be the user's own; podman knows no
          // owner here, and keeps the mode.
          `rw,nosuid,nodev,${access},mode=1777,size=${size}${engine === 'podman' ? '' : `,uid=${uid},gid=${gid}`}`,
        ]),
      ),
      CapDrop: ['ALL'],
      SecurityOpt: ['no-new-privileges'],
      Memory: limits.memory,
      // As much swap as memory, that is: none. A training that swaps would only block its host.
      MemorySwap: limits.memory,
      NanoCpus: Math.round(limits.cpus * 1e9),
      PidsLimit: limits.processes,
      NetworkMode: limits.network,
      // TensorFlow's and PyTorch's data loaders pass batches through /dev/shm, for which 64 MB are too little.
      ShmSize: Math.min(Math.floor(limits.memory / 4), 1024 ** 3),
      ...(limits.gpus > 0
        ? { DeviceRequests: [{ Driver: '', Count: limits.gpus, DeviceIDs: [], Capabilities: [['gpu']], Options: {} }] }
        : {}),
    },
  };
}

interface TemporaryFolder {
  /** Bytes. */
  readonly size: number;
  readonly access: 'exec' | 'noexec';
}

/**
 * What a script may write to beside its run's folder and the caches. It lies in the container's memory, and together
 * with /dev/shm it can't take all of that.
 */
function temporaryFolders(memory: number): ReadonlyMap<string, TemporaryFolder> {
  // XLA, Triton and Numba load there what they have compiled.
  const runnable = 'exec';
  const small = Math.floor(memory / 64);
  return new Map([
    ['/tmp', { size: Math.floor(memory / 2), access: runnable }],
    // Of its own, since the engine makes folders on the way to a mount as root's.
    [home, { size: Math.floor(memory / 8), access: runnable }],
    ['/var/tmp', { size: small, access: 'noexec' }],
    ['/run', { size: small, access: 'noexec' }],
  ]);
}

/** Path in the container → path on the host. */
function cacheMounts({ data, repository }: ContainerRequest): ReadonlyMap<string, string> {
  const { cache } = repositoryFolders(data, repository);
  return new Map(cacheFolders.map((folder) => [`${home}/${folder}`, join(cache, folder)]));
}

interface Mount {
  readonly host: string;
  readonly target: string;
  readonly access: 'writable' | 'read-only';
  /** Whether other containers use the folder at the same time. */
  readonly use: 'shared' | 'private';
}

/** Unlike the older `Binds`, a mount takes paths with a colon, and makes no folder of root's where there is none. */
function unlabelled({ host, target, access }: Mount): Docker.MountSettings {
  return { Type: 'bind', Source: host, Target: target, ReadOnly: access === 'read-only' };
}

/** Only `Binds` can have the engine label a folder: `z` for all containers, `Z` for this one alone. */
function labelled({ host, target, access, use }: Mount): string {
  if (host.includes(':') || target.includes(':'))
    throw new ContainerError(`with container.selinux a folder can't have a colon in its path: ${host}`);
  return `${host}:${target}:${access === 'read-only' ? 'ro' : 'rw'},${use === 'shared' ? 'z' : 'Z'}`;
}

function ignoreStatus(status: number): (error: unknown) => undefined {
  return (error) => {
    if (statusOf(error) === status) return undefined;
    throw error;
  };
}

/** The HTTP status of what the engine answered; undefined when it did not answer. */
function statusOf(error: unknown): number | undefined {
  const { statusCode } = error as { readonly statusCode?: unknown };
  return typeof statusCode === 'number' ? statusCode : undefined;
}
