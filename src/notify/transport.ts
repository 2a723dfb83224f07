/** Sends mails over SMTP, or writes them to files where no SMTP server is configured. */
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createTransport } from 'nodemailer';
import type { Mail } from './mails.js';

export interface SmtpSettings {
  /** Empty: mails become files. */
  readonly host: string;
  readonly port: number;
  readonly secure: boolean;
  readonly user: string;
  readonly password: string;
}

export interface OutgoingMail extends Mail {
  /** The same id gives the same Message-ID, so that a mail that is sent twice after a crash is recognised. */
  readonly id: string;
  readonly from: string;
  readonly to: readonly string[];
}

/** A mail was not accepted. `permanent`: the server said no for good, so trying again is useless. */
export class MailError extends Error {
  override readonly name = 'MailError';
  readonly permanent: boolean;

  constructor(message: string, permanent: boolean, options?: ErrorOptions) {
    super(message, options);
    this.permanent = permanent;
  }
}

/** Sends a mail; returns the server's answer, or the path of the file. @throws {MailError} */
export type SendMail = (mail: OutgoingMail) => Promise<string>;

/** Milliseconds that a mail server may take to answer. */
const patience = 20_000;

/** @param folder where mails go as `.eml` files when no SMTP server is configured */
export function openTransport(smtp: SmtpSettings, folder: string): SendMail {
  return smtp.host === '' ? fileTransport(folder) : smtpTransport(smtp);
}

function smtpTransport(smtp: SmtpSettings): SendMail {
  const transport = createTransport({
    host: smtp.host,
    port: smtp.port,
    secure: smtp.secure,
    ...(smtp.user === '' ? {} : { auth: { user: smtp.user, pass: smtp.password } }),
    connectionTimeout: patience,
    greetingTimeout: patience,
    socketTimeout: patience,
    // A mail is made of text alone; nothing in it may make this process read files or URLs.
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  return async (mail) => {
    try {
      return (await transport.sendMail(toMessage(mail))).response;
    } catch (error) {
      throw new MailError(
        `${smtp.host}:${smtp.port} did not take the mail "${mail.subject}": ${String(error)}`,
        isPermanent(error),
        { cause: error },
      );
    }
  };
}

function fileTransport(folder: string): SendMail {
  const composer = createTransport({
    streamTransport: true,
    buffer: true,
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  return async (mail) => {
    const { message } = await composer.sendMail(toMessage(mail));
    if (!Buffer.isBuffer(message)) throw new MailError(`the mail "${mail.subject}" could not be composed`, true);
    const path = join(folder, `${fileTime(new Date())}-${mail.id.replace(/[^A-Za-z0-9-]/g, '-')}.eml`);
    try {
      await mkdir(folder, { recursive: true });
      await writeFile(`${path}.new`, message);
      await rename(`${path}.new`, path);
    } catch (error) {
      throw new MailError(`the mail "${mail.subject}" could not be written to ${path}: ${String(error)}`, false, {
        cause: error,
      });
    }
    return path;
  };
}

/**
 * 5yz means no for good (RFC 5321, 4.2.1). A refused login does too, but a person may correct the password or the
 * server's settings while the mail waits.
 */
function isPermanent(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if ('code' in error && error.code === 'EAUTH') return false;
  // 530 asks for a login or for TLS: a matter of the settings as well.
  return 'responseCode' in error && Number(error.responseCode) >= 500 && error.responseCode !== 530;
}

function toMessage(mail: OutgoingMail) {
  return {
    from: mail.from,
    to: [...mail.to],
    subject: mail.subject,
    text: mail.text,
    html: mail.html,
    messageId: `<${mail.id}@pushtune>`,
    // Keeps out-of-office answers away (RFC 3834).
    headers: { 'Auto-Submitted': 'auto-generated' },
  };
}

/** Names that sort by time. */
function fileTime(date: Date): string {
  return date.toISOString().replace(/[:.]/g, '-');
}
