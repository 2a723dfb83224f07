/** Where a run's metric is read, and what counts as a run, with scripts that report what the hook in the container would. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { ParsedMail } from 'mailparser';
import type { Run } from '../src/pipeline/run.js';
import { startPushtune, type TestServer, until, untilEnded } from './support/pushtune.js';

/** Reports events as the hook does. */
const preamble = `import json, pathlib, sys


def report(kind, **details):
    with open("../events.jsonl", "a") as events:
        events.write(json.dumps({"at": 0, "type": kind, **details}) + "\\n")


def write(path, text):
    pathlib.Path(path).parent.mkdir(parents=True, exist_ok=True)
    pathlib.Path(path).write_text(text)


def fit(number, *epochs, ends=True):
    report("fit_started", fit=number, epochs=len(epochs), parameters=10)
    for i, metrics in enumerate(epochs):
        report("epoch", fit=number, epoch=i + 1, metrics=metrics, learningRate=0.001, seconds=0.1)
    if ends:
        report("fit_ended", fit=number, epochs=len(epochs))


`;

describe('the metric of a run', () => {
  let server: TestServer;
  before(async () => {
    server = await startPushtune();
  });
  after(() => server.close());

  /** Pushes the script as the only file of interest, and waits for the end of its run. */
  async function trained(script: string, files: Readonly<Record<string, string>> = {}): Promise<Run> {
    return untilEnded(server, await server.push({ 'train.py': `${preamble}${script}`, '.pushtune.yml': '', ...files }));
  }

  async function mailAbout(run: Run, subject: RegExp): Promise<ParsedMail> {
    const ids = [run.id, run.study];
    return until(`the mail about ${run.id} is there`, async () =>
      (await server.mails()).find(
        (mail) => subject.test(mail.subject ?? '') && ids.some((id) => mail.text?.includes(id) === true),
      ),
    );
  }

  it('is that of the last epoch of the last fit that was validated, and the page says so', async () => {
    const run = await trained(
      'fit(1, {"accuracy": 0.9, "val_accuracy": 0.6}, {"accuracy": 0.95, "val_accuracy": 0.81, "loss": float("nan")})\n' +
        'fit(2, {"accuracy": 0.99})\nreport("shim", name="keras.utils.np_utils")\nreport("shim", name="keras.utils.np_utils")\n' +
        'print("Test accuracy: 0.3")\n',
    );
    const page = (await (await fetch(`${server.url}/api/runs/${run.id}`)).json()) as Run;
    assert.deepEqual(page.metric, { name: 'val_accuracy', value: 0.81, source: 'keras history' });
    assert.match(page.reason ?? '', /val_accuracy 0\.81 \(keras history\)/);
    const shims = page.events.filter(({ text }) => text.includes('shim'));
    assert.deepEqual(
      shims.map(({ text }) => text),
      ['keras.utils.np_utils is old: a compatibility shim was used'],
    );
  });

  it('is told to be taken with care when the loss was no number, though what a person wrote is trained to its end', async () => {
    const run = await trained('fit(1, {"val_accuracy": 0.9, "loss": float("nan")}, {"val_accuracy": 0.9})\n');
    assert.equal(run.metric?.value, 0.9);
    assert.deepEqual(
      run.events.filter(({ isWarning }) => isWarning === true).map(({ text }) => text),
      ['the training has diverged: its loss became NaN in epoch 1'],
    );
  });

  it('counts although the script fails after its training, with the exit code as a warning on the page and in the mail', async () => {
    const run = await trained('fit(1, {"accuracy": 0.95, "val_accuracy": 0.9})\nprint("mailing")\nsys.exit(3)\n');
    assert.equal(run.state, 'succeeded');
    assert.equal(run.stages.train.state, 'succeeded');
    assert.equal(run.metric?.value, 0.9);
    assert.equal(run.training?.exitCode, 3);
    const [warning, ...others] = run.events.filter(({ isWarning }) => isWarning === true);
    assert.match(warning?.text ?? '', /^train\.py ended with exit code 3 after the training had ended/);
    assert.deepEqual(others, []);
    assert.match((await mailAbout(run, /90\.0 % reached/)).text ?? '', /Warning: train\.py ended with exit code 3/);
  });

  it('counts for what is no Keras script as well, when the test figure is printed before the failure', async () => {
    const run = await trained('print("Training accuracy: 1.0")\nprint("Test accuracy: 0.91")\nopen("/nowhere")\n');
    assert.equal(run.state, 'succeeded');
    assert.deepEqual(run.metric, { name: 'test_accuracy', value: 0.91, source: 'log' });
  });

  it('is told with its warning when the study ends below the target', async () => {
    const run = await trained('fit(1, {"val_accuracy": 0.4})\nsys.exit(7)\n', {
      '.pushtune.yml': 'budget: {trials: 1}\n',
    });
    assert.equal(run.metric?.value, 0.4);
    const mail = await mailAbout(run, /ended below/);
    assert.match(mail.text ?? '', /Warning: trial 0: train\.py ended with exit code 7/);
  });

  it('does not exist when the script dies in the middle of an epoch', async () => {
    const run = await trained(
      'fit(1, {"val_accuracy": 0.9})\nfit(2, {"val_accuracy": 0.95}, ends=False)\nprint("Test accuracy: 0.9")\nsys.exit(1)\n',
    );
    assert.equal(run.state, 'failed');
    assert.equal(run.stages.train.state, 'failed');
    assert.match(run.reason ?? '', /train\.py ended with exit code 1/);
    assert.equal(run.metric, undefined);
  });

  it('does not exist when nothing was trained and nothing measured, though the exit code is 0', async () => {
    const run = await trained('print("hello")\n');
    assert.equal(run.state, 'failed');
    assert.equal(run.stages.train.state, 'succeeded');
    assert.match(run.reason ?? '', /neither a fit nor a figure was seen/);
    assert.match((await mailAbout(run, /evaluate failed/)).text ?? '', /neither a fit nor a figure/);
  });

  it('is never read from files that were committed', async () => {
    const committed = {
      'metrics.json': '{"val_accuracy": 0.99}',
      'dvclive/metrics.json': '{"val_accuracy": 0.98}',
      'mlruns/0/old/metrics/val_accuracy': '1 0.97 0\n',
      'accuracy.txt': '96',
    };
    const printed = await trained('print("val_accuracy: 0.85")\n', committed);
    assert.deepEqual(printed.metric, { name: 'val_accuracy', value: 0.85, source: 'log' });

    const named = await trained('print("val_accuracy: 0.85")\n', {
      ...committed,
      '.pushtune.yml': 'metric: {source: accuracy.txt}\n',
    });
    assert.equal(named.stages.evaluate.state, 'failed');
    assert.match(named.reason ?? '', /the training wrote no accuracy\.txt, which \.pushtune\.yml names/);

    const rewritten = await trained('write("accuracy.txt", "96")\n', committed);
    assert.deepEqual(rewritten.metric, { name: 'accuracy', value: 0.96, source: 'accuracy.txt' });
  });

  it('is read from the files of DVCLive and MLflow', async () => {
    const dvclive = await trained('write("dvclive/metrics.json", json.dumps({"eval": {"accuracy": 0.83}}))\n');
    assert.deepEqual(dvclive.metric, { name: 'eval_accuracy', value: 0.83, source: 'dvclive/metrics.json' });
    const mlflow = await trained(
      'for name, value in [("val_accuracy", 0.84), ("accuracy", 0.99)]:\n' +
        '    write(f"mlruns/0/abc/metrics/{name}", f"1700000000000 0.1 0\\n1700000000001 {value} 1\\n")\n',
    );
    assert.deepEqual(mlflow.metric, {
      name: 'val_accuracy',
      value: 0.84,
      source: 'mlruns/0/abc/metrics/val_accuracy',
    });
  });

  it('is that of the training data only when there is no other, with a warning on the page and in the mail', async () => {
    const run = await trained('fit(1, {"accuracy": 0.95})\nwrite("accuracy.txt", "95.0")\n');
    assert.deepEqual(run.metric, { name: 'accuracy', value: 0.95, source: 'keras history' });
    const [warning] = run.events.filter(({ isWarning }) => isWarning === true);
    assert.match(warning?.text ?? '', /^only the accuracy on the training data was found/);
    assert.match(
      (await mailAbout(run, /95\.0 % reached/)).text ?? '',
      /Warning: only the accuracy on the training data/,
    );

    const evaluated = await trained(
      'fit(1, {"accuracy": 0.95})\nreport("evaluated", metrics={"loss": 1, "accuracy": 0.82})\n',
    );
    assert.deepEqual(evaluated.metric, { name: 'accuracy', value: 0.82, source: 'keras evaluate' });
    assert.deepEqual(
      evaluated.events.filter(({ isWarning }) => isWarning === true),
      [],
    );
  });

  it('does not come from links that the script left', async () => {
    const run = await trained(
      'for name in ("metrics.json", "accuracy.txt"):\n    pathlib.Path(name).unlink(missing_ok=True)\n' +
        'pathlib.Path("metrics.json").symlink_to("/etc/hostname")\npathlib.Path("accuracy.txt").mkdir()\n' +
        'pathlib.Path("../events.jsonl").unlink()\npathlib.Path("../events.jsonl").symlink_to("/dev/zero")\n' +
        'print("Test accuracy: 0.9")\n',
    );
    assert.deepEqual(run.metric, { name: 'test_accuracy', value: 0.9, source: 'log' });
  });
});
