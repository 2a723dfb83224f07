/** What is installed in an image, as `pip freeze` lists it. */
import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type Docker from 'dockerode';
import { ContainerError, labels } from './containers.js';
import { containerOwner, instanceName } from './folders.js';

/** Without pip, which an image need not have. `-I` keeps Python from what stands in its working directory. */
const program = [
  '-I',
  '-c',
  'from importlib.metadata import distributions\n' +
    'import platform\n' +
    'print("# Python", platform.python_version())\n' +
    'for line in sorted({f"{d.metadata[\'Name\']}=={d.version}" for d in distributions()}, key=str.lower): print(line)',
];

/**
 * The packages of the image: a line each. They are looked up once per image, in a container of its own without network.
 *
 * @param data the data directory, below which the answer is kept
 * @throws {ContainerError} when the image has no Python 3
 */
export async function installedPackages(docker: Docker, data: string, image: string): Promise<string> {
  const { Id: id } = await docker.getImage(image).inspect();
  const folder = join(data, 'packages');
  const path = join(folder, `${createHash('sha256').update(id).digest('hex').slice(0, 24)}.txt`);
  const known = await readFile(path, 'utf8').catch(() => undefined);
  if (known !== undefined) return known;
  const found = await askImage(docker, data, id);
  await mkdir(folder, { recursive: true });
  const temporary = `${path}.${randomUUID()}`;
  await writeFile(temporary, found);
  await rename(temporary, path);
  return found;
}

async function askImage(docker: Docker, data: string, image: string): Promise<string> {
  const { uid, gid } = containerOwner();
  const container = await docker.createContainer({
    Image: image,
    Entrypoint: ['python3'],
    Cmd: program,
    User: `${uid}:${gid}`,
    Tty: true,
    Labels: { [labels.instance]: `${instanceName(data)}.packages` },
    HostConfig: { NetworkMode: 'none', CapDrop: ['ALL'], SecurityOpt: ['no-new-privileges'], PidsLimit: 64 },
  });
  try {
    await container.start();
    const { StatusCode: code } = await container.wait();
    const output = (await container.logs({ stdout: true, stderr: true })).toString().replaceAll('\r\n', '\n');
    if (code !== 0) throw new ContainerError(`the packages of the image ${image} can't be listed: ${output.trim()}`);
    return output;
  } finally {
    await container.remove({ force: true });
  }
}
