/** What becomes of a run whose container is lost in one way or the other, with a whole server. */
import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Run } from '../src/pipeline/run.js';
import { startPushtune, type TestServer, until, untilEnded } from './support/pushtune.js';

/** Trains for as long as the test wants. */
const patient = `import pathlib, time
print("begun", flush=True)
while not pathlib.Path("go").exists():
    time.sleep(0.05)
print("val_accuracy: 0.9", flush=True)
`;

/** Leaves its container so that no agent can live in it. */
const hostile = `import os, signal
os.rename("/agent/requests", "/agent/moved")
open("/agent/requests", "w").close()
os.kill(1, signal.SIGTERM)
parent = os.getppid()
while parent > 1:
    fields = open(f"/proc/{parent}/stat").read().rsplit(") ", 1)[1].split()
    os.kill(parent, signal.SIGKILL)
    parent = int(fields[1])
`;

describe('a run whose container is lost', () => {
  let server: TestServer;
  before(async () => {
    server = await startPushtune();
  });
  after(() => server.close());

  async function untilBegun(sha: string): Promise<Run> {
    return until('the training has begun', async () => {
      const found = (await server.runs()).find((run) => run.sha === sha);
      return found !== undefined && (await server.log(found.id)).includes('begun') && found;
    });
  }

  function workspaceOf(run: Run): string {
    return join(server.config.data, 'repositories/team/model/runs', run.id, 'workspace');
  }

  it('has it made anew when somebody removes it, and trains to its end', async () => {
    const sha = await server.push({ 'train.py': patient });
    const run = await untilBegun(sha);
    const container = run.build?.container ?? '';
    await server.docker.getContainer(container).remove({ force: true });
    writeFileSync(join(workspaceOf(run), 'go'), '');
    const ended = await untilEnded(server, sha);
    assert.equal(ended.state, 'succeeded');
    assert.equal(ended.metric?.value, 0.9);
    assert.equal((await server.docker.getContainer(container).inspect()).State.Running, true);
  });

  it('fails when it crashes in a loop, with one mail that names the cause, and the next run has a new one', async () => {
    const before = (await server.mails()).length;
    const sha = await server.push({ 'train.py': hostile });
    const ended = await untilEnded(server, sha);
    assert.equal(ended.state, 'failed');
    assert.match(ended.reason ?? '', /crashed 5 times and is not restarted any more: exit code 1/);
    const mails = await until('the mail is there', async () => {
      const all = await server.mails();
      return all.length > before && all.slice(before);
    });

    const next = await server.push({ 'train.py': patient });
    const run = await untilBegun(next);
    writeFileSync(join(workspaceOf(run), 'go'), '');
    assert.equal((await untilEnded(server, next)).state, 'succeeded');
    assert.deepEqual(
      mails.map(({ subject }) => subject),
      ['[pushtune] team/model main: train failed'],
    );
    const crashes = (await server.mails()).filter(({ subject }) => subject?.includes('container'));
    assert.deepEqual(crashes, []);
    assert.equal(existsSync(join(workspaceOf(run), 'go')), true);
  });
});
