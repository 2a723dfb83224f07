import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type Docker from 'dockerode';

/** An agent in a container of its own; its folders are shared as a worker shares them. */
export interface AgentContainer {
  readonly folder: string;
  readonly container: Docker.Container;
}

/** @param options laid over what every agent's container has */
export async function startAgent(
  docker: Docker,
  image: string,
  { binds = [], ...options }: Docker.ContainerCreateOptions & { readonly binds?: readonly string[] } = {},
): Promise<AgentContainer> {
  const folder = await mkdtemp(join(tmpdir(), 'pushtune-agent-'));
  await mkdir(join(folder, 'runs'));
  await mkdir(join(folder, 'agent', 'requests'), { recursive: true });
  const container = await docker.createContainer({
    Image: image,
    Cmd: ['agent'],
    Env: ['PUSHTUNE_RUNS=/runs', 'PUSHTUNE_AGENT=/agent'],
    User: `${process.getuid?.() ?? 0}:${process.getgid?.() ?? 0}`,
    HostConfig: {
      Init: true,
      NetworkMode: 'none',
      Binds: [`${join(folder, 'runs')}:/runs`, `${join(folder, 'agent')}:/agent`, ...binds],
    },
    ...options,
  });
  await container.start();
  return { folder, container };
}

export async function removeAgent({ container, folder }: AgentContainer): Promise<void> {
  await container.remove({ force: true });
  await rm(folder, { recursive: true, force: true });
}
