import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { newStudy, recordTrial, type Study, type StudyTrial } from '../../src/pipeline/study.js';
import { historiesFromNotes, historyOf } from '../../src/pipeline/study-history.js';
import * as notes from '../../src/pipeline/trial-note.js';

const at = '2026-01-01T00:00:00.000Z';

function study(id = '01S', trials = 2): Study {
  const empty: Study = {
    ...newStudy({
      id,
      repository: 'a/b',
      branch: 'main',
      baseSha: sha(0),
      author: { name: 'Ada', email: 'ada@example.org' },
      createdAt: at,
      mode: 'max',
      target: 0.8,
      budget: { trials: 50, hours: 12, patience: 15 },
    }),
    space: { parameters: [{ name: 'kernel_size', type: 'categorical', choices: [[3, 3], 5] }] },
  };
  return Array.from({ length: trials }, (_, number) => trial(number)).reduce(recordTrial, empty);
}

function sha(number: number): string {
  return String(number).repeat(40).slice(0, 40);
}

function trial(number: number, change: Partial<StudyTrial> = {}): StudyTrial {
  return {
    number,
    run: `r${number}`,
    sha: sha(number),
    values: { kernel_size: [3, 3] },
    state: 'completed',
    metric: { name: 'val_accuracy', value: 0.5, source: 'keras history' },
    metrics: { val_accuracy: 0.5, loss: 1.25 },
    curve: [0.1, 0.5],
    epochs: 2,
    seconds: 1.5,
    sampler: 'gp',
    image: 'pushtune/tensorflow:1',
    ...change,
  };
}

describe('the note of a trial', () => {
  it('is JSON with a key a line, and the first one holds the study', () => {
    const [first, second] = notes.trialNotes(study()).map(notes.writeTrialNote);
    const parsed = JSON.parse(second ?? '');
    assert.deepEqual(parsed, {
      version: 1,
      study: '01S',
      trial: 1,
      sha: sha(1),
      run: 'r1',
      state: 'completed',
      metric: { name: 'val_accuracy', value: 0.5, source: 'keras history' },
      values: { kernel_size: [3, 3] },
      seconds: 1.5,
      metrics: { val_accuracy: 0.5, loss: 1.25 },
      curve: [0.1, 0.5],
      epochs: 2,
      sampler: 'gp',
      image: 'pushtune/tensorflow:1',
      space: parsed.space,
    });
    assert.match(parsed.space, /^[0-9a-f]{12}$/);
    assert.match(second ?? '', /^ {2}"state": "completed",$/m);
    const { details } = JSON.parse(first ?? '');
    assert.deepEqual([details.mode, details.target, details.budget.trials, details.state], ['max', 0.8, 50, 'running']);
    assert.equal(details.author, undefined, 'no address goes into a note');
  });

  it('tells an error without the lines of the log behind it', () => {
    const failed = trial(1, { state: 'failed', error: 'train.py ended with exit code 1\npassword: secret' });
    const [, note] = notes.trialNotes(recordTrial(study(), failed));
    assert.equal(note?.error, 'train.py ended with exit code 1');
  });

  it('replaces its older self and leaves alone what else stands there', () => {
    const [note] = notes.trialNotes(study());
    const [other] = notes.trialNotes(study('01T'));
    assert.ok(note !== undefined && other !== undefined);
    const before = `a person's remark\n{\nno JSON\n}\n${notes.writeTrialNote(other)}`;
    const first = notes.putTrialNote(before, note);
    assert.ok(first.startsWith(before.trimEnd()));
    const newer = { ...note, seconds: 9 };
    const second = notes.putTrialNote(`${first}\nanother remark\n`, newer);
    assert.deepEqual(notes.readTrialNotes(second), [other, newer]);
    assert.match(second, /^a person's remark\n\{\nno JSON\n\}\n/);
    assert.match(second, /\nanother remark\n$/);
    assert.equal(notes.putTrialNote(second, newer), second);
    assert.equal(notes.putTrialNote(undefined, note), notes.writeTrialNote(note));
  });

  it('is read on one line, too, and with fields that are not known yet', () => {
    const [note] = notes.trialNotes(study());
    const text = JSON.stringify({ ...note, later: { any: [1] } });
    assert.deepEqual(notes.readTrialNotes(`remark\n${text}\n`), [note]);
  });

  it('skips what is no record: no JSON, wrong types, other versions, endless braces and depths', () => {
    const [note] = notes.trialNotes(study());
    const wrong = [
      { ...note, version: 2 },
      { ...note, trial: -1 },
      { ...note, sha: '--upload-pack=x' },
      { ...note, values: { x: { deep: 1 } } },
      { ...note, metric: { name: 'x', value: null, source: '' } },
      { ...note, curve: ['a'] },
      { ...note, earlyStop: { epoch: 0, reason: '' } },
      [note],
      null,
    ];
    for (const record of wrong) assert.deepEqual(notes.readTrialNotes(`${JSON.stringify(record)}\n`), []);
    for (const text of [
      '',
      '{',
      '{\n'.repeat(100_000),
      `{"values": ${'['.repeat(100_000)}${']'.repeat(100_000)}}`,
      '\0\uFFFD',
    ]) {
      assert.deepEqual(notes.readTrialNotes(text), []);
      assert.ok(notes.putTrialNote(text, { ...note, version: 1 } as notes.TrialNote).includes('"study": "01S"'));
    }
    const polluting = notes.readTrialNotes(`${JSON.stringify(note).replace('"kernel_size"', '"__proto__"')}\n`);
    assert.ok(polluting.every(({ values }) => Object.getPrototypeOf(values) === Object.prototype));
  });

  it('gives equal search spaces the same version, whatever the order of their keys', () => {
    const a = { parameters: [{ name: 'x', type: 'int' as const, low: 1, high: 2 }] };
    const b = { parameters: [{ high: 2, low: 1, type: 'int' as const, name: 'x' }] };
    assert.equal(notes.spaceVersion(a), notes.spaceVersion(b));
    const wider = { parameters: [{ name: 'x', type: 'int' as const, low: 1, high: 3 }] };
    assert.notEqual(notes.spaceVersion(a), notes.spaceVersion(wider));
  });
});

describe('the history of a study', () => {
  it('is the same from the notes as from the study, to the byte', () => {
    const failed = trial(2, { state: 'failed', error: 'exit code 1\nlog' });
    const { metric: _metric, ...unmeasured } = failed;
    const earlyStop = { epoch: 2, epochs: 8, reason: 'it was slow' };
    const stopped = trial(3, { state: 'pruned', curve: [0.1, 0.2], epochs: 8, earlyStop });
    const confirmation = { run: 'r5', seed: 5, first: 0.6, second: 0.4 };
    const confirmed = trial(4, { confirmation });
    const whole = [unmeasured, stopped, confirmed].reduce(recordTrial, { ...study(), confirm: true });
    const texts = notes.trialNotes(whole).map((note, i) => ({ commit: sha(i), text: notes.writeTrialNote(note) }));
    assert.equal(JSON.stringify(historiesFromNotes(texts.reverse())), JSON.stringify([historyOf(whole)]));
  });

  it('takes the note on its own commit rather than a copy of it, and studies of which the first trial is known', () => {
    const [first, second] = notes.trialNotes(study());
    assert.ok(first !== undefined && second !== undefined);
    const found = [
      { commit: sha(7), note: { ...first, seconds: 99 } },
      { commit: sha(0), note: first },
      { commit: sha(1), note: { ...second, study: '01T' } },
    ];
    const histories = historiesFromNotes(
      found.map(({ commit, note }) => ({ commit, text: notes.writeTrialNote(note) })),
    );
    assert.deepEqual(
      histories.map(({ id, trials }) => [id, trials.map(({ seconds }) => seconds)]),
      [['01S', [1.5]]],
    );
  });
});
