/**
 * The demo's stand-in for GitHub: a post-receive hook that reports a push as GitHub does.
 *
 * Called as `node demo-webhook.mjs <url> <secret file> <owner/name>` in the bare repository, with git's
 * `<old> <new> <ref>` lines on its standard input. The payload has the shape of
 * https://docs.github.com/webhooks/webhook-events-and-payloads#push
 */
import { execFileSync } from 'node:child_process';
import { createHmac, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';

const [url, secretFile, fullName] = process.argv.slice(2);
const [owner, name] = fullName.split('/');
const home = `https://github.example/${fullName}`;
const api = `https://api.github.example/repos/${fullName}`;

function git(...parameters) {
  return execFileSync('git', parameters, { encoding: 'utf8' }).trim();
}

function describePerson(format, sha) {
  const [person, email, date] = git('show', '--no-patch', `--format=${format}`, sha).split('\n');
  return { name: person, email, username: person, date };
}

function describeCommit(sha) {
  const changes = git('diff-tree', '--root', '--no-commit-id', '--name-status', '-r', sha).split('\n').filter(Boolean);
  const paths = (letter) => changes.filter((line) => line.startsWith(letter)).map((line) => line.split('\t')[1]);
  return {
    id: sha,
    tree_id: git('rev-parse', `${sha}^{tree}`),
    distinct: true,
    message: git('show', '--no-patch', '--format=%B', sha),
    timestamp: git('show', '--no-patch', '--format=%cI', sha),
    url: `${home}/commit/${sha}`,
    author: describePerson('%an%n%ae%n%aI', sha),
    committer: describePerson('%cn%n%ce%n%cI', sha),
    added: paths('A'),
    removed: paths('D'),
    modified: paths('M'),
  };
}

function describePush(before, after, ref) {
  const created = /^0+$/.test(before);
  const deleted = /^0+$/.test(after);
  const commits = deleted
    ? []
    : git('rev-list', '--reverse', '--max-count=20', created ? after : `${before}..${after}`)
        .split('\n')
        .filter(Boolean)
        .map(describeCommit);
  const head = deleted ? null : describeCommit(after);
  const login = { name: owner, email: `${owner}@github.example`, login: owner, id: 1, type: 'User', site_admin: false };
  return {
    ref,
    before,
    after,
    repository: {
      id: 1296269,
      node_id: 'MDEwOlJlcG9zaXRvcnkxMjk2MjY5',
      name,
      full_name: fullName,
      private: false,
      owner: login,
      html_url: home,
      description: null,
      fork: false,
      url: home,
      commits_url: `${api}/commits{/sha}`,
      git_url: `git://github.example/${fullName}.git`,
      ssh_url: `git@github.example:${fullName}.git`,
      clone_url: `${home}.git`,
      default_branch: 'main',
      master_branch: 'main',
    },
    pusher: { name: head?.committer.name ?? owner, email: head?.committer.email ?? login.email },
    sender: login,
    created,
    deleted,
    forced: false,
    base_ref: null,
    compare: `${home}/compare/${before.slice(0, 12)}...${after.slice(0, 12)}`,
    commits,
    head_commit: head,
  };
}

const secret = readFileSync(secretFile, 'utf8').trim();
for (const line of readFileSync(0, 'utf8').split('\n').filter(Boolean)) {
  const body = JSON.stringify(describePush(...line.split(' ')));
  const response = await fetch(url, {
    method: 'POST',
    headers: {
      'Content-Type': 'application/json',
      'User-Agent': 'GitHub-Hookshot/demo',
      'X-GitHub-Delivery': randomUUID(),
      'X-GitHub-Event': 'push',
      'X-Hub-Signature-256': `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`,
    },
    body,
  }).catch((error) => ({ status: 0, text: async () => String(error) }));
  // git shows this as "remote: …" to whoever pushed.
  process.stdout.write(`webhook: ${response.status} ${await response.text()}\n`);
}
