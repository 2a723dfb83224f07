import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  budgetEndedMail,
  buildChangedMail,
  containerRestartedMail,
  failedMail,
  type Mail,
  pushRefusedMail,
  type StudyFacts,
  targetReachedMail,
} from '../../src/notify/mails.js';
import { formatFigure } from '../../src/pipeline/figure.js';

const subject = { repository: 'ada/digits', branch: 'main', url: 'https://tune.example.com/api/studies/s1' };
const study: StudyFacts = {
  ...subject,
  metricName: 'val_accuracy',
  target: 0.8,
  trials: [
    { number: 0, change: 'as pushed', metric: 0.3844, seconds: 2.04 },
    { number: 1, change: 'learning_rate 0.0003 → 0.004', seconds: 1.5 },
    { number: 2, change: 'units 8 → 4', metric: 0.31, isPruned: true, seconds: 0.6 },
    { number: 3, change: 'epochs 3 → 8', metric: 0.9311, seconds: 3.2 },
  ],
};
const sha = '0123456789abcdef0123456789abcdef01234567';
const reached = targetReachedMail({
  ...study,
  metric: 0.9311,
  sha,
  change: 'epochs 3 → 8, learning_rate 0.0003 → 0.004',
});
const hostile = '</pre><script>alert(1)</script> \u001b[31mred\u001b[0m \u0000\u0007\r"quoted" \u202Egnp.exe';

test('the mail about a reached target names accuracy, target, trials, changes, commit and link', () => {
  assert.equal(reached.subject, '[pushtune] ada/digits main: 93.1 % reached after 4 trials');
  for (const part of [reached.text, reached.html]) {
    for (const fact of ['ada/digits', 'main', 'val_accuracy', '93.1 %', '80.0 %', 'epochs 3 → 8', sha, subject.url]) {
      assert.ok(part.includes(fact), `${fact} in ${part}`);
    }
  }
});

test('a target that the push itself reaches is told without changes and in the singular', () => {
  const mail = targetReachedMail({ ...study, trials: study.trials.slice(0, 1), metric: 0.9, sha, change: '' });
  assert.equal(mail.subject, '[pushtune] ada/digits main: 90.0 % reached after 1 trial');
  assert.match(mail.text, /The values are those that were pushed\./);
});

test('the table has a row for each trial, and says which failed and which was stopped early', () => {
  assert.match(reached.text, /^ {4}0 {4}38\.4 % {6}2\.0 s {2}as pushed$/m);
  assert.match(reached.text, /^ {4}1 {4}failed {6}1\.5 s {2}learning_rate 0\.0003 → 0\.004$/m);
  assert.match(reached.text, /^ {4}2 {4}pruned {6}0\.6 s {2}units 8 → 4$/m);
  assert.equal(reached.html.match(/<tr>/g)?.length, 5);
});

test('the mail about an ended budget names the reason, the best trial and the restored commit', () => {
  const best = { trial: 2, metric: 0.7123, sha };
  const mail = budgetEndedMail({ ...study, reason: '50 trials were used', best, restoredSha: 'feed1234' });
  assert.equal(mail.subject, '[pushtune] ada/digits main: study ended below 80.0 %, best 71.2 %');
  for (const fact of ['50 trials were used', 'Trial 2', '71.2 %', sha, 'feed1234']) assert.ok(mail.text.includes(fact));
});

test('an ended budget without a restoring commit says that the branch is as it should be', () => {
  const mail = budgetEndedMail({ ...study, reason: 'no hours left', best: { trial: 2, metric: 0.7, sha } });
  assert.match(mail.text, /holds the best values already/);
});

test('an ended budget of which no trial was measured says so', () => {
  assert.match(budgetEndedMail({ ...study, reason: 'all failed' }).subject, /no trial was measured$/);
});

test('the mail about a failure holds the stage, the exit code, the last lines and what to do', () => {
  const error = 'train.py ended with exit code 1. Its last lines:\nTraceback\nValueError: shapes <3> & "4"';
  const mail = failedMail({ ...subject, stage: 'train', sha, error });
  assert.equal(mail.subject, '[pushtune] ada/digits main: train failed');
  assert.match(mail.text, /exit code 1/);
  assert.match(mail.text, /^ {4}ValueError: shapes <3> & "4"$/m);
  assert.match(mail.text, /Push a correction/);
  assert.match(mail.html, /ValueError: shapes &lt;3&gt; &amp; &quot;4&quot;/);
});

const summary = {
  bestSoFar: [0.3844, 0.3844, 0.7123],
  importance: [
    { name: 'learning_rate', share: 0.61 },
    { name: '<i>units</i>', share: 0.39 },
    { name: 'dropout', share: 0.001 },
  ],
  difference: 'The learning rate explains 61 % of the difference between the trials, units 39 %.',
  progress: 'val_accuracy 38.4 % → 71.2 % with learning_rate 0.0003 → 0.004.',
};

test('the mails about the end of a study show its curve, the best against the push, and what made the difference', () => {
  const best = { trial: 2, metric: 0.7123, sha };
  const mails = [
    targetReachedMail({ ...study, summary, metric: 0.7123, sha, change: 'unused' }),
    budgetEndedMail({ ...study, summary, reason: 'no hours left', best }),
  ];
  for (const { text, html } of mails) {
    for (const part of [text, html]) {
      assert.ok(part.includes(summary.difference));
      assert.ok(part.includes(`Against the push: ${summary.progress}`));
    }
    assert.match(text, /val_accuracy over the trials\n\n80\.0 % .*\n/);
    assert.match(text, /^learning_rate {2}█{24} 61 %$/m);
    assert.match(html, /bgcolor/);
    assert.doesNotMatch(html, /<i>|<(img|link|script|style)\b/);
    assert.doesNotMatch(text, /dropout/);
  }
});

test('a confirmed target is told with both figures', () => {
  const mail = targetReachedMail({ ...study, metric: 0.97, sha, change: '', confirmed: [0.972, 0.968] });
  assert.match(mail.subject, /: 97\.0 % reached and confirmed after \d trials$/);
  assert.match(mail.text, /confirmed: 97\.2 % and 96\.8 %\./);
});

test('a warning about the result stands behind the first sentence, wherever the result is told', () => {
  const warnings = ['train.py ended with exit code 3 after the training had ended'];
  const mails = [
    targetReachedMail({ ...study, warnings, metric: 0.93, sha, change: '' }),
    budgetEndedMail({ ...study, warnings, reason: 'no hours left' }),
    failedMail({ ...subject, warnings, stage: 'tune', sha, error: 'refused' }),
  ];
  for (const mail of mails) {
    assert.match(mail.text, /^.*\n\nWarning: train\.py ended with exit code 3 after the training had ended\.\n\n/);
    assert.match(mail.html, /<p>Warning: train\.py/);
  }
  assert.doesNotMatch(reached.text, /Warning/);
});

test('a build that breaks and one that is repaired have different mails', () => {
  const broken = buildChangedMail({ ...subject, sha, error: 'no wheel of tensorflow==2.3' });
  assert.match(broken.subject, /build failed$/);
  assert.match(broken.text, /no wheel of tensorflow==2\.3/);
  assert.match(buildChangedMail({ ...subject, sha }).subject, /build is ok again$/);
});

test('the mail about a container has no gap in its subject where the branch is not known', () => {
  const facts = { ...subject, branch: '', container: 'pushtune-ada-digits', cause: 'exit code 137' };
  const restarted = containerRestartedMail({ ...facts, givenUp: false });
  assert.equal(restarted.subject, '[pushtune] ada/digits: container was restarted');
  assert.match(restarted.text, /exit code 137/);
  assert.match(containerRestartedMail({ ...facts, givenUp: true }).text, /environment\.memory/);
});

test('the mail about a refused push says what the host said and what to change', () => {
  const mail = pushRefusedMail({ ...subject, message: 'GH006: Protected branch update failed' });
  assert.match(mail.text, /GH006/);
  assert.match(mail.text, /token|protection/);
});

test("other people's text can't become markup, control characters or links", () => {
  const trials = [{ number: 0, change: `x ${hostile}\n0  99 %  faked`, metric: 0.1, seconds: 1 }];
  const mails: Mail[] = [
    targetReachedMail({ ...study, trials, branch: hostile, metric: 0.9, sha, change: hostile }),
    budgetEndedMail({ ...study, trials, repository: hostile, reason: hostile }),
    failedMail({
      ...subject,
      warnings: [hostile],
      stage: 'train',
      sha,
      error: `${hostile}\n${hostile}\nhttps://evil.example.com`,
    }),
    buildChangedMail({ ...subject, sha, error: hostile }),
    containerRestartedMail({ ...subject, container: hostile, cause: hostile, givenUp: true }),
    pushRefusedMail({ ...subject, message: `${hostile} https://evil.example.com` }),
  ];
  for (const mail of mails) {
    assert.doesNotMatch(mail.subject, /[\p{Cc}\u202e]/u);
    assert.doesNotMatch(mail.html, /<script/);
    assert.doesNotMatch(mail.html, /href="[^"]*evil/);
    for (const part of [mail.text, mail.html]) assert.doesNotMatch(part, /[^\P{Cc}\n\t]|\u202e|\[31m/u);
    assert.doesNotMatch(mail.text, /^0 {2}99 %/m);
  }
});

test('a mail loads nothing and links only to the server', () => {
  assert.doesNotMatch(reached.html, /<(img|link|script|style)\b|url\(|\bsrc=/i);
  assert.deepEqual(
    [...reached.html.matchAll(/href="([^"]*)"/g)].map(([, url]) => url),
    [subject.url],
  );
});

test('accuracies are told in per cent, losses and large figures as they are', () => {
  assert.equal(formatFigure(0.9311, 'val_accuracy'), '93.1 %');
  assert.equal(formatFigure(1, 'val_accuracy'), '100.0 %');
  assert.equal(formatFigure(0.25, 'val_loss'), '0.25');
  assert.equal(formatFigure(12.34567, 'rmse'), '12.3457');
});
