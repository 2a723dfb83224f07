import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decideHead, type SeenHead } from '../../src/pipeline/poll.js';

const known = { sha: 'b', at: 1_000_000, passed: ['a'] };
const seen: SeenHead = { sha: 'c', known, wasPolled: true, isOwn: false, now: 1_000_000 };

describe('decideHead', () => {
  it('takes another head for a push, also on a branch that is new', () => {
    assert.equal(decideHead(seen), 'push');
    assert.equal(decideHead({ ...seen, known: undefined }), 'push');
    assert.equal(decideHead({ ...seen, sha: 'b' }), 'nothing');
  });

  it('only records what is there at the first look, and what is Pushtune’s own', () => {
    assert.equal(decideHead({ ...seen, known: undefined, wasPolled: false }), 'record');
    assert.equal(decideHead({ ...seen, isOwn: true }), 'record');
  });

  it('takes an earlier head for an outdated answer for a minute, and then for a branch that was taken back', () => {
    assert.equal(decideHead({ ...seen, sha: 'a', now: known.at + 59_000 }), 'nothing');
    assert.equal(decideHead({ ...seen, sha: 'a', now: known.at + 61_000 }), 'push');
  });
});
