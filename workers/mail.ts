/** Sends the queued mails; one that can't be delivered now waits and is tried again. */
import { join } from 'node:path';
import { type Job, UnrecoverableError } from 'bullmq';
import type { Config } from '../src/config.js';
import { MailError, openTransport } from '../src/notify/transport.js';
import type { MailJob } from '../src/store/queues.js';

export function mailSender(config: Config): (job: Job<MailJob>) => Promise<string> {
  const send = openTransport(config.smtp, join(config.data, 'mail'));
  return async (job) => {
    try {
      return await send({ ...job.data, from: config.mail.from });
    } catch (error) {
      if (error instanceof MailError && error.permanent) throw new UnrecoverableError(error.message);
      throw error;
    }
  };
}
