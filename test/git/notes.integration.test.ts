import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { ensureMirror, fetchBranch, type Mirror } from '../../src/git/mirror.js';
import * as notes from '../../src/git/notes.js';
import { type GitRemote, makeGitRemote } from '../support/git-remote.js';

const author = { name: 'pushtune[bot]', email: 'bot@example.org' };
const token = 'ghp_a_secret_token';
const ref = 'refs/notes/pushtune';

describe('the notes', () => {
  let remote: GitRemote;
  let host: Awaited<ReturnType<GitRemote['serve']>>;
  let mirror: Mirror;
  let first: string;
  let second: string;
  beforeEach(async () => {
    remote = makeGitRemote();
    host = await remote.serve(token);
    mirror = mirrorAt('mirror.git');
    first = remote.commit({ 'train.py': '1' });
    second = remote.commit({ 'train.py': '2' });
    await ensureMirror(mirror);
    await fetchBranch(mirror, 'main');
  });
  afterEach(async () => {
    await host.close();
    remote.remove();
  });

  function mirrorAt(name: string): Mirror {
    return {
      path: join(remote.folder, name),
      scratch: join(remote.folder, `${name}-scratch`),
      url: host.url,
      credentials: { token },
    };
  }

  /** Adds a line to the notes of commits. */
  function push(line: string, commits: readonly string[], to = mirror): Promise<notes.NotesOutcome> {
    const add: notes.NoteChange = (text = '') => (text.includes(line) ? text : `${text}${line}\n`);
    return notes.pushNotes(to, new Map(commits.map((commit) => [commit, add])), { message: 'notes', author });
  }

  function shown(commit: string): string {
    return remote.git('notes', '--ref=pushtune', 'show', commit);
  }

  /** Notes as a person writes them. */
  function personWrites(...parameters: string[]): void {
    const identity = ['-c', 'user.name=Ada', '-c', 'user.email=ada@example.org'];
    remote.git(...identity, 'notes', '--ref=pushtune', ...parameters);
  }

  it('are what git itself reads, and are pushed once', async () => {
    assert.deepEqual(await push('one', [first, second]), { kind: 'pushed' });
    assert.deepEqual(await push('one', [first, second]), { kind: 'unchanged' });
    assert.deepEqual(await push('two', [second]), { kind: 'pushed' });
    assert.equal(shown(first), 'one\n');
    assert.match(remote.git('log', '-1', '--notes=pushtune', 'main'), /Notes \(pushtune\):\n {4}one\n {4}two\n/);
    assert.equal(remote.git('rev-list', '--count', ref).trim(), '2');
    assert.equal(remote.git('show', '-s', '--format=%an %ce %s', ref).trim(), 'pushtune[bot] bot@example.org notes');
  });

  it('of others that were written in between are kept', async () => {
    await push('one', [first]);
    personWrites('append', '-m', 'a remark', first);
    personWrites('add', '-m', 'another', second);
    const other = mirrorAt('other.git');
    await ensureMirror(other);
    await push('of another server', [first], other);

    assert.deepEqual(await push('two', [first]), { kind: 'pushed' });
    assert.equal(shown(first), 'one\n\na remark\nof another server\ntwo\n');
    assert.equal(shown(second), 'another\n');
    assert.equal(remote.git('rev-list', '--count', ref).trim(), '5', 'nothing was rewritten');
  });

  it('of many servers at once all arrive', async () => {
    const servers = await Promise.all(
      [1, 2, 3, 4].map(async (number) => {
        const own = mirrorAt(`server-${number}.git`);
        await ensureMirror(own);
        return own;
      }),
    );
    const results = await Promise.allSettled(servers.map((own, i) => push(`server ${i}`, [first], own)));
    // A host that answers that a ref is locked says nothing for good: what failed is done again, as the queue does.
    for (const [i, own] of servers.entries()) await push(`server ${i}`, [first], own);
    assert.deepEqual(
      results.filter((result) => result.status === 'fulfilled' && result.value.kind !== 'pushed'),
      [],
    );
    assert.deepEqual(shown(first).trim().split('\n').sort(), ['server 0', 'server 1', 'server 2', 'server 3']);
  });

  it('come to the same when the last push was not heard of', async () => {
    await push('one', [first]);
    const before = remote.git('rev-parse', ref).trim();
    await push('two', [first]);
    remote.gitWith({ GIT_DIR: mirror.path }, 'update-ref', ref, before);
    assert.notEqual((await push('two', [first])).kind, 'refused');
    assert.equal(shown(first), 'one\ntwo\n');
    assert.equal(remote.git('rev-list', '--count', ref).trim(), '2');
  });

  it('that somebody deleted or rewrote are followed', async () => {
    await push('one', [first]);
    remote.git('update-ref', '-d', ref);
    assert.equal(await notes.fetchNotes(mirror), undefined);
    assert.equal(await notes.readNotes(mirror.path), undefined);
    assert.deepEqual(await push('two', [second]), { kind: 'pushed' });
    assert.equal(remote.git('notes', '--ref=pushtune', 'list').trim().split('\n').length, 1);
  });

  it('are refused in the words of a host that protects them', async () => {
    const hook = join(remote.path, 'hooks/pre-receive');
    writeFileSync(hook, '#!/bin/sh\necho "notes are not for bots" >&2\nexit 1\n');
    chmodSync(hook, 0o755);
    const outcome = await push('one', [first]);
    assert.equal(outcome.kind, 'refused');
    assert.match(outcome.kind === 'refused' ? outcome.message : '', /notes are not for bots/);
    rmSync(hook);
    assert.deepEqual(await push('one', [first]), { kind: 'pushed' });
  });

  it('are worth another try when the host is away', async () => {
    const away = { ...mirror, url: 'http://127.0.0.1:9/away.git' };
    await assert.rejects(push('one', [first], away), /fetching refs\/notes\/pushtune from http:\/\/127/);
    await push('one', [first]);
    await assert.rejects(push('two', [first], away), /fetching refs\/notes\/pushtune from http:\/\/127/);
  });

  it('that are huge, no text, links or no notes at all are neither read nor changed', async () => {
    const huge = join(remote.folder, 'huge');
    writeFileSync(huge, 'x'.repeat(2 * 1024 * 1024));
    personWrites('add', '-F', huge, first);
    const folder = join(remote.folder, 'evil');
    mkdirSync(folder);
    writeFileSync(join(folder, 'binary'), Buffer.from([0xff, 0xfe, 0]));
    const binary = remote.git('hash-object', '-w', join(folder, 'binary')).trim();
    const index = { GIT_INDEX_FILE: join(remote.folder, 'index') };
    remote.gitWith(index, 'read-tree', ref);
    for (const [mode, path] of [
      ['100644', second],
      ['120000', 'a'.repeat(40)],
      ['100644', 'README'],
      ['100644', 'abc'],
    ]) {
      remote.gitWith(index, 'update-index', '--add', '--cacheinfo', `${mode},${binary},${path}`);
    }
    const tree = remote.gitWith(index, 'write-tree').trim();
    const identity = ['-c', 'user.name=Eve', '-c', 'user.email=eve@example.org'];
    const evil = remote.git(...identity, 'commit-tree', tree, '-p', ref, '-m', 'x').trim();
    remote.git('update-ref', ref, evil);

    await notes.fetchNotes(mirror);
    assert.deepEqual(await notes.readNotes(mirror.path), []);
    assert.deepEqual(await push('one', [first, second]), { kind: 'unchanged' });
    const third = remote.commit({ 'train.py': '3' });
    assert.deepEqual(await push('one', [first, second, third]), { kind: 'pushed' });
    assert.equal(remote.git('diff', '--name-status', evil, ref).trim(), `A\t${third}`);
  });

  it('under a ref that is no commit are none, and pushing them fails without harm', async () => {
    const blob = remote.git('hash-object', '-w', join(remote.path, 'description')).trim();
    remote.git('update-ref', ref, blob);
    assert.equal(await notes.fetchNotes(mirror), undefined);
    await assert.rejects(push('one', [first]), /pushing to refs\/notes\/pushtune/);
  });

  it('that git spread over folders are found and changed in their place', async () => {
    await push('one', [first]);
    await notes.fetchNotes(mirror);
    const blob = remote.git('rev-parse', `${ref}:${first}`).trim();
    const index = { GIT_INDEX_FILE: join(remote.folder, 'index') };
    const path = `${first.slice(0, 2)}/${first.slice(2, 4)}/${first.slice(4)}`;
    remote.gitWith(index, 'update-index', '--add', '--cacheinfo', `100644,${blob},${path}`);
    const tree = remote.gitWith(index, 'write-tree').trim();
    const identity = ['-c', 'user.name=Ada', '-c', 'user.email=ada@example.org'];
    const spread = remote.git(...identity, 'commit-tree', tree, '-p', ref, '-m', 'spread').trim();
    remote.git('update-ref', ref, spread);
    assert.deepEqual(await push('two', [first]), { kind: 'pushed' });
    assert.equal(shown(first), 'one\ntwo\n');
    assert.deepEqual(await notes.readNotes(mirror.path), [{ commit: first, text: 'one\ntwo\n' }]);
  });

  it('beyond a few hundred are spread over folders, as git does', async () => {
    const commits = Array.from({ length: 300 }, (_, i) => i.toString(16).padStart(40, '0'));
    await push('one', commits);
    await push('one', [first]);
    assert.match(remote.git('ls-tree', '-r', '--name-only', ref), new RegExp(`^${first.slice(0, 2)}/`, 'm'));
    assert.equal(shown(first), 'one\n');
    assert.equal((await notes.readNotes(mirror.path))?.length, 301);
  });
});
