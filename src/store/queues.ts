/** The queues between the stages. A job holds ids only; everything else is in the run. */
import { type ConnectionOptions, Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import type { StageName } from '../pipeline/run.js';
import { keyPrefix } from './redis.js';

export interface StageJob {
  readonly run: string;
}

export interface MailJob {
  readonly id: string;
  readonly to: readonly string[];
  readonly subject: string;
  readonly text: string;
  readonly html: string;
}

export interface StatusJob {
  readonly repository: string;
  readonly sha: string;
  readonly context: string;
  readonly state: 'pending' | 'success' | 'failure' | 'error';
  readonly description: string;
  readonly url: string;
}

export interface NotesJob {
  readonly study: string;
}

/** BullMQ prefixes its keys with this. */
export const queuePrefix = `${keyPrefix}:queue`;

/**
 * `pull` is taken by any worker host; the later stages go to the host that holds the run's folder. BullMQ refuses a
 * colon in a queue's name.
 */
export function stageQueueName(stage: StageName, host: string): string {
  return stage === 'pull' ? 'pull' : `${stage}.${host}`;
}

export function monitorQueueName(host: string): string {
  return `monitor.${host}`;
}

export function cleanUpQueueName(host: string): string {
  return `clean-up.${host}`;
}

export interface Queues {
  /**
   * Adds the stage under an id of its own; a stage that is queued or runs already is not added again.
   *
   * @param round how often the stage was opened again: each time is a job of its own
   */
  enqueueStage(run: string, stage: StageName, host: string, round?: number): Promise<void>;
  /** True while a job for the stage waits or runs. */
  hasStage(run: string, stage: StageName, host: string, round?: number): Promise<boolean>;
  /** Has a stage that waits for a later time done now. */
  hurryStage(run: string, stage: StageName, host: string, round?: number): Promise<void>;
  /** A mail with an id that was sent already is not sent again. */
  enqueueMail(mail: MailJob): Promise<void>;
  enqueueStatus(status: StatusJob): Promise<void>;
  /** Has the notes on the study's commits brought up to date. */
  enqueueNotes(study: string): Promise<void>;
  get(name: string): Queue;
  close(): Promise<void>;
}

/** A stage is tried again for about two minutes when git, Docker or Redis fail for the moment. */
const stageAttempts = { attempts: 6, backoff: { type: 'exponential', delay: 2000, jitter: 0.2 } };

/** A mail server may be down for a weekend: about 4 days, at most every 6 hours. */
const mailAttempts = { attempts: 30, backoff: { type: 'mail' } };

/** A note that is not written within half a minute is written with the next trial. */
const notesAttempts = { attempts: 4, backoff: { type: 'exponential', delay: 2000, jitter: 0.2 } };

/** A finished job is kept for a while, so that a stage that is enqueued again after a crash is recognised. */
const retention = { removeOnComplete: { age: 3600, count: 10_000 }, removeOnFail: { age: 24 * 3600, count: 10_000 } };

export function openQueues(connection: Redis): Queues {
  const opened = new Map<string, Queue>();

  function get(name: string): Queue {
    const known = opened.get(name);
    if (known !== undefined) return known;
    const queue = new Queue(name, { connection: connection as ConnectionOptions, prefix: queuePrefix });
    // Failed commands reject their own promise; without a listener the event would end the process.
    queue.on('error', () => undefined);
    opened.set(name, queue);
    return queue;
  }

  return {
    get,
    async enqueueStage(run, stage, host, round) {
      const job: StageJob = { run };
      await get(stageQueueName(stage, host)).add(stage, job, {
        jobId: stageJobId(run, stage, round),
        ...stageAttempts,
        ...retention,
      });
    },
    async hasStage(run, stage, host, round) {
      const state = await get(stageQueueName(stage, host)).getJobState(stageJobId(run, stage, round));
      return state !== 'unknown' && state !== 'completed' && state !== 'failed';
    },
    async hurryStage(run, stage, host, round) {
      const job = await get(stageQueueName(stage, host)).getJob(stageJobId(run, stage, round));
      if (job === undefined || !(await job.isDelayed())) return;
      // Its time may have come in between: then there is nothing left to do.
      await job.promote().catch(async (error: unknown) => {
        if (await job.isDelayed()) throw error;
      });
    },
    async enqueueMail(mail) {
      await get('mail').add('mail', mail, { jobId: mail.id, ...mailAttempts, ...retention });
    },
    async enqueueStatus(status) {
      await get('status').add('status', status, { ...stageAttempts, ...retention });
    },
    async enqueueNotes(study) {
      const job: NotesJob = { study };
      await get('notes').add('notes', job, { ...notesAttempts, ...retention });
    },
    async close() {
      await Promise.all([...opened.values()].map((queue) => queue.close()));
    },
  };
}

function stageJobId(run: string, stage: StageName, round = 0): string {
  return round === 0 ? `${run}-${stage}` : `${run}-${stage}-${round}`;
}

/** Milliseconds until a mail is tried again: a minute, doubling to six hours. */
export function mailBackoff(attemptsMade: number): number {
  return Math.min(60_000 * 2 ** Math.max(0, attemptsMade - 1), 6 * 3_600_000);
}
