/** The long-lived training containers: one per repository, image and set of limits. */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type Docker from 'dockerode';
import { containerOwner, instanceName, makeContainerFolder, repositoryFolders } from './folders.js';

export interface ContainerLimits {
  /** Bytes. */
  readonly memory: number;
  readonly cpus: number;
  readonly processes: number;
  /** A network of the engine, or `none`. */
  readonly network: string;
}

export interface ContainerRequest {
  readonly data: string;
  readonly repository: string;
  readonly image: string;
  readonly limits: ContainerLimits;
  /** Folder of the host that holds the agent's package. */
  readonly trainer: string;
  /** Folders of the host that the script may read: path on the host → path in the container. */
  readonly readOnly: ReadonlyMap<string, string>;
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

/** A container whose agent gave no sign for so long is not healthy. The agent gives one every second. */
export const heartbeatLimitSeconds = 30;

/** Name of the container that serves the request; another image or other limits give another one. */
export function containerName(request: ContainerRequest): string {
  const parts = [instanceName(request.data), request.repository, request.image, request.limits, [...request.readOnly]];
  const hash = createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 12);
  return `pushtune-${request.repository.replace(/[^A-Za-z0-9_.-]/g, '-')}-${hash}`;
}

/** Folder of the host through which the container's agent is asked and gives its heartbeat. */
export function agentFolder(data: string, repository: string, container: string): string {
  return join(repositoryFolders(data, repository).agents, container);
}

/**
 * Makes and starts the container unless it runs already.
 *
 * @throws {ContainerError}
 */
export async function ensureContainer(docker: Docker, request: ContainerRequest): Promise<string> {
  const name = containerName(request);
  const agent = agentFolder(request.data, request.repository, name);
  await makeContainerFolder(repositoryFolders(request.data, request.repository).runs);
  await makeContainerFolder(agent);
  await makeContainerFolder(join(agent, 'requests'));
  try {
    await createIfMissing(docker, containerOptions(request, name, agent));
    await startIfStopped(docker, name);
  } catch (error) {
    throw new ContainerError(`the container ${name} of the image ${request.image} can't be started: ${String(error)}`, {
      cause: error,
    });
  }
  return name;
}

/** Starts a container that does not run. */
export async function startIfStopped(docker: Docker, name: string): Promise<void> {
  // 304: it runs already.
  await docker.getContainer(name).start().catch(ignoreStatus(304));
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
  await docker.getContainer(name).remove({ force: true }).catch(ignoreStatus(404));
}

async function createIfMissing(docker: Docker, options: Docker.ContainerCreateOptions): Promise<void> {
  // 409: another stage was faster, or it is there from before.
  await docker.createContainer(options).catch(ignoreStatus(409));
}

function containerOptions(request: ContainerRequest, name: string, agent: string): Docker.ContainerCreateOptions {
  const { uid, gid } = containerOwner();
  const { limits } = request;
  return {
    name,
    Image: request.image,
    Entrypoint: ['python3', trainerMount],
    Cmd: ['agent'],
    User: `${uid}:${gid}`,
    Env: ['PYTHONDONTWRITEBYTECODE=1', 'HOME=/tmp/home', `PUSHTUNE_RUNS=${runsMount}`, `PUSHTUNE_AGENT=${agentMount}`],
    Labels: {
      [labels.instance]: instanceName(request.data),
      [labels.repository]: request.repository,
      [labels.agent]: agent,
    },
    HostConfig: {
      Init: true,
      Binds: [
        `${repositoryFolders(request.data, request.repository).runs}:${runsMount}`,
        `${agent}:${agentMount}`,
        `${request.trainer}:${trainerMount}:ro`,
        ...[...request.readOnly].map(([host, container]) => `${host}:${container}:ro`),
      ],
      CapDrop: ['ALL'],
      SecurityOpt: ['no-new-privileges'],
      Memory: limits.memory,
      // As much swap as memory, that is: none. A training that swaps would only block its host.
      MemorySwap: limits.memory,
      NanoCpus: Math.round(limits.cpus * 1e9),
      PidsLimit: limits.processes,
      NetworkMode: limits.network,
      // TensorFlow's and PyTorch's data loaders pass batches through /dev/shm, for which 64 MB are too little.
      ShmSize: Math.min(limits.memory, 1024 ** 3),
    },
  };
}

function ignoreStatus(status: number): (error: unknown) => undefined {
  return (error) => {
    if (typeof error === 'object' && error !== null && 'statusCode' in error && error.statusCode === status)
      return undefined;
    throw error;
  };
}
