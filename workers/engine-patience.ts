/** What needs the Docker engine waits for it while it is away. */
import { setTimeout as delay } from 'node:timers/promises';
import { doesEngineAnswer, isEngineAway } from '../src/container/engine.js';
import type { Run } from '../src/pipeline/run.js';
import { formatDuration } from '../src/units.js';
import type { WorkerContext } from './context.js';
import { StageFailure } from './stage.js';
import { note } from './warn.js';

const longestPause = 5000;

/** Work that ends the engine each time shall not do so for ever. */
const mostAttempts = 5;

/**
 * Does the work, and once more whenever it failed because the engine was away.
 *
 * @throws {StageFailure} when the engine was away for longer than `training.engine_patience`
 */
export async function withEngine<T>(
  context: WorkerContext,
  run: Run,
  signal: AbortSignal,
  work: () => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work();
    } catch (error) {
      if (attempt === mostAttempts) throw error;
      // A program that was asked to use the engine does not say in a code why it could not.
      if (!isEngineAway(error) && (await doesEngineAnswer(context.docker))) throw error;
      await untilEngineAnswers(context, run, signal, error);
    }
  }
}

async function untilEngineAnswers(
  context: WorkerContext,
  run: Run,
  signal: AbortSignal,
  cause: unknown,
): Promise<void> {
  const patience = context.config.training.engine_patience;
  context.log.warn({ run: run.id, error: cause }, 'the Docker engine is away; the stage waits for it');
  await note(context, run, ['the Docker engine does not answer; the run goes on when it does']);
  const deadline = Date.now() + patience * 1000;
  for (let pause = 100; ; pause = Math.min(pause * 2, longestPause)) {
    await delay(pause, undefined, { signal });
    if (await doesEngineAnswer(context.docker)) return;
    if (Date.now() < deadline) continue;
    throw new StageFailure(
      `the Docker engine has not answered for ${formatDuration(patience)} (training.engine_patience); start it on the worker ${context.config.worker.name} and push again: ${String(cause)}`,
      { cause },
    );
  }
}
