import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import Docker from 'dockerode';
import { ensureDerivedImage, ensureEnvironmentImage, ImageError } from '../../src/container/images.js';

const docker = new Docker();
let data: string;
let base: string;
const made: string[] = [];

function options() {
  return { dataDirectory: data, onProgress: () => {} };
}

before(async () => {
  data = await mkdtemp(join(tmpdir(), 'pushtune-images-'));
  base = (await ensureEnvironmentImage(docker, { environment: 'tensorflow', ...options() })).tag;
});

after(async () => {
  for (const tag of made) await docker.getImage(tag).remove({ force: true });
  await rm(data, { recursive: true, force: true });
});

test('an environment that has not changed is not built again', async () => {
  const again = await ensureEnvironmentImage(docker, { environment: 'tensorflow', ...options() });
  assert.deepEqual(again, { tag: base, built: false });
});

test('a package beyond the environment is installed on top of it, once', async () => {
  const wheels = await makeWheel('pushtune_probe', 'ANSWER = 42\n');
  await withPip({ PIP_NO_INDEX: '1', PIP_FIND_LINKS: wheels }, async () => {
    const wanted = { environment: 'tensorflow' as const, base, requirements: ['pushtune-probe==1.0'], ...options() };
    const [image, meanwhile] = await Promise.all([
      ensureDerivedImage(docker, wanted),
      ensureDerivedImage(docker, wanted),
    ]);
    made.push(image.tag);
    assert.equal(meanwhile.tag, image.tag);
    assert.equal((await ensureDerivedImage(docker, wanted)).built, false);
    const code = 'import pushtune_probe, numpy; print(pushtune_probe.ANSWER)';
    const printed = execFileSync('docker', ['run', '--rm', '--network', 'none', image.tag, 'python', '-c', code]);
    assert.equal(printed.toString(), '42\n');
  });
});

test('a package that no index has is named, and nothing is left behind', async () => {
  await withPip({ PIP_NO_INDEX: '1', PIP_FIND_LINKS: data }, async () => {
    const wanted = {
      environment: 'tensorflow' as const,
      base,
      requirements: ['pushtune-no-such-package'],
      ...options(),
    };
    await assert.rejects(
      ensureDerivedImage(docker, wanted),
      (error) =>
        error instanceof ImageError && /pushtune-no-such-package has no wheel for Python 3\.11/.test(error.message),
    );
  });
  assert.deepEqual(await readdir(join(data, 'scratch')), []);
});

async function withPip(settings: Readonly<Record<string, string>>, use: () => Promise<void>): Promise<void> {
  const previous = Object.keys(settings).map((name) => [name, process.env[name]] as const);
  Object.assign(process.env, settings);
  try {
    await use();
  } finally {
    for (const [name, value] of previous) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  }
}

/** A wheel is a zip archive of the module and three files about it. */
async function makeWheel(module: string, source: string): Promise<string> {
  const folder = join(data, 'wheelhouse');
  await mkdir(folder, { recursive: true });
  const information = `${module}-1.0.dist-info`;
  const script = join(data, 'make-wheel.py');
  await writeFile(
    script,
    `
import sys, zipfile
with zipfile.ZipFile(sys.argv[1], "w") as wheel:
    wheel.writestr("${module}.py", ${JSON.stringify(source)})
    wheel.writestr("${information}/METADATA", "Metadata-Version: 2.1\\nName: ${module}\\nVersion: 1.0\\n")
    wheel.writestr("${information}/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
    wheel.writestr("${information}/RECORD", "")
`,
  );
  execFileSync('python3', [script, join(folder, `${module}-1.0-py3-none-any.whl`)]);
  return folder;
}

test('a script without a framework gets a small image of its own', async () => {
  const image = await ensureEnvironmentImage(docker, { environment: 'sklearn', ...options() });
  const code = `import importlib.util, sklearn.datasets, pandas, matplotlib.pyplot, yaml
print(importlib.util.find_spec("tensorflow"), len(sklearn.datasets.load_digits().target))`;
  const printed = execFileSync('docker', ['run', '--rm', '--network', 'none', image.tag, 'python', '-c', code]);
  assert.equal(printed.toString(), 'None 1797\n');
  // The lock file names every package that another one of it needs.
  execFileSync('docker', ['run', '--rm', '--network', 'none', image.tag, 'pip', 'check']);
  const sizes = await Promise.all([image.tag, base].map(async (tag) => (await docker.getImage(tag).inspect()).Size));
  assert.ok((sizes[0] ?? 0) < (sizes[1] ?? 0) / 2);
});
