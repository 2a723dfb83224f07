import assert from 'node:assert/strict';
import { it } from 'node:test';
import {
  backoffSeconds,
  type Crash,
  hasRecovered,
  type Incident,
  isToBeTold,
  isToldByRun,
  mostRestarts,
  nextLook,
  onCrash,
  onFailedStart,
  onRestarted,
  settleSeconds,
} from '../../src/pipeline/incident.js';
import { newRun, type Run } from '../../src/pipeline/run.js';

const begin = Date.UTC(2026, 0, 1);

function second(count: number): string {
  return new Date(begin + count * 1000).toISOString();
}

function minute(count: number): string {
  return second(60 * count);
}

function crash(number: number, at = minute(number)): Crash {
  return { id: `i${number}`, at, cause: 'exit code 137', crash: `ended ${number}`, runs: [] };
}

it('restarts a container at once, then after pauses that double, and gives it up after a number of crashes', () => {
  let incident: Incident | undefined;
  const waits: (number | undefined)[] = [];
  for (let i = 0; i < mostRestarts + 1; i += 1) {
    const answer = onCrash(incident === undefined ? undefined : onRestarted(incident), crash(i));
    incident = answer.incident;
    assert.ok(answer.isCounted);
    waits.push(nextLook(incident, minute(i)));
  }
  assert.deepEqual(waits, [0, 1000, 2000, 4000, 8000, undefined]);
  assert.equal(incident?.givenUp, true);
  assert.equal(incident?.restarts, mostRestarts);
  assert.equal(incident?.restartAt, undefined);
  assert.ok(!onCrash(incident, crash(99)).isCounted, 'one that was given up is left alone');
  assert.ok(!hasRecovered(incident as Incident, minute(1000)));
});

it('counts a crash once, however often it is seen, and keeps the time of its restart', () => {
  const first = onRestarted(onCrash(undefined, crash(0)).incident);
  const { incident } = onCrash(first, crash(1));
  const again = onCrash(incident, { ...crash(1), at: minute(2) });
  assert.deepEqual(again, { incident, isCounted: false });
  assert.equal(nextLook(incident, second(60.4)), 600);
  assert.equal(nextLook(incident, second(70)), 0);
});

it('counts a start that the engine refuses as much as a crash', () => {
  let { incident } = onCrash(undefined, crash(0));
  for (let i = 1; i < mostRestarts; i += 1) incident = onFailedStart(incident, second(i), 'no such mount');
  assert.equal(incident.givenUp, false);
  incident = onFailedStart(incident, second(9), 'no such mount');
  assert.equal(incident.givenUp, true);
  assert.equal(incident.cause, 'no such mount');
});

it('has a limit to its back-off', () => {
  assert.ok(backoffSeconds(50) < settleSeconds);
});

it('begins a new incident after a container has recovered', () => {
  const { incident } = onCrash(undefined, crash(0));
  assert.ok(!hasRecovered(incident, minute(5)));
  assert.ok(hasRecovered(incident, minute(11)));
  const { incident: next } = onCrash(incident, crash(11));
  assert.equal(next.restarts, 1);
  assert.notEqual(next.id, incident.id);
});

it('tells of a restart once the container has lived for a while, and only once', () => {
  const incident = onRestarted(onCrash(undefined, crash(0)).incident);
  assert.equal(nextLook(incident, second(0)), settleSeconds * 1000);
  assert.ok(!isToBeTold(incident, begin, second(settleSeconds - 1)));
  assert.ok(isToBeTold(incident, begin, second(settleSeconds)));
  assert.ok(!isToBeTold({ ...incident, isTold: true }, begin, second(settleSeconds)));
  assert.equal(nextLook({ ...incident, isTold: true }, second(0)), undefined);
});

function run(id: string, change: Partial<Run> = {}): Run {
  const known = { id, repository: 'a/b', branch: 'main', sha: '', message: '', study: 's', trial: 0, createdAt: '' };
  return { ...newRun({ ...known, cause: 'push' }), number: 1, ...change };
}

it('leaves the telling to the mail of a person’s run that failed of it', () => {
  const incident = onCrash(undefined, { ...crash(0), runs: ['a'] }).incident;
  const givenUp = { ...incident, givenUp: true };
  assert.ok(isToldByRun(incident, [run('a', { state: 'failed' })]));
  assert.ok(isToldByRun(givenUp, [run('a', { state: 'running' })]), 'it is about to fail');
  assert.ok(!isToldByRun(incident, [run('a', { state: 'running' })]), 'it goes on');
  assert.ok(
    !isToldByRun(givenUp, [run('a', { state: 'running', cause: 'trial' })]),
    'trials have no mail of their own',
  );
  assert.ok(!isToldByRun(givenUp, [run('b', { state: 'failed' })]), 'another run');
  assert.ok(!isToldByRun(givenUp, []));
});

it('remembers the runs of all crashes', () => {
  const first = onCrash(undefined, { ...crash(0), runs: ['a'] }).incident;
  assert.deepEqual(onCrash(first, { ...crash(1), runs: ['a', 'b'] }).incident.runs, ['a', 'b']);
});
