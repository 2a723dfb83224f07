/** Trainings in real containers, made and followed as the workers do it, without a server around them. */
import { chmodSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import Docker from 'dockerode';
import {
  agentFolder,
  type ContainerLimits,
  type ContainerRequest,
  ensureContainer,
  listContainers,
  removeContainer,
} from '../../src/container/containers.js';
import { giveToContainer, removeFolder, repositoryFolders } from '../../src/container/folders.js';
import { ensureEnvironmentImage } from '../../src/container/images.js';
import { followTraining, type TrainingEnd, type WriteLimits } from '../../src/container/training.js';
import { packageRoot } from '../../src/package-root.js';

export interface Training {
  readonly end: TrainingEnd;
  readonly log: string;
  /** The run's folder on the host. */
  readonly folder: string;
  readonly container: string;
}

export interface TrainingSettings {
  readonly repository?: string;
  readonly image?: string;
  readonly limits?: Partial<ContainerLimits & WriteLimits>;
  readonly timeoutSeconds?: number;
  readonly readOnly?: ReadonlyMap<string, string>;
  /** More files of the workspace. */
  readonly files?: Readonly<Record<string, string>>;
  /** Called once the training was asked for, about once a second. */
  readonly shouldStop?: (folder: string) => Promise<boolean>;
}

export interface TrainingHost {
  readonly docker: Docker;
  readonly data: string;
  readonly image: string;
  request(settings?: TrainingSettings): ContainerRequest;
  /** Makes the folder of a further run, which is then the next to be trained. */
  prepare(repository?: string): string;
  train(script: string, settings?: TrainingSettings): Promise<Training>;
  close(): Promise<void>;
}

const megabyte = 1024 ** 2;

export async function startHost(): Promise<TrainingHost> {
  const docker = new Docker();
  const folder = mkdtempSync(join(tmpdir(), 'pushtune-host-'));
  // Containers run as another user and mount folders below this one.
  chmodSync(folder, 0o755);
  const data = join(folder, 'data');
  const { tag: image } = await ensureEnvironmentImage(docker, {
    environment: 'sklearn',
    dataDirectory: data,
    onProgress: () => {},
  });
  let count = 0;
  let prepared: string | undefined;

  function request({
    repository = 'team/model',
    limits = {},
    readOnly = new Map(),
    image: other = image,
  }: TrainingSettings = {}): ContainerRequest {
    const { memory = 256 * megabyte, cpus = 2, processes = 64, network = 'none', gpus = 0 } = limits;
    const trainer = join(packageRoot(), 'docker', 'tensorflow', 'trainer');
    return {
      data,
      repository,
      image: other,
      trainer,
      readOnly,
      limits: { memory, cpus, processes, network, gpus },
    };
  }

  function prepare(repository = 'team/model'): string {
    count += 1;
    prepared = join(repositoryFolders(data, repository).runs, `run-${count}`);
    mkdirSync(join(prepared, 'workspace'), { recursive: true });
    return prepared;
  }

  async function train(script: string, settings: TrainingSettings = {}): Promise<Training> {
    const { repository = 'team/model', limits = {}, files = {}, timeoutSeconds = 60, shouldStop } = settings;
    const run = prepared ?? prepare(repository);
    prepared = undefined;
    for (const [path, text] of Object.entries({ ...files, 'train.py': script })) {
      mkdirSync(dirname(join(run, 'workspace', path)), { recursive: true });
      writeFileSync(join(run, 'workspace', path), text);
    }
    const { runs } = repositoryFolders(data, repository);
    await giveToContainer(runs);
    const container = await ensureContainer(docker, request(settings));
    const chunks: Buffer[] = [];
    const end = await followTraining(
      { runs, agent: agentFolder(data, repository, container) },
      {
        run: run.slice(runs.length + 1),
        main: 'train.py',
        arguments: [],
        environment: {},
        timeoutSeconds,
        limits: { disk: limits.disk ?? 1024 * megabyte, output: limits.output ?? 64 * megabyte },
      },
      0,
      {
        async onLog(offset, bytes) {
          // What is beyond that no test looks at.
          if (offset < megabyte) chunks.push(bytes);
          return offset + bytes.length;
        },
        shouldStop: async () => (await shouldStop?.(run)) ?? false,
        shouldPrune: async () => false,
      },
      AbortSignal.timeout(120_000),
    );
    return { end, log: Buffer.concat(chunks).toString(), folder: run, container };
  }

  return {
    docker,
    data,
    image,
    request,
    prepare,
    train,
    async close() {
      for (const { name } of await listContainers(docker, data)) await removeContainer(docker, name);
      await removeFolder(folder);
    },
  };
}

/** The last line that the script printed, which is JSON. */
export function printed(training: Training): Readonly<Record<string, unknown>> {
  const line = training.log.trimEnd().split('\n').at(-1) ?? '';
  try {
    return JSON.parse(line);
  } catch (cause) {
    throw new Error(`the script printed no JSON: ${training.log}${JSON.stringify(training.end)}`, { cause });
  }
}
