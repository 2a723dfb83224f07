import assert from 'node:assert/strict';
import { it } from 'node:test';
import { hasRecovered, type Incident, mostRestarts, onCrash } from '../../src/pipeline/incident.js';

function minute(count: number): string {
  return new Date(Date.UTC(2026, 0, 1, 0, count)).toISOString();
}

it('restarts a container a limited number of times, and tells of the first crash and of giving up', () => {
  let incident: Incident | undefined;
  const reactions: string[] = [];
  for (let i = 0; i < mostRestarts + 2; i += 1) {
    const answer = onCrash(incident, { id: `i${i}`, at: minute(i), cause: 'exit code 137' });
    incident = answer.incident;
    reactions.push(`${answer.reaction}${answer.isNew ? ' (new)' : ''}`);
  }
  assert.deepEqual(reactions, ['restart (new)', ...Array(mostRestarts - 1).fill('restart'), 'give_up', 'leave']);
});

it('begins a new incident after a container has recovered', () => {
  const { incident } = onCrash(undefined, { id: 'a', at: minute(0), cause: 'x' });
  assert.ok(!hasRecovered(incident, minute(5)));
  assert.ok(hasRecovered(incident, minute(11)));
  assert.ok(onCrash(incident, { id: 'b', at: minute(11), cause: 'x' }).isNew);
});
