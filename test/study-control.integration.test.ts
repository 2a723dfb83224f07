/** A study under people's hands: paused, resumed, extended, and asked to confirm what it found. Real git, Redis, Docker. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Run } from '../src/pipeline/run.js';
import type { Study } from '../src/pipeline/study.js';
import { controlStudy, type StudyRequest } from '../src/study-client.js';
import { freePort, startPushtune, type TestServer, until, untilEnded } from './support/pushtune.js';

const token = 'a token of the tests';

/** Pretends to train: `accuracy` may use the number of filters and `again`, which a given seed makes 1. */
function pretendedTraining(accuracy: string, begin = ''): string {
  return `import json
import os
import pathlib
import re
import time


def build():
    import keras

    return keras.Sequential([keras.layers.Conv2D(8, 3, activation="relu"), keras.layers.Flatten(), keras.layers.Dense(10)])


if os.environ.get("REALLY"):
    build().fit(None, None)
filters = int(re.search(r"Conv2D.(\\d+)", open(__file__).read()).group(1))
again = 1 if os.environ.get("PUSHTUNE_SEED") else 0
print("training begins", flush=True)
${begin}
with open("metrics.json", "w") as file:
    json.dump({"val_accuracy": ${accuracy}}, file)
`;
}

/** Trial 0 trains for as long as the test wants. */
const waiting = 'while filters == 8 and not pathlib.Path("go").exists():\n    time.sleep(0.05)\n';
const better = 'min(0.95, 0.3 + filters / 64)';

describe('a study under people’s hands', () => {
  let server: TestServer;
  before(async () => {
    server = await startPushtune({ server: { port: await freePort(), token } }, 'own');
  });
  after(() => server.close());

  const ask = (request: StudyRequest): Promise<string> => controlStudy({ url: server.url, token }, request);

  async function untilStudyEnds(id: string): Promise<Study> {
    return until('the study ends', async () => {
      const study = await server.study(id);
      return study.finishedAt !== undefined && study;
    });
  }

  async function runsOf(study: string): Promise<Run[]> {
    return (await server.runs()).filter((run) => run.study === study);
  }

  function noteOn(sha: string): string {
    if (server.git('ls-remote', 'origin', 'refs/notes/pushtune') === '') return '';
    server.git('fetch', '--quiet', 'origin', '+refs/notes/pushtune:refs/notes/pushtune');
    return server.git('notes', '--ref=pushtune', 'show', sha);
  }

  async function untilAllRunsEnd(study: string): Promise<Run[]> {
    return until('its runs end', async () => {
      const runs = await runsOf(study);
      return runs.every((run) => run.finishedAt !== undefined) && runs;
    });
  }

  it('starts no trial while it is paused, also after its server was killed, and goes on where it stood', async () => {
    const sha = await server.push({ 'train.py': pretendedTraining(better, waiting) });
    const run = await until('the training has begun', async () => {
      const found = (await server.runs()).find((candidate) => candidate.sha === sha);
      return found !== undefined && (await server.log(found.id)).includes('training begins') && found;
    });
    await ask({ action: 'pause', id: run.study });
    writeFileSync(join(server.config.data, 'repositories/team/model/runs', run.id, 'workspace/go'), '');
    await until('the trial is recorded', async () => {
      const held = (await runsOf(run.study))[0];
      return held?.stages.tune.state === 'waiting' && (await server.study(run.study)).trials.length === 1;
    });
    await server.killAndRestart();
    const paused = await server.study(run.study);
    assert.deepEqual([paused.state, paused.trials[0]?.metric?.value], ['paused', 0.425]);
    assert.equal((await runsOf(run.study)).length, 1);
    assert.equal(server.git('rev-parse', 'HEAD').trim(), sha, 'nothing was pushed');
    await until('git is told of the trial that the study is paused behind', async () =>
      noteOn(sha).includes('"state":"paused"'),
    );

    await Promise.all([1, 2].map(() => ask({ action: 'resume', id: run.study })));
    await ask({ action: 'resume', id: run.study });
    const study = await untilStudyEnds(run.study);
    assert.equal(study.state, 'target_reached');
    assert.equal((await untilAllRunsEnd(run.study)).length, study.trials.length, 'one trial is one run');
  });

  it('is superseded by a push while it is paused', async () => {
    const sha = await server.push({ 'train.py': pretendedTraining(better, waiting.replace('filters == 8 and ', '')) });
    const run = await until('the training has begun', async () => {
      const found = (await server.runs()).find((candidate) => candidate.sha === sha);
      return found !== undefined && (await server.log(found.id)).includes('training begins') && found;
    });
    await ask({ action: 'pause', id: run.study });
    await untilEnded(server, await server.push({ 'train.py': pretendedTraining('0.9') }));
    assert.equal((await server.study(run.study)).state, 'superseded');
    await assert.rejects(ask({ action: 'resume', id: run.study }), /was superseded/);
  });

  it('goes on behind the commit that restored the best values when it is extended', async () => {
    const worse = pretendedTraining('0.7 - abs(filters - 8) / 1000');
    const sha = await server.push({ 'train.py': worse, '.pushtune.yml': 'budget: {trials: 2}\n' });
    const ended = await untilStudyEnds((await untilEnded(server, sha)).study);
    await untilAllRunsEnd(ended.id);
    const restored = server.git('rev-parse', 'HEAD').trim();
    assert.equal(ended.restoredSha, restored);

    const line = await ask({ action: 'extend', id: ended.id, more: { trials: 2 } });
    assert.match(line, /is running: 2 of 4 trials/);
    const again = await untilStudyEnds(ended.id);
    assert.equal(again.trials.length, 4);
    assert.equal(server.git('rev-parse', `${again.trials[2]?.sha}^`).trim(), restored);
    assert.equal(server.git('show', 'HEAD:train.py'), worse, 'the best values are back once more');
    assert.equal((await untilAllRunsEnd(ended.id)).length, 4);
    await until('both mails are there', async () => {
      const subjects = (await server.mails()).map(({ subject }) => subject ?? '');
      return subjects.filter((subject) => subject.includes('ended below')).length === 2;
    });
    await server.push({ 'train.py': pretendedTraining('0.9') });
    await until('the push has its own study', async () => (await server.runs())[0]?.study !== ended.id);
    await assert.rejects(ask({ action: 'extend', id: ended.id, more: { trials: 9 } }), /holds main|stands at/);
  });

  it('ends when a second training with another seed confirms the first, also after its server was killed', async () => {
    const script = pretendedTraining('0.85 - again * 0.08', waiting.replace('filters == 8', 'again'));
    const sha = await server.push({ 'train.py': script, '.pushtune.yml': 'confirm: true\n' });
    const second = await until('the second training has begun', async () => {
      const found = (await server.runs()).find((run) => run.sha === sha && run.cause === 'confirmation');
      return found !== undefined && (await server.log(found.id)).includes('training begins') && found;
    });
    await server.killAndRestart();
    writeFileSync(join(server.config.data, 'repositories/team/model/runs', second.id, 'workspace/go'), '');
    const study = await untilStudyEnds(second.study);
    assert.deepEqual([study.state, study.reason], ['target_reached', 'confirmed: 0.85 and 0.77']);
    assert.equal(study.trials[0]?.metric?.value, 0.81);
    const runs = await untilAllRunsEnd(study.id);
    assert.deepEqual(
      runs.map((run) => [run.cause, run.trial, run.sha]),
      [
        ['confirmation', 0, sha],
        ['push', 0, sha],
      ],
    );
    assert.equal(server.git('rev-parse', 'HEAD').trim(), sha);
    const mail = await until('the mail is there', async () =>
      (await server.mails()).find(({ subject }) => subject?.includes('and confirmed') === true),
    );
    assert.match(mail.text ?? '', /confirmed: 85\.0 % and 77\.0 %/);
  });

  it('goes on with the mean of both trainings when the second does not confirm the first', async () => {
    const script = pretendedTraining('max(0.85, min(0.95, 0.3 + filters / 64)) - again * (0.2 if filters < 20 else 0)');
    const sha = await server.push({ 'train.py': script, '.pushtune.yml': 'confirm: true\nbudget: {trials: 20}\n' });
    const study = await untilStudyEnds((await untilEnded(server, sha)).study);
    const runs = await untilAllRunsEnd(study.id);
    assert.equal(study.trials[0]?.metric?.value, 0.75);
    assert.match(study.reason ?? '', /^confirmed: /);
    assert.equal(runs.length, 2 * study.trials.length, 'each trial was trained twice');
    assert.match(
      server.git('log', '-1', '--format=%B', study.trials[1]?.sha ?? ''),
      /Trial 0 reached 0\.85, and 0\.65 with another seed: 0\.75 in the mean; the target is 0\.8\.\n[\s\S]*Parent-Metric: 0\.75\n/,
    );
  });
});
