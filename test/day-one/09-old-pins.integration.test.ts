/** With an index of packages of the test's own, which pip is pointed at as on any host: through its environment. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Run } from '../../src/pipeline/run.js';
import { startPushtune, type TestServer, until, untilEnded } from '../support/pushtune.js';

const script = 'import numpy\nimport small_wheel\nprint("version", small_wheel.VERSION)\nprint("accuracy: 0.9")\n';

interface Index {
  readonly url: string;
  /** What the hostile package writes as soon as its code runs. */
  readonly marker: string;
  close(): Promise<void>;
}

/** Two wheels of `small-wheel`, and a source package whose `setup.py` writes a file on the host that builds it. */
async function openIndex(): Promise<Index> {
  const folder = mkdtempSync(join(tmpdir(), 'pushtune-index-'));
  const marker = join(folder, 'ran');
  const files: Record<string, readonly string[]> = { 'small-wheel': [], 'evil-package': ['evil_package-1.0.tar.gz'] };
  files['small-wheel'] = ['2.0', '3.0'].map((version) => {
    const info = `small_wheel-${version}.dist-info`;
    const root = join(folder, version);
    mkdirSync(join(root, info), { recursive: true });
    writeFileSync(join(root, 'small_wheel.py'), `VERSION = "${version}"\n`);
    writeFileSync(join(root, info, 'METADATA'), `Metadata-Version: 2.1\nName: small-wheel\nVersion: ${version}\n`);
    writeFileSync(join(root, info, 'WHEEL'), 'Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n');
    writeFileSync(join(root, info, 'RECORD'), '');
    const name = `small_wheel-${version}-py3-none-any.whl`;
    execFileSync('python3', ['-m', 'zipfile', '-c', join(folder, name), 'small_wheel.py', info], { cwd: root });
    return name;
  });
  const source = join(folder, 'evil_package-1.0');
  mkdirSync(source);
  writeFileSync(
    join(source, 'setup.py'),
    `open(${JSON.stringify(marker)}, "w").close()\nfrom setuptools import setup\nsetup(name="evil-package", version="1.0")\n`,
  );
  writeFileSync(join(source, 'PKG-INFO'), 'Metadata-Version: 2.1\nName: evil-package\nVersion: 1.0\n');
  execFileSync('tar', ['-czf', 'evil_package-1.0.tar.gz', 'evil_package-1.0'], { cwd: folder });

  const server = createServer((request, response) => {
    const [, kind = '', name = ''] = (request.url ?? '').split('/');
    const listed = files[name];
    if (kind === 'simple' && listed !== undefined) {
      response.setHeader('content-type', 'text/html');
      response.end(listed.map((file) => `<a href="/files/${file}">${file}</a>`).join('\n'));
    } else if (kind === 'files' && /^[\w.-]+$/.test(name)) response.end(readFileSync(join(folder, name)));
    else response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  return {
    url: `http://127.0.0.1:${port}/simple/`,
    marker,
    async close() {
      await new Promise((resolve) => server.close(resolve));
      rmSync(folder, { recursive: true });
    },
  };
}

describe('Old pins', () => {
  const indexBefore = process.env.PIP_INDEX_URL;
  let index: Index;
  let server: TestServer;
  before(async () => {
    index = await openIndex();
    server = await startPushtune({ poll: { every: 0 } });
    process.env.PIP_INDEX_URL = index.url;
  });
  after(async () => {
    if (indexBefore === undefined) delete process.env.PIP_INDEX_URL;
    else process.env.PIP_INDEX_URL = indexBefore;
    await server.close();
    await index.close();
  });

  async function push(requirements: string, more: Readonly<Record<string, string>> = {}): Promise<Run> {
    return untilEnded(
      server,
      await server.push({ 'train.py': script, '.pushtune.yml': '', 'requirements.txt': requirements, ...more }),
    );
  }

  function warningsOf(run: Run): string {
    return run.events.flatMap(({ text, isWarning }) => (isWarning === true ? [text] : [])).join('\n');
  }

  it('give way to what the environment has and the index offers, and log and e-mail say so', async () => {
    const run = await push('numpy==1.18.5\nscikit-learn==0.22\nsmall-wheel==1.0\npkg-resources==0.0.0  # of Ubuntu\n');
    assert.equal(run.state, 'succeeded', run.reason);
    assert.match(await server.log(run.id), /^version 3\.0$/m);
    const warnings = warningsOf(run);
    assert.match(warnings, /give way to it: numpy==1\.18\.5 → [\d.]+, scikit-learn==0\.22 → [\d.]+; .*strict: true/);
    assert.match(warnings, /small-wheel==1\.0 gives way to the newest/);
    assert.match(
      warnings,
      /pkg-resources is left out, since there is no wheel of it and the script does not import it/,
    );
    const mail = await until('the mail', async () => (await server.mails()).at(0));
    assert.match(mail.text ?? '', /numpy==1\.18\.5 → /);
  });

  it('are kept where strict: true says so, and pip’s reason ends the run when they can’t be met', async () => {
    const strict = { '.pushtune.yml': 'environment: {strict: true}\n' };
    const kept = await push('small-wheel==2.0\n', strict);
    assert.match(await server.log(kept.id), /^version 2\.0$/m);
    const failed = await push('small-wheel==1.0\n', strict);
    assert.equal(failed.state, 'failed');
    assert.match(failed.reason ?? '', /small-wheel==1\.0 has no wheel for Python 3\.11/);
  });

  it('only wheels are taken: the code of a source package never runs on this host', async () => {
    const left = await push('small-wheel\nevil-package==1.0\n');
    assert.equal(left.state, 'succeeded', left.reason);
    assert.match(warningsOf(left), /evil-package is left out/);
    const wanted = await push('small-wheel\nevil-package\n', { 'train.py': `import evil_package\n${script}` });
    assert.equal(wanted.state, 'failed');
    assert.match(wanted.reason ?? '', /evil-package has no wheel/);
    assert.ok(!existsSync(index.marker));
  });

  it('paths, URLs, version control and other indexes are refused by line, and nothing is downloaded', async () => {
    const lines = [
      '-e .',
      '--editable=git+https://example.org/a.git',
      '--index-url https://example.org/simple',
      '--extra-index-url=https://me:secret@example.org/simple',
      '-f wheels',
      '-r more.txt',
      './local',
      'https://example.org/evil.tar.gz',
      'tensorflow @ git+https://example.org/tf.git',
    ];
    const run = await push(`small-wheel\n${lines.join('\n')}\n`);
    assert.equal(run.state, 'failed');
    for (const [i, line] of lines.entries()) {
      assert.ok(
        run.reason?.includes(`requirements.txt:${i + 2}: ${line.replace('me:secret@', '***@')}`),
        `${line} in ${run.reason}`,
      );
    }
    assert.doesNotMatch(run.reason ?? '', /secret/);
  });
});
