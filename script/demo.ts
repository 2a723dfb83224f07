/**
 * Tunes the sample CNN live: `script/demo [--json] [--keep]`.
 *
 * Only GitHub is a stand-in: a bare repository whose post-receive hook sends webhooks of GitHub's shape. All else is the
 * product as a team would run it.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { simpleParser } from 'mailparser';
import { stringify } from 'yaml';
import { listContainers, removeContainer } from '../src/container/containers.js';
import { openEngine } from '../src/container/engine-address.js';
import { packageRoot } from '../src/package-root.js';
import { describeChange } from '../src/pipeline/commit-message.js';
import { formatFigure } from '../src/pipeline/figure.js';
import type { Run } from '../src/pipeline/run.js';
import type { Study, StudyTrial } from '../src/pipeline/study.js';
import type { Values } from '../src/tuning/space.js';

const repository = 'demo/digits';
const branch = 'main';

/** A demo that has not ended by then will not: something is wrong, and the server's log says what. */
const longestSeconds = 15 * 60;

interface Demo {
  readonly folder: string;
  readonly url: string;
  readonly data: string;
  readonly bare: string;
  readonly clone: string;
  readonly serverLog: string;
  readonly secretFile: string;
}

interface ShownStudy extends Study {
  readonly best: StudyTrial | null;
}

const { values: options } = parseArgs({
  options: { json: { type: 'boolean', default: false }, keep: { type: 'boolean', default: false } },
});
process.exitCode = await runDemo();

async function runDemo(): Promise<number> {
  const started = Date.now();
  const demo = await prepare();
  say(`Everything of this demo is in ${demo.folder}`);
  const server = startServer(demo);
  try {
    await untilReady(demo, server);
    say(`Pushtune listens on ${demo.url}`);
    makeRepository(demo);
    pushSample(demo);
    const study = await followStudy(demo, server);
    const summary = await summarise(demo, study, (Date.now() - started) / 1000);
    if (options.json) process.stdout.write(`${JSON.stringify(summary)}\n`);
    return summary.reached ? 0 : 1;
  } catch (error) {
    process.stderr.write(
      `The demo failed: ${error instanceof Error ? error.message : String(error)}\nThe server's log: ${demo.serverLog}\n`,
    );
    return 1;
  } finally {
    if (options.keep) say(`The server is left up as process ${server.pid}: curl ${demo.url}/status`);
    else await cleanUp(demo, server);
  }
}

async function prepare(): Promise<Demo> {
  const folder = mkdtempSync(join(tmpdir(), 'pushtune-demo-'));
  // Containers run as another user and mount folders below this one.
  chmodSync(folder, 0o755);
  const port = await freePort();
  const demo = {
    folder,
    url: `http://127.0.0.1:${port}`,
    data: join(folder, 'data'),
    bare: join(folder, 'github', 'digits.git'),
    clone: join(folder, 'digits'),
    serverLog: join(folder, 'server.log'),
    secretFile: join(folder, 'secret'),
  };
  const secret = randomBytes(32).toString('hex');
  writeFileSync(demo.secretFile, secret, { mode: 0o600 });
  const config = {
    server: { port },
    data: demo.data,
    github: { webhook_secret: secret },
    repositories: [{ name: repository, url: demo.bare }],
    mail: { to: ['ada@example.org'] },
  };
  writeFileSync(join(folder, 'pushtune.yml'), stringify(config), { mode: 0o600 });
  return demo;
}

function startServer(demo: Demo): ChildProcess {
  const log = openSync(demo.serverLog, 'a');
  const server = spawn(process.execPath, [join(packageRoot(), 'dist', 'src', 'cli.js'), 'start'], {
    env: { ...process.env, PUSHTUNE_CONFIG: join(demo.folder, 'pushtune.yml') },
    stdio: ['ignore', log, log],
    // With --keep the server outlives the demo.
    detached: options.keep,
  });
  closeSync(log);
  if (options.keep) server.unref();
  return server;
}

async function untilReady(demo: Demo, server: ChildProcess): Promise<void> {
  for (;;) {
    if (server.exitCode !== null)
      throw new Error(`the server ended: ${readFileSync(demo.serverLog, 'utf8').slice(-1000)}`);
    const answer = await fetch(`${demo.url}/readyz`).catch(() => undefined);
    if (answer?.ok === true) return;
    await delay(100);
  }
}

/** The stand-in for GitHub. */
function makeRepository(demo: Demo): void {
  mkdirSync(demo.bare, { recursive: true });
  git(demo.bare, 'init', '--quiet', '--bare', `--initial-branch=${branch}`, '.');
  const hook = join(demo.bare, 'hooks', 'post-receive');
  const command = [
    process.execPath,
    join(packageRoot(), 'script', 'demo-webhook.mjs'),
    `${demo.url}/webhooks/github`,
    demo.secretFile,
    repository,
  ];
  mkdirSync(join(demo.bare, 'hooks'), { recursive: true });
  writeFileSync(hook, `#!/bin/sh\nexec ${command.map((word) => `'${word}'`).join(' ')}\n`);
  chmodSync(hook, 0o755);
}

/** What a person does. */
function pushSample(demo: Demo): void {
  git(demo.folder, 'clone', '--quiet', demo.bare, demo.clone);
  cpSync(join(packageRoot(), 'model'), demo.clone, { recursive: true });
  git(demo.clone, 'checkout', '--quiet', '-B', branch);
  git(demo.clone, 'add', '--all');
  const ada = ['-c', 'user.name=Ada', '-c', 'user.email=ada@example.org'];
  git(demo.clone, ...ada, 'commit', '--quiet', '--message', 'A first CNN for handwritten digits');
  say(`\n$ git push origin ${branch}`);
  const output = execFileSync('git', ['push', 'origin', branch], {
    cwd: demo.clone,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  say(output.trim());
}

async function followStudy(demo: Demo, server: ChildProcess): Promise<ShownStudy> {
  const deadline = Date.now() + longestSeconds * 1000;
  const shown = new Set<number>();
  let before: Values = {};
  say(`\n${row('trial', 'what changed', 'accuracy', 'seconds')}`);
  while (Date.now() < deadline) {
    if (server.exitCode !== null) throw new Error('the server ended');
    const study = await currentStudy(demo);
    for (const trial of study?.trials ?? []) {
      if (shown.has(trial.number)) continue;
      shown.add(trial.number);
      clearProgress();
      say(describeTrial(trial, before));
      before = trial.values;
    }
    if (study !== undefined && study.state !== 'running' && (await unfinishedRuns(demo)).length === 0) return study;
    const failed = (await runs(demo)).find((run) => run.state === 'failed' && run.cause === 'push');
    if (failed !== undefined) throw new Error(failed.reason ?? 'the run failed');
    await showProgress(demo);
    await delay(300);
  }
  throw new Error(`the study did not end within ${longestSeconds} s`);
}

async function currentStudy(demo: Demo): Promise<ShownStudy | undefined> {
  const first = (await runs(demo)).at(-1);
  if (first === undefined) return undefined;
  const answer = await fetch(`${demo.url}/api/studies/${first.study}`);
  return answer.ok ? ((await answer.json()) as ShownStudy) : undefined;
}

async function runs(demo: Demo): Promise<Run[]> {
  const answer = await fetch(`${demo.url}/api/runs?limit=200`);
  return ((await answer.json()) as { runs: Run[] }).runs;
}

async function unfinishedRuns(demo: Demo): Promise<Run[]> {
  return (await runs(demo)).filter((run) => run.state === 'waiting' || run.state === 'running');
}

async function showProgress(demo: Demo): Promise<void> {
  if (!process.stdout.isTTY) return;
  const run = (await unfinishedRuns(demo)).at(0);
  if (run === undefined) return;
  const stage = Object.entries(run.stages).find(([, { state }]) => state === 'running');
  const since = stage?.[1].startedAt;
  const seconds = since === undefined ? '' : `${((Date.now() - Date.parse(since)) / 1000).toFixed(0)} s`;
  process.stdout.write(`\r\u001b[K${row(String(run.trial), `… ${stage?.[0] ?? 'waiting'}`, '', seconds)}`);
}

function clearProgress(): void {
  if (process.stdout.isTTY) process.stdout.write('\r\u001b[K');
}

function describeTrial(trial: StudyTrial, before: Values): string {
  const change = trial.number === 0 ? 'as Ada wrote it' : describeChange(before, trial.values);
  const result = trial.metric === undefined ? 'failed' : formatFigure(trial.metric.value);
  return row(String(trial.number), change, result, trial.seconds === undefined ? '-' : trial.seconds.toFixed(1));
}

function row(trial: string, change: string, accuracy: string, seconds: string): string {
  return `${trial.padStart(5)}  ${accuracy.padStart(8)}  ${seconds.padStart(7)}  ${change}`;
}

async function summarise(demo: Demo, study: ShownStudy, seconds: number) {
  git(demo.clone, 'pull', '--quiet', '--ff-only', 'origin', branch);
  const commits = git(demo.clone, 'log', '--reverse', '--format=%H', branch).trim().split('\n');
  const { best } = study;
  const mail = await findMail(demo);
  const reached = study.state === 'target_reached';
  say('');
  say(
    reached
      ? `The target of ${formatFigure(study.target)} is reached.`
      : `The study ended below its target: ${study.reason ?? study.state}.`,
  );
  say(`  trials         ${study.trials.length}`);
  say(
    `  best accuracy  ${best?.metric === undefined ? 'none' : formatFigure(best.metric.value)} (trial ${best?.number ?? '-'})`,
  );
  say(`  commit         ${best?.sha ?? '-'}`);
  say(`  e-mail         ${mail?.subject ?? 'none'}`);
  say(`                 ${mail?.path ?? ''}`);
  say('Where to look:');
  say(`  git -C ${demo.clone} log -p ${branch}`);
  if (options.keep) say(`  curl ${demo.url}/status`);
  return {
    reached,
    target: study.target,
    metric: best?.metric?.value ?? null,
    trials: study.trials.length,
    commits,
    mail: mail?.path ?? null,
    mailSubject: mail?.subject ?? null,
    seconds: Number(seconds.toFixed(1)),
    metrics: study.trials.map((trial) => trial.metric?.value ?? null),
    best: best?.sha ?? null,
    repository: demo.clone,
  };
}

/** The mail about the study's end is the last one; its job may still be in the queue. */
async function findMail(demo: Demo): Promise<{ path: string; subject: string } | undefined> {
  const folder = join(demo.data, 'mail');
  for (let attempt = 0; attempt < 100; attempt += 1) {
    const name = existsSync(folder)
      ? readdirSync(folder)
          .filter((file) => file.endsWith('.eml'))
          .sort()
          .at(-1)
      : undefined;
    if (name !== undefined) {
      const path = join(folder, name);
      return { path, subject: (await simpleParser(readFileSync(path))).subject ?? '' };
    }
    await delay(100);
  }
  return undefined;
}

async function cleanUp(demo: Demo, server: ChildProcess): Promise<void> {
  if (server.exitCode === null) {
    const ended = new Promise((resolve) => server.once('exit', resolve));
    server.kill('SIGTERM');
    await ended;
  }
  const docker = openEngine();
  for (const { name } of await listContainers(docker, demo.data)) await removeContainer(docker, name);
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no free port was found on 127.0.0.1');
  return address.port;
}

function git(folder: string, ...parameters: string[]): string {
  return execFileSync('git', parameters, { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
