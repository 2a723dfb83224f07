import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type ParsedMail, simpleParser } from 'mailparser';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';
import { MailError, type OutgoingMail, openTransport, type SmtpSettings } from '../../src/notify/transport.js';

const password = 'correct horse battery';
const mail: OutgoingMail = {
  id: 'study-1-target-reached',
  from: 'Pushtune <pushtune@example.com>',
  to: ['ada@example.com', 'Grace <grace@example.com>'],
  subject: '[pushtune] ada/digits main: 93.1 % reached after 4 trials',
  text: 'epochs 3 → 8\n',
  html: '<p>epochs 3 → 8</p>',
};

interface Received {
  readonly mails: ParsedMail[];
  readonly recipients: string[][];
  readonly users: string[];
  readonly encrypted: boolean[];
}

/** A mail server that is stopped with the test; `refuse` answers each recipient, undefined accepts. */
async function mailServer(
  context: TestContext,
  refuse: (address: string) => number | undefined = () => undefined,
  options: SMTPServerOptions = {},
): Promise<{ readonly settings: SmtpSettings; readonly received: Received }> {
  const received: Received = { mails: [], recipients: [], users: [], encrypted: [] };
  const server = new SMTPServer({
    disabledCommands: ['STARTTLS'],
    allowInsecureAuth: true,
    authOptional: true,
    onAuth(auth, _session, callback) {
      if (auth.password !== password) {
        callback(new Error('wrong user or password'));
        return;
      }
      received.users.push(auth.username ?? '');
      callback(null, { user: auth.username });
    },
    onRcptTo({ address }, _session, callback) {
      const responseCode = refuse(address);
      if (responseCode === undefined) callback();
      else callback(Object.assign(new Error('not taken'), { responseCode }));
    },
    onData(stream, session, callback) {
      simpleParser(stream).then((parsed) => {
        received.mails.push(parsed);
        received.recipients.push(session.envelope.rcptTo.map(({ address }) => address));
        received.encrypted.push(session.secure);
        callback();
      }, callback);
    },
    ...options,
  });
  server.on('error', () => undefined);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  context.after(() => new Promise<void>((resolve) => server.close(resolve)));
  const { port } = server.server.address() as AddressInfo;
  return { settings: { host: '127.0.0.1', port, secure: false, user: '', password: '' }, received };
}

async function rejection(sending: Promise<unknown>): Promise<MailError> {
  const error = await sending.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof MailError, `expected a MailError, got ${String(error)}`);
  return error;
}

async function temporaryFolder(context: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'pushtune-mail-'));
  context.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

test('a mail arrives over SMTP with both bodies, all recipients and an id that never changes', async (context) => {
  const { settings, received } = await mailServer(context);
  const send = openTransport(settings, 'unused');
  await send(mail);
  await send(mail);
  const [first, second] = received.mails;
  assert.equal(first?.subject, mail.subject);
  assert.equal(first?.text?.trim(), mail.text.trim());
  assert.equal(String(first?.html).trim(), mail.html);
  assert.deepEqual(received.recipients[0], ['ada@example.com', 'grace@example.com']);
  assert.equal(first?.headers.get('auto-submitted'), 'auto-generated');
  assert.equal(first?.messageId, '<study-1-target-reached@pushtune>');
  assert.equal(second?.messageId, first?.messageId);
});

test('it logs in where a user is configured', async (context) => {
  const { settings, received } = await mailServer(context, undefined, { authOptional: false });
  await openTransport({ ...settings, user: 'pushtune', password }, 'unused')(mail);
  assert.deepEqual(received.users, ['pushtune']);
});

test('a wrong password is temporary, and no error holds it', async (context) => {
  const { settings } = await mailServer(context);
  const wrong = 'hunter2-hunter2';
  const error = await rejection(openTransport({ ...settings, user: 'pushtune', password: wrong }, 'unused')(mail));
  assert.equal(error.permanent, false);
  assert.match(error.message, /127\.0\.0\.1:\d+ did not take the mail/);
  for (const text of [error.message, error.stack ?? '', String(error.cause), JSON.stringify(error.cause)]) {
    assert.ok(!text.includes(wrong) && !text.includes(Buffer.from(wrong).toString('base64')), text);
  }
});

test('a server that wants a login which is not configured is worth another try', async (context) => {
  const { settings } = await mailServer(context, undefined, { authOptional: false });
  assert.equal((await rejection(openTransport(settings, 'unused')(mail))).permanent, false);
});

test('recipients that are all refused with 550 are refused for good', async (context) => {
  const { settings } = await mailServer(context, () => 550);
  const error = await rejection(openTransport(settings, 'unused')(mail));
  assert.equal(error.permanent, true);
  assert.ok(error.cause instanceof Error);
});

test('recipients that are refused with 450 may be accepted later', async (context) => {
  const { settings } = await mailServer(context, () => 450);
  assert.equal((await rejection(openTransport(settings, 'unused')(mail))).permanent, false);
});

test('one refused recipient does not keep the mail from the others', async (context) => {
  const { settings, received } = await mailServer(context, (address) =>
    address === 'ada@example.com' ? 550 : undefined,
  );
  await openTransport(settings, 'unused')(mail);
  assert.deepEqual(received.recipients, [['grace@example.com']]);
});

test('a server that is down is a temporary error that names its address', async () => {
  const closed = { host: '127.0.0.1', port: 1, secure: false, user: '', password: '' };
  const error = await rejection(openTransport(closed, 'unused')(mail));
  assert.equal(error.permanent, false);
  assert.match(error.message, /127\.0\.0\.1:1 .*ECONNREFUSED/);
});

test("a server whose certificate is nobody's is not spoken to over TLS", async (context) => {
  const { settings, received } = await mailServer(context, undefined, { disabledCommands: [] });
  const error = await rejection(openTransport({ ...settings, user: 'pushtune', password }, 'unused')(mail));
  assert.equal(error.permanent, false);
  assert.match(error.message, /certificate/);
  assert.deepEqual(received.users, []);
});

test('without a server a mail becomes a file that a mail program can read', async (context) => {
  const folder = join(await temporaryFolder(context), 'mail');
  const path = await openTransport({ host: '', port: 587, secure: false, user: '', password: '' }, folder)(mail);
  const parsed = await simpleParser(await readFile(path));
  assert.equal(parsed.subject, mail.subject);
  assert.equal(parsed.text?.trim(), mail.text.trim());
  assert.equal(String(parsed.html).trim(), mail.html);
  assert.equal(parsed.messageId, '<study-1-target-reached@pushtune>');
  assert.deepEqual(await readdir(folder), [path.slice(folder.length + 1)]);
  assert.match(path, /\/\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d-\d{3}Z-study-1-target-reached\.eml$/);
});

test('a line break in an address or a subject writes no header of its own', async (context) => {
  const folder = await temporaryFolder(context);
  const hostile = { ...mail, subject: 'x\r\nBcc: all@evil.org', to: ['a@example.com\r\nX-Evil: 1'] };
  const path = await openTransport({ host: '', port: 587, secure: false, user: '', password: '' }, folder)(hostile);
  const { headers } = await simpleParser(await readFile(path));
  assert.equal(headers.has('bcc'), false);
  assert.equal(headers.has('x-evil'), false);
});

test('a folder that cannot be written is named', async (context) => {
  const file = join(await temporaryFolder(context), 'file');
  await writeFile(file, '');
  const send = openTransport({ host: '', port: 587, secure: false, user: '', password: '' }, join(file, 'mail'));
  const error = await rejection(send(mail));
  assert.equal(error.permanent, false);
  assert.ok(error.message.includes(join(file, 'mail')));
});
