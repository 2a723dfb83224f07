import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { repositoryFolders } from '../../src/container/folders.js';
import { cleanUpQueueName, openQueues } from '../../src/store/queues.js';
import { connect } from '../../src/store/redis.js';
import { freePort, repository, startPushtune, type TestServer, until, untilEnded } from '../support/pushtune.js';

/** Leaves a model, a plot, a report, much data, something too large, and traps for whoever collects them. */
const script = `import os, pickle, numpy
os.makedirs("out/plots")
with open("out/model v1.pkl", "wb") as file: pickle.dump({"weights": [1, 2]}, file)
with open("out/plots/roc.svg", "w") as file: file.write("<svg onload='alert(1)'/>")
with open("report.csv", "w") as file: file.write("a,b\\n")
with open("huge.npz.json", "wb") as file: file.write(bytes(3000))
os.mkdir("frames")
for i in range(40): open(f"frames/{i}.png", "w").close()
os.symlink("/etc/passwd", "passwd.txt")
os.symlink("/etc", "etc")
os.mkfifo("pipe.txt")
print("accuracy: 0.9")
`;

interface Listing {
  readonly artifacts: readonly { name: string; bytes: number; sha256: string; url: string }[];
  readonly leftOut: readonly { name: string; reason: string }[];
}

describe('Where is my model?', () => {
  let server: TestServer;
  let run: string;
  let study: string;
  before(async () => {
    const port = await freePort();
    server = await startPushtune({ artifacts: { file: 2000 }, server: { port, url: `http://127.0.0.1:${port}` } });
    const sha = await server.push({ 'train.py': script, 'committed.png': 'old', 'result.txt': 'old' });
    ({ id: run, study } = await untilEnded(server, sha));
  });
  after(() => server.close());

  async function list(id: string): Promise<Listing> {
    return (await (await fetch(`${server.url}/api/runs/${id}/artifacts`)).json()) as Listing;
  }

  it('lists the models, plots and reports that the training wrote, and says what it left out', async () => {
    const { artifacts, leftOut } = await list(run);
    assert.deepEqual(
      artifacts.map(({ name }) => name),
      ['out/model v1.pkl', 'out/plots/roc.svg', 'report.csv'],
    );
    assert.deepEqual(leftOut.map(({ name }) => name).sort(), ['frames/', 'huge.npz.json']);
    const shown = (await server.runs()).find(({ id }) => id === run);
    assert.ok(shown?.events.some(({ text }) => text.startsWith('huge.npz.json is not kept: 3000 bytes')));
  });

  it('gives each file as it is, as a download that no browser runs', async () => {
    for (const { url, sha256, bytes } of (await list(run)).artifacts) {
      const answer = await fetch(url);
      assert.equal(answer.status, 200, url);
      assert.match(answer.headers.get('content-disposition') ?? '', /^attachment;/);
      assert.equal(answer.headers.get('x-content-type-options'), 'nosniff');
      const content = Buffer.from(await answer.arrayBuffer());
      assert.equal(content.length, bytes);
      assert.equal(createHash('sha256').update(content).digest('hex'), sha256);
    }
    for (const name of ['passwd.txt', 'nothing', '..%2f..%2f..%2fpushtune.yml', 'index.json', '']) {
      assert.equal((await fetch(`${server.url}/api/runs/${run}/artifacts/${name}`)).status, 404, name);
    }
  });

  it('gives the model of the study’s best trial, which the e-mail links to', async () => {
    const model = await fetch(`${server.url}/api/studies/${study}/model`);
    assert.equal(model.status, 200);
    assert.match(model.headers.get('content-disposition') ?? '', /model%20v1\.pkl/);
    const mail = await until('the mail', async () => (await server.mails()).at(0));
    assert.ok(mail.text?.includes(`Model: ${server.url}/api/studies/${study}/model`), mail.text);
    assert.ok(mail.text?.includes(`${server.url}/api/runs/${run}/artifacts`));
  });

  it('keeps what artifacts: names, and says why there is no model', async () => {
    const plain =
      'import numpy\nopen("weights.bin", "w").write("w")\nopen("a.csv", "w").close()\nprint("accuracy: 0.9")\n';
    const sha = await server.push({ 'train.py': plain, '.pushtune.yml': 'artifacts: ["*.bin"]\n' });
    const ended = await untilEnded(server, sha);
    assert.deepEqual(
      (await list(ended.id)).artifacts.map(({ name }) => name),
      ['weights.bin'],
    );
    const model = await fetch(`${server.url}/api/studies/${ended.study}/model`);
    assert.equal(model.status, 404);
    assert.match(((await model.json()) as { error: string }).error, /no model is kept of trial 0.*artifacts:/);
    assert.equal((await fetch(`${server.url}/api/studies/nothing/model`)).status, 404);
  });
});

describe('Where is my model? After a while', () => {
  let server: TestServer;
  before(async () => {
    server = await startPushtune({ clean_up: { artifacts_age: '1s' } });
  });
  after(() => server.close());

  it('the clean-up takes what is beyond its age or size', async () => {
    const { id } = await untilEnded(server, await server.push({ 'train.py': script }));
    const { artifacts, studies } = repositoryFolders(server.config.data, repository);
    assert.deepEqual(readdirSync(artifacts), [id]);
    const redis = connect(join(server.config.data, 'redis/redis.sock'), { whileAway: 'wait' });
    const queues = openQueues(redis);
    await until('they are removed', async () => {
      await queues.get(cleanUpQueueName(server.config.worker.name)).add('clean-up', {});
      return readdirSync(artifacts).length === 0 && !(existsSync(studies) && readdirSync(studies).length > 0);
    });
    await queues.close();
    redis.disconnect();
    const answer = (await (await fetch(`${server.url}/api/runs/${id}/artifacts`)).json()) as Listing;
    assert.deepEqual(answer, { artifacts: [], leftOut: [] });
  });
});
