/** What becomes of a training when the whole server is killed. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { startPushtune, type TestServer, until, untilEnded } from './support/pushtune.js';

/** Trains for as long as the test wants. */
const script = `import pathlib, time
print("begun", flush=True)
while not pathlib.Path("go").exists():
    time.sleep(0.05)
print("val_accuracy: 0.9", flush=True)
`;

describe('a server that is killed in the middle of a training', () => {
  let server: TestServer;
  before(async () => {
    server = await startPushtune({}, 'own');
  });
  after(() => server.close());

  it('follows the same training to its end once it is started again, and loses and doubles nothing', async () => {
    const sha = await server.push({ 'train.py': script });
    const run = await until('the training has begun', async () => {
      const found = (await server.runs()).find((candidate) => candidate.sha === sha);
      return found !== undefined && (await server.log(found.id)).includes('begun') && found;
    });
    await server.killAndRestart();
    writeFileSync(join(server.config.data, 'repositories/team/model/runs', run.id, 'workspace/go'), '');

    const ended = await untilEnded(server, sha);
    assert.equal(ended.state, 'succeeded');
    assert.equal(ended.training?.starts, 1, 'the training was started once');
    assert.equal(await server.log(run.id), 'begun\nval_accuracy: 0.9\n');
    assert.equal((await server.runs()).length, 1);
    const mail = await until('the mail is there', async () => (await server.mails().catch(() => [])).at(0));
    assert.match(mail.subject ?? '', /90\.0 % reached/);
  });
});
