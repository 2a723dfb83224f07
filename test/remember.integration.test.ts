/** What git remembers of a study: its notes, the history that a clone gives, and what the next study learns from them. */
import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { chmodSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { packageRoot } from '../src/package-root.js';
import type { Study } from '../src/pipeline/study.js';
import { startPushtune, type TestServer, until, untilEnded } from './support/pushtune.js';

/** A script whose accuracy follows from its filters, which the analysis finds in the network. */
function pretendedTraining(mark: string): string {
  return `# ${mark}
import json
import os
import re


def build():
    import keras

    model = keras.Sequential(
        [
            keras.layers.Conv2D(8, 3, activation="relu"),
            keras.layers.Flatten(),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(optimizer=keras.optimizers.Adam(learning_rate=0.001), loss="mse")
    return model


if os.environ.get("REALLY"):
    build().fit(None, None)
source = open(__file__).read()
filters = int(re.search(r"Conv2D.(\\d+)", source).group(1))
with open("metrics.json", "w") as file:
    json.dump({"val_accuracy": 0.3 + filters / 1000, "f1": 0.25}, file)
`;
}

describe('the memory of git', () => {
  let server: TestServer;
  let clone: string;
  before(async () => {
    server = await startPushtune();
    clone = join(dirname(server.remote), 'another-clone');
  });
  after(() => server.close());

  async function ended(sha: string): Promise<Study> {
    const first = await untilEnded(server, sha);
    return until('the study ends', async () => {
      const found = await server.study(first.study);
      return found.state !== 'running' && found;
    });
  }

  function git(...parameters: string[]): string {
    return execFileSync('git', parameters, { cwd: clone, encoding: 'utf8' });
  }

  async function pushtune(...parameters: string[]): Promise<string> {
    const cli = join(packageRoot(), 'src', 'cli.ts');
    return (await promisify(execFile)(process.execPath, ['--import', 'tsx', cli, ...parameters])).stdout;
  }

  function cloneAnew(): void {
    rmSync(clone, { recursive: true, force: true });
    execFileSync('git', ['clone', '--quiet', server.remote, clone]);
  }

  function fetchNotes(): void {
    git('fetch', '--quiet', 'origin', '+refs/notes/pushtune:refs/notes/pushtune');
  }

  async function untilNoted(study: Study): Promise<void> {
    await until('the notes say how the study stands', async () => {
      fetchNotes();
      const [first] = study.trials;
      const note = await promisify(execFile)('git', ['notes', '--ref=pushtune', 'show', first?.sha ?? ''], {
        cwd: clone,
      }).catch(() => undefined);
      return note !== undefined && JSON.parse(note.stdout).details.state === study.state;
    });
  }

  it('gives a clone the same history that the server has', async () => {
    const sha = await server.push({
      'train.py': pretendedTraining('one'),
      '.pushtune.yml': 'budget: {trials: 3}\n',
    });
    const study = await ended(sha);
    assert.equal(study.trials.length, 3);

    cloneAnew();
    const missing = pushtune('study', 'export', '--from-git', clone);
    await assert.rejects(missing, /git -C .*another-clone fetch origin refs\/notes\/pushtune:refs\/notes\/pushtune/);
    await until('there are notes', async () => git('ls-remote', 'origin', 'refs/notes/pushtune') !== '');
    await untilNoted(study);

    const fromServer = await pushtune('study', 'export', study.id, '--server', server.url, '--json');
    const fromGit = await pushtune('study', 'export', '--from-git', clone, '--json');
    assert.equal(fromGit, fromServer);
    const history = JSON.parse(fromGit);
    assert.equal(history.state, 'budget_ended');
    assert.equal(history.restoredSha, study.restoredSha);
    assert.deepEqual(
      history.trials.map(({ sha, values, metrics }: Study['trials'][number]) => ({ sha, values, metrics })),
      study.trials.map(({ sha, values, metric }) => ({
        sha,
        values,
        metrics: { val_accuracy: metric?.value, f1: 0.25 },
      })),
    );
    assert.match(history.trials[1].sampler, /^[a-z]+$/);
    assert.match(history.trials[0].image, /^pushtune\/tensorflow:/);
    const table = await pushtune('study', 'export', '--from-git', clone, '--study', study.id);
    assert.match(table, /^team\/model main, study .*: budget ended: all 3 trials are used\n/);
    assert.match(git('log', '--notes=pushtune', sha), /Notes \(pushtune\):\n {4}\{\n {6}"version": 1,\n/);
  });

  it('lets the next study learn from the one before, although Redis has forgotten it', async () => {
    const [latest] = await server.runs();
    const earlier = await server.study(latest?.study ?? '');
    await server.forget();
    assert.deepEqual(await server.runs(), []);

    const study = await ended(await server.push({ 'train.py': pretendedTraining('two') }));
    assert.deepEqual(
      study.earlier?.map(({ number, values, metric, weight }) => ({ number, values, metric, weight })),
      earlier.trials.map(({ values, metric }, i) => ({ number: i - 3, values, metric: metric?.value, weight: 0.3 })),
    );
    // Now Redis knows the second study, and git the first one.
    const third = await ended(await server.push({ 'train.py': pretendedTraining('three') }));
    assert.deepEqual(
      third.earlier?.map(({ values }) => values),
      [...earlier.trials, ...study.trials].map(({ values }) => values),
    );
  });

  it('is written later when the host refuses it for a while, and the study does not care', async () => {
    const hook = join(server.remote, 'hooks/update');
    writeFileSync(hook, '#!/bin/sh\ncase "$1" in refs/notes/*) echo "no notes today"; exit 1;; esac\n');
    chmodSync(hook, 0o755);
    const study = await ended(await server.push({ 'train.py': pretendedTraining('four') }));
    assert.equal(study.state, 'budget_ended');
    const last = study.trials.at(-1)?.run;
    await until('the last run tells of it', async () =>
      (await server.runs()).find(({ id }) => id === last)?.events.some(({ text }) => text.includes('no notes today')),
    );
    rmSync(hook);
    // The next push ends nothing any more, but has the notes of the study before it written.
    await untilEnded(server, await server.push({ 'train.py': 'print("val_accuracy: 0.9")\n' }));
    await untilNoted(study);
    const fromServer = await pushtune('study', 'export', study.id, '--server', server.url, '--json');
    assert.equal(await pushtune('study', 'export', study.id, '--from-git', clone, '--json'), fromServer);
    assert.deepEqual(
      readdirSync(join(server.config.data, 'scratch')).filter((name) => name.startsWith('notes-')),
      [],
      'nothing is left behind',
    );
  });
});
