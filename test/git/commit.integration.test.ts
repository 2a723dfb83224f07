import assert from 'node:assert/strict';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { createCommit, pushCommit } from '../../src/git/commit.js';
import { ensureMirror, fetchBranch, type Mirror } from '../../src/git/mirror.js';
import { type GitRemote, makeGitRemote } from '../support/git-remote.js';

const author = { name: 'pushtune[bot]', email: 'bot@example.org' };
const message = 'tune: x 1 → 2 (trial 1)\n\nA sentence.\n\n\nPushtune-Study: s\nskip-checks: true\n';

describe("the bot's commit", () => {
  let remote: GitRemote;
  let mirror: Mirror;
  let parent: string;
  beforeEach(async () => {
    remote = makeGitRemote();
    mirror = {
      path: join(remote.folder, 'mirror.git'),
      scratch: join(remote.folder, 'scratch'),
      url: remote.path,
      credentials: {},
    };
    remote.commit({ 'train.py': 'x = 1\n', 'run.sh': '#!/bin/sh\n', 'other.txt': 'same' });
    parent = remote.commit({ 'sub/params.yaml': 'x: 1\r\n' });
    await ensureMirror(mirror);
    await fetchBranch(mirror, 'main');
  });
  afterEach(() => remote.remove());

  async function commit(files: Readonly<Record<string, string>>): Promise<string | undefined> {
    const bytes = new Map(Object.entries(files).map(([path, text]) => [path, Buffer.from(text)]));
    return createCommit(mirror, { parent, files: bytes, message, author });
  }

  it('changes the given files and nothing else, and keeps its message to the byte', async () => {
    const sha = (await commit({ 'sub/params.yaml': 'x: 2\r\n', 'train.py': 'x = 2\n' })) ?? '';
    assert.deepEqual(await pushCommit(mirror, { sha, parent, branch: 'main' }), { kind: 'pushed' });
    assert.equal(remote.git('show', `${sha}:sub/params.yaml`), 'x: 2\r\n');
    assert.deepEqual(remote.git('diff', '--name-only', parent, sha).trim().split('\n'), [
      'sub/params.yaml',
      'train.py',
    ]);
    assert.equal(remote.git('cat-file', 'commit', sha).split('\n\n').slice(1).join('\n\n'), message);
    assert.equal(
      remote.git('show', '-s', '--format=%an %ae %cn', sha).trim(),
      'pushtune[bot] bot@example.org pushtune[bot]',
    );
  });

  it('keeps the mode of a file', async () => {
    const executable = remote.git('hash-object', '-w', '-t', 'blob', join(remote.path, 'description')).trim();
    const index = { GIT_INDEX_FILE: join(remote.folder, 'index') };
    remote.gitWith(index, 'read-tree', parent);
    remote.gitWith(index, 'update-index', '--add', '--cacheinfo', `100755,${executable},train.py`);
    const tree = remote.gitWith(index, 'write-tree').trim();
    const identity = ['-c', 'user.name=Ada', '-c', 'user.email=ada@example.org'];
    parent = remote.git(...identity, 'commit-tree', tree, '-p', parent, '-m', 'executable').trim();
    remote.git('update-ref', 'refs/heads/main', parent);
    await fetchBranch(mirror, 'main');

    const sha = (await commit({ 'train.py': 'x = 3\n' })) ?? '';
    await pushCommit(mirror, { sha, parent, branch: 'main' });
    assert.match(remote.git('ls-tree', sha, 'train.py'), /^100755 /);
  });

  it('is not made when nothing changes', async () => {
    assert.equal(await commit({ 'train.py': 'x = 1\n' }), undefined);
  });

  it('takes a file away that is not to be there, if it is there', async () => {
    const absent = new Map([
      ['other.txt', undefined],
      ['never.yml', undefined],
    ]);
    const sha = (await createCommit(mirror, { parent, files: absent, message, author })) ?? '';
    await pushCommit(mirror, { sha, parent, branch: 'main' });
    assert.equal(remote.git('diff', '--name-status', parent, sha), 'D\tother.txt\n');
    const never = new Map([['never.yml', undefined]]);
    assert.equal(await createCommit(mirror, { parent, files: never, message, author }), undefined);
  });

  it('changes a file of any name', async () => {
    const path = 'a folder/ü "x"\t\n.py';
    parent = remote.commit({ [path]: 'x = 1\n' });
    await fetchBranch(mirror, 'main');
    const sha = (await commit({ [path]: 'x = 2\n' })) ?? '';
    await pushCommit(mirror, { sha, parent, branch: 'main' });
    assert.equal(remote.git('diff', '-z', '--name-only', parent, sha), `${path}\0`);
  });

  it('is pushed once, however often it is tried', async () => {
    const sha = (await commit({ 'train.py': 'x = 2\n' })) ?? '';
    await pushCommit(mirror, { sha, parent, branch: 'main' });
    assert.deepEqual(await pushCommit(mirror, { sha, parent, branch: 'main' }), { kind: 'pushed' });
    assert.equal(remote.git('rev-list', '--count', 'main').trim(), '3');
  });

  it("gives way to a person's push", async () => {
    const sha = (await commit({ 'train.py': 'x = 2\n' })) ?? '';
    const theirs = remote.commit({ 'train.py': 'a person was faster' });
    assert.deepEqual(await pushCommit(mirror, { sha, parent, branch: 'main' }), { kind: 'moved', head: theirs });
    assert.equal(remote.git('rev-parse', 'main').trim(), theirs);
  });

  it('never brings back what a person took away', async () => {
    const sha = (await commit({ 'train.py': 'x = 2\n' })) ?? '';
    const earlier = remote.git('rev-parse', `${parent}^`).trim();
    remote.git('update-ref', 'refs/heads/main', earlier);
    assert.deepEqual(await pushCommit(mirror, { sha, parent, branch: 'main' }), { kind: 'moved', head: earlier });
  });

  it('is refused by a host that protects the branch, with the words of the host', async () => {
    const hook = join(remote.path, 'hooks/pre-receive');
    writeFileSync(hook, '#!/bin/sh\necho "GH006: Protected branch update failed" >&2\nexit 1\n');
    chmodSync(hook, 0o755);
    const sha = (await commit({ 'train.py': 'x = 2\n' })) ?? '';
    const outcome = await pushCommit(mirror, { sha, parent, branch: 'main' });
    assert.equal(outcome.kind, 'refused');
    assert.match(outcome.kind === 'refused' ? outcome.message : '', /GH006: Protected branch/);
  });

  it('is worth another try when the host is away', async () => {
    const sha = (await commit({ 'train.py': 'x = 2\n' })) ?? '';
    const away = { ...mirror, url: 'http://127.0.0.1:9/away.git' };
    await assert.rejects(
      pushCommit(away, { sha, parent, branch: 'main' }),
      /asking http:\/\/127\.0\.0\.1:9\/away\.git for main failed/,
    );
  });
});
