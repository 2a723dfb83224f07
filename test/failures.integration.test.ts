/** Runs that fail, seen as people see them: in the API, in the e-mail and in the next run. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { listContainers } from '../src/container/containers.js';
import type { StageName } from '../src/pipeline/run.js';
import { startPushtune, type TestServer, until, untilEnded } from './support/pushtune.js';

let server: TestServer;
before(async () => {
  server = await startPushtune({ training: { output: '1m' } });
});
after(() => server.close());

interface Failure {
  readonly files: Readonly<Record<string, string>>;
  readonly stage: StageName;
  readonly reason: RegExp;
  readonly subject: RegExp;
}

const fine = 'print("val_accuracy: 0.9")\n';

const failures: Readonly<Record<string, Failure>> = {
  'out of memory': {
    files: {
      'train.py': 'blocks = []\nfor _ in range(128):\n  blocks.append(b"x" * (8 << 20))\n',
      '.pushtune.yml': 'environment: {memory: 128m}\n',
    },
    stage: 'train',
    reason: /^out of memory: train\.py needed more than the 128 MiB of environment\.memory/,
    subject: /train failed/,
  },
  'too much output': {
    files: { 'train.py': 'for _ in range(100000):\n  print("x" * 1000)\n', '.pushtune.yml': '' },
    stage: 'train',
    reason: /^train\.py printed more than 1 MiB \(training\.output in the server's configuration\)/,
    subject: /train failed/,
  },
  'no GPU': {
    files: { 'train.py': fine, '.pushtune.yml': 'environment: {gpus: 2}\n' },
    stage: 'build',
    reason: /^environment\.gpus asks for 2 GPUs, which this host's Docker engine can't give/,
    subject: /build failed/,
  },
  'no such image': {
    files: { 'train.py': fine, '.pushtune.yml': 'environment: {image: "registry.invalid/nothing:1"}\n' },
    stage: 'build',
    reason: /^there is no image registry\.invalid\/nothing:1 on this host/,
    subject: /build/,
  },
};

describe('a run that fails', () => {
  for (const [name, { files, stage, reason, subject }] of Object.entries(failures)) {
    it(`names its cause: ${name}`, async () => {
      const told = (await server.mails().catch(() => [])).length;
      const run = await untilEnded(server, await server.push(files));
      assert.equal(run.state, 'failed');
      assert.equal(run.stages[stage].state, 'failed');
      assert.match(run.reason ?? '', reason);
      const mail = await until('the mail is there', async () => (await server.mails().catch(() => []))[told]);
      assert.match(mail.subject ?? '', subject);
      assert.match(mail.text?.replace(/^> ?/gm, '') ?? '', new RegExp(reason.source.slice(1), 'm'));

      const next = await untilEnded(server, await server.push({ 'train.py': fine, '.pushtune.yml': '' }));
      assert.equal(next.metric?.value, 0.9);
      for (const container of await listContainers(server.docker, server.config.data)) {
        assert.ok(container.running, `${container.name} was left behind`);
      }
    });
  }
});
