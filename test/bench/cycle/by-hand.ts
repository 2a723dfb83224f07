/** What a person does without Pushtune: `docker run` of the environment's image, with a new interpreter. */
import { execFile } from 'node:child_process';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** Path → text. */
type Files = Readonly<Record<string, string>>;

/** A person's home folder, in which the sample's images are kept from one training to the next. */
export interface Home {
  readonly folder: string;
  remove(): Promise<void>;
}

export async function makeHome(image: string, files: Files): Promise<Home> {
  const folder = await temporaryFolder();
  // As `train.py` has it made by the first training.
  const make = 'import make_digits, os; make_digits.make_digits(os.path.expanduser("~/.keras/datasets/digits"))';
  await inRepository(files, (repository) => dockerRun(image, repository, folder, ['python3', '-c', make]));
  return { folder, remove: () => rm(folder, { recursive: true, force: true }) };
}

/** Seconds from the call to its end. */
export async function trainByHand(image: string, files: Files, home: Home): Promise<number> {
  return inRepository(files, async (repository) => {
    const before = performance.now();
    await dockerRun(image, repository, home.folder, ['python3', 'train.py']);
    return (performance.now() - before) / 1000;
  });
}

async function inRepository<Result>(files: Files, work: (repository: string) => Promise<Result>): Promise<Result> {
  const repository = await temporaryFolder();
  try {
    for (const [path, text] of Object.entries(files)) await writeFile(join(repository, path), text);
    return await work(repository);
  } finally {
    await rm(repository, { recursive: true, force: true });
  }
}

async function dockerRun(image: string, repository: string, home: string, command: readonly string[]): Promise<void> {
  const volumes = ['--volume', `${repository}:/workspace`, '--volume', `${home}:/home/person`];
  await promisify(execFile)('docker', ['run', '--rm', '--env', 'HOME=/home/person', ...volumes, image, ...command]);
}

/** One in which the image's user may write. */
async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'pushtune-by-hand-'));
  await chmod(folder, 0o777);
  return folder;
}
