/** A study from the sample repository's first push to a hard target, with a server that is killed on the way. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { packageRoot } from '../src/package-root.js';
import { type Study, suggestionSeed, toHistory } from '../src/pipeline/study.js';
import { suggest } from '../src/tuning/suggest.js';
import { startPushtune, type TestServer, until } from './support/pushtune.js';
import { sampleFiles } from './support/sample.js';

const target = 0.97;
/** Trials in whose trainings the server is killed: in the start-up, and while the process suggests. */
const killedIn = [1, 4];
const seconds = 400;

describe('the sample CNN with a target of 0.97', () => {
  let server: TestServer;
  let study: Study;
  before(async () => {
    server = await startPushtune({ study: { target } }, 'own');
    const sha = await server.push(sampleFiles());
    for (const trial of killedIn) {
      const isTraining = await until(
        `trial ${trial} trains, or the study has ended`,
        async () => {
          const runs = await server.runs();
          const run = runs.find((candidate) => candidate.trial === trial);
          if (run !== undefined) return run.stages.train.state === 'running' ? 'yes' : undefined;
          const first = runs.find((candidate) => candidate.sha === sha);
          const ended = first !== undefined && (await server.study(first.study).catch(() => undefined))?.state;
          return ended === 'target_reached' ? 'no' : undefined;
        },
        seconds,
      );
      if (isTraining === 'yes') await server.killAndRestart();
    }
    const { study: id } = await until('the run', async () => (await server.runs()).find((run) => run.sha === sha));
    study = await until(
      'the study has ended',
      async () => {
        const found = await server.study(id);
        return found.state !== 'running' && found;
      },
      seconds,
    );
  });
  after(() => server.close());

  it('is reached', () => {
    assert.equal(study.state, 'target_reached');
    assert.ok((study.trials.at(-1)?.metric?.value ?? 0) >= target);
    assert.ok(study.trials.length > 1, 'the first push does not reach it');
  });

  it('has one commit and one run for each trial, in order, killed or not', async () => {
    assert.deepEqual(
      study.trials.map(({ number }) => number),
      study.trials.map((_, i) => i),
    );
    const commits = server.git('log', '--format=%H', '--reverse').trim().split('\n');
    assert.deepEqual(
      commits,
      study.trials.map(({ sha }) => sha),
    );
    assert.equal((await server.runs()).length, study.trials.length);
  });

  it('tries at every trial what the history before it alone suggests, as if nothing had been killed', () => {
    const base = server.git('rev-parse', `${study.baseSha}^{tree}`).trim();
    const { space } = study;
    assert.ok(space !== undefined);
    for (const [number, trial] of study.trials.entries()) {
      if (number === 0) continue;
      const history = study.trials.slice(0, number).map(toHistory);
      const options = { mode: study.mode, earlier: study.earlier ?? [] };
      assert.deepEqual(trial.values, suggest(space, history, suggestionSeed(base, number), options)?.values);
    }
  });

  it('is what a clone tells as well', () => {
    const clone = join(server.config.data, '..', 'exported');
    execFileSync('git', ['clone', '--quiet', server.remote, clone]);
    execFileSync('git', ['-C', clone, 'fetch', '--quiet', 'origin', 'refs/notes/pushtune:refs/notes/pushtune']);
    const exported = execFileSync(
      process.execPath,
      ['--import', 'tsx', join(packageRoot(), 'src', 'cli.ts'), 'study', 'export', '--from-git', clone, '--json'],
      { encoding: 'utf8', cwd: packageRoot() },
    );
    const { trials } = JSON.parse(exported) as { readonly trials: readonly { readonly sha: string }[] };
    assert.deepEqual(
      trials.map(({ sha }) => sha),
      study.trials.map(({ sha }) => sha),
    );
  });
});
