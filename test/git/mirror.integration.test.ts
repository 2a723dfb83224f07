import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { GitError } from '../../src/git/client.js';
import * as mirrors from '../../src/git/mirror.js';
import { type GitRemote, makeGitRemote } from '../support/git-remote.js';

describe('the mirror', () => {
  let remote: GitRemote;
  let mirror: mirrors.Mirror;
  beforeEach(async () => {
    remote = makeGitRemote();
    mirror = mirrorOf(remote, remote.path);
    await mirrors.ensureMirror(mirror);
  });
  afterEach(() => remote.remove());

  it('follows the branch, and knows what is an ancestor of what', async () => {
    const first = remote.commit({ 'train.py': '1' });
    assert.equal(await mirrors.fetchBranch(mirror, 'main'), first);
    const second = remote.commit({ 'train.py': '2' });
    assert.equal(await mirrors.remoteHead(mirror, 'main'), second);
    assert.equal(await mirrors.fetchBranch(mirror, 'main'), second);
    assert.ok(await mirrors.isAncestor(mirror, first, second));
    assert.ok(!(await mirrors.isAncestor(mirror, second, first)));
  });

  it('follows a branch that a person rewrote, and says when it is gone', async () => {
    const first = remote.commit({ a: '1' });
    remote.commit({ a: '2' });
    await mirrors.fetchBranch(mirror, 'main');
    remote.git('update-ref', 'refs/heads/main', first);
    assert.equal(await mirrors.fetchBranch(mirror, 'main'), first);
    assert.equal(await mirrors.fetchBranch(mirror, 'nowhere'), undefined);
    assert.equal(await mirrors.remoteHead(mirror, 'nowhere'), undefined);
  });

  it('writes the files of the exact commit, and no .git', async () => {
    const binary = Buffer.from([0, 255, 10, 13]);
    const sha = remote.commit({
      'train.py': 'print()\r\n',
      'data/x.bin': binary,
      '.gitattributes': '*.py text eol=lf\n',
    });
    remote.commit({ 'train.py': 'later' });
    await mirrors.fetchBranch(mirror, 'main');
    const folder = join(remote.folder, 'files');
    await mirrors.checkOut(mirror, sha, folder);
    assert.deepEqual(readdirSync(folder).sort(), ['.gitattributes', 'data', 'train.py']);
    assert.deepEqual(readFileSync(join(folder, 'data/x.bin')), binary);
    assert.ok(!existsSync(join(folder, '.git')));
  });

  it('reads only what can hold code or parameters, byte for byte', async () => {
    const source = Buffer.from('# caf\xe9\r\n', 'latin1');
    const sha = remote.commit({ 'train.py': source, 'image.png': 'x', 'deep/params.yaml': 'a: 1' });
    await mirrors.fetchBranch(mirror, 'main');
    const files = await mirrors.readSources(mirror, sha);
    assert.deepEqual([...files.keys()], ['train.py', 'deep/params.yaml']);
    assert.deepEqual(Buffer.from(files.get('train.py') ?? []), source);
  });

  it('gives commits of the same content the same tree', async () => {
    const [a, b] = [remote.commit({ x: '1' }), remote.commit({ x: '1' })];
    await mirrors.fetchBranch(mirror, 'main');
    assert.notEqual(a, b);
    assert.equal(await mirrors.treeOf(mirror, a), await mirrors.treeOf(mirror, b));
  });

  it('can be made by two at once', async () => {
    const other = { ...mirror, path: join(remote.folder, 'other.git') };
    await Promise.all([1, 2, 3, 4].map(() => mirrors.ensureMirror(other)));
    assert.ok(existsSync(join(other.path, 'HEAD')));
    assert.equal(readdirSync(remote.folder).filter((name) => name.startsWith('other')).length, 1);
  });

  it('refuses branch names that git could take for something else', () => {
    for (const name of ['', '-x', '--upload-pack=x', 'a..b', 'a b', 'x~1', 'a:b', '.hidden', 'x.lock', 'a//b', 'x\n']) {
      assert.throws(() => mirrors.assertBranchName(name), mirrors.BranchNameError, name);
    }
    for (const name of ['main', 'feature/x-1', 'ünïcode']) mirrors.assertBranchName(name);
  });
});

describe('a repository that wants a token, over HTTP', () => {
  const token = 'ghp_a_secret_token';
  let remote: GitRemote;
  let host: Awaited<ReturnType<GitRemote['serve']>>;
  beforeEach(async () => {
    remote = makeGitRemote();
    host = await remote.serve(token);
  });
  afterEach(async () => {
    await host.close();
    remote.remove();
  });

  it('is fetched with it', async () => {
    const sha = remote.commit({ 'train.py': '1' });
    const mirror = mirrorOf(remote, host.url, token);
    await mirrors.ensureMirror(mirror);
    assert.equal(await mirrors.fetchBranch(mirror, 'main'), sha);
    const config = readFileSync(join(mirror.path, 'config'), 'utf8');
    assert.ok(!config.includes(token), 'the token is not kept in the mirror');
  });

  it('says without a prompt that the credentials are wrong, and does not repeat them', async () => {
    remote.commit({ a: '1' });
    const mirror = mirrorOf(remote, host.url, 'ghp_another_token');
    await mirrors.ensureMirror(mirror);
    await assert.rejects(mirrors.fetchBranch(mirror, 'main'), (error: unknown) => {
      assert.ok(error instanceof GitError);
      assert.match(error.message, /fetching main from http.*failed/);
      assert.ok(!error.message.includes('ghp_another_token'));
      return true;
    });
  });
});

function mirrorOf(remote: GitRemote, url: string, token?: string): mirrors.Mirror {
  return {
    path: join(remote.folder, 'mirror.git'),
    scratch: join(remote.folder, 'scratch'),
    url,
    credentials: token === undefined ? {} : { token },
  };
}
