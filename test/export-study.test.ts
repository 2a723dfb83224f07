import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import { after, before, describe, it } from 'node:test';
import { renderHistory, studyFromServer } from '../src/export-study.js';
import { newStudy, recordTrial, type Study } from '../src/pipeline/study.js';
import { historiesFromNotes } from '../src/pipeline/study-history.js';
import { trialNotes, writeTrialNote } from '../src/pipeline/trial-note.js';
import { type Server as PushtuneServer, ServerError } from '../src/server-client.js';

const sha = 'a'.repeat(40);
const measured: Study = recordTrial(
  newStudy({
    id: '01S',
    repository: 'a/b',
    branch: 'main',
    baseSha: sha,
    createdAt: '2026-01-01T00:00:00.000Z',
    mode: 'max',
    target: 0.8,
    budget: { trials: 5, hours: 1, patience: 5 },
  }),
  {
    number: 0,
    run: 'r0',
    sha,
    values: { kernel_size: [3, 3] },
    state: 'completed',
    metric: { name: 'val_accuracy', value: 0.51239, source: 'log' },
    seconds: 2,
  },
);
const study: Study = [
  { state: 'failed' as const, error: `exit code 1\n${'a line of the log\n'.repeat(500)}` },
  {
    state: 'pruned' as const,
    curve: [0.1, 0.2],
    epochs: 8,
    earlyStop: { epoch: 2, epochs: 8, reason: 'it was slow' },
  },
  { state: 'completed' as const, confirmation: { run: 'r9', seed: 4, first: 0.9, second: 0.7 } },
].reduce(
  (known, change, i) => recordTrial(known, { number: i + 1, run: `r${i}`, sha, values: {}, ...change }),
  measured,
);

describe('the export from a server', () => {
  const answers = new Map<string, unknown>([
    ['/api/studies/01S', { ...study, url: 'http://x', best: null }],
    ['/api/runs?limit=1&repository=a%2Fb', { runs: [{ study: '01S' }] }],
    ['/api/runs?limit=1', { runs: [] }],
    ['/api/studies/odd', { trials: [{ values: 1 }] }],
    ['/api/studies/list', []],
  ]);
  let server: Server;
  let own: PushtuneServer;
  before(async () => {
    server = createServer((request, response) => {
      const answer = answers.get(request.url ?? '');
      response.statusCode = answer === undefined ? 404 : 200;
      response.end(JSON.stringify(answer ?? { error: 'there is no such study' }));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    own = { url: `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`, token: '' };
  });
  after(() => server.close());

  it('is to the byte what the notes hold, also of trials that failed, were stopped early or trained twice', async () => {
    const texts = trialNotes(study).map((note) => ({ commit: sha, text: writeTrialNote(note) }));
    const [fromNotes] = historiesFromNotes(texts);
    const fromServer = await studyFromServer(own, { study: '01S' });
    assert.equal(JSON.stringify(fromServer), JSON.stringify(fromNotes));
    assert.deepEqual(
      fromServer.trials.map(({ error, metric, curve, earlyStop, confirmation }) => [
        error,
        metric?.value,
        curve ?? confirmation?.second,
        earlyStop?.reason,
      ]),
      [
        [undefined, 0.51239, undefined, undefined],
        ['exit code 1', undefined, undefined, undefined],
        [undefined, undefined, [0.1, 0.2], 'it was slow'],
        [undefined, undefined, 0.7, undefined],
      ],
    );
  });

  it('takes the latest study when none is named', async () => {
    assert.equal((await studyFromServer(own, { repository: 'a/b' })).id, '01S');
    await assert.rejects(studyFromServer(own, {}), /knows no study yet/);
  });

  it('says what is wrong', async () => {
    await assert.rejects(studyFromServer(own, { study: '01X' }), /there is no such study/);
    await assert.rejects(studyFromServer(own, { study: 'odd' }), /something that is no study/);
    await assert.rejects(studyFromServer(own, { study: 'list' }), ServerError);
    await assert.rejects(studyFromServer({ url: 'http://127.0.0.1:9', token: '' }, {}), /does not answer; .*--server/);
  });

  it('is shown to people as a table', async () => {
    const lines = renderHistory(await studyFromServer(own, { study: '01S' })).split('\n');
    assert.equal(lines[0], 'a/b main, study 01S: running');
    assert.match(lines[4] ?? '', /^0 +completed +val_accuracy 0\.5124 +2\.0 +aaaaaaaaaa +kernel_size \(3, 3\)$/);
    assert.match(lines[5] ?? '', /^1 +failed +- /);
  });
});
