import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { asksToSkip, decidePush, type Push } from '../../src/pipeline/push.js';

const push: Push = {
  repository: 'a/b',
  ref: 'refs/heads/main',
  sha: '1'.repeat(40),
  deleted: false,
  message: 'a change',
};

describe('a push', () => {
  it('to a watched branch is accepted', () => {
    assert.deepEqual(decidePush(push, ['*']), { accepted: true, branch: 'main' });
    assert.deepEqual(decidePush({ ...push, ref: 'refs/heads/experiments/a/b' }, ['experiments/**']), {
      accepted: true,
      branch: 'experiments/a/b',
    });
  });

  const ignored: readonly (readonly [string, Partial<Push>, readonly string[] | undefined, RegExp])[] = [
    ['to another repository', {}, undefined, /not watched/],
    ['of a tag', { ref: 'refs/tags/v1' }, ['*'], /not a branch/],
    ['that deletes a branch', { deleted: true }, ['*'], /was deleted/],
    ['to another branch', { ref: 'refs/heads/dev' }, ['main', 'release/*'], /the branch dev is not watched/],
    ['whose head commit says [skip ci]', { message: 'docs [Skip CI]' }, ['*'], /asks to skip/],
  ];
  for (const [name, change, branches, reason] of ignored) {
    it(`${name} is ignored with a reason`, () => {
      const decision = decidePush({ ...push, ...change }, branches);
      assert.ok(!decision.accepted);
      assert.match(decision.reason, reason);
    });
  }

  it('asks to skip with each of the marks that GitHub knows, and with its trailer', () => {
    for (const mark of ['[ci skip]', '[no ci]', '[skip actions]', '[actions skip]']) assert.ok(asksToSkip(`x ${mark}`));
    assert.ok(asksToSkip('x\n\n\nskip-checks: true\n'));
    assert.ok(!asksToSkip('skip the ci, please'));
  });
});
