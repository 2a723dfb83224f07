/** A function that computes for long, in a thread of its own: the event loop keeps turning meanwhile. */
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parentPort, Worker } from 'node:worker_threads';

interface Call {
  readonly number: number;
  readonly parameters: readonly unknown[];
}

type Answer =
  | { readonly number: number; readonly result: unknown }
  | { readonly number: number; readonly error: unknown };

interface Waiting {
  readonly resolve: (result: never) => void;
  readonly reject: (error: Error) => void;
}

interface Thread {
  readonly worker: Worker;
  readonly waiting: Map<number, Waiting>;
}

/**
 * A file beside the caller's, compiled as the caller's is: TypeScript where Pushtune runs from its sources.
 *
 * @param base `import.meta.url` of the caller
 */
export function threadFile(name: string, base: string): URL {
  return new URL(`./${name}${extname(fileURLToPath(base))}`, base);
}

/**
 * The function that a file answers with {@link answerCalls}. The thread starts with the first call and serves all that
 * follow, one at a time; idle, it keeps no process alive. A thread that died is replaced at the next call.
 *
 * @returns a function that rejects with the thread's error as cause; arguments and result are copied (structured clone)
 */
export function inThread<Parameters extends readonly unknown[], Result>(
  file: URL,
): (...parameters: Parameters) => Promise<Result> {
  let thread: Thread | undefined;
  let count = 0;

  function start(): Thread {
    const started: Thread = { worker: open(file), waiting: new Map() };
    const { worker, waiting } = started;
    worker.unref();
    worker.on('message', (answer: Answer) => {
      const call = waiting.get(answer.number);
      waiting.delete(answer.number);
      if (waiting.size === 0) worker.unref();
      if ('result' in answer) call?.resolve(answer.result as never);
      else call?.reject(failure(answer.error));
    });
    worker.on('error', (error) => end(started, failure(error)));
    worker.on('exit', (code) => end(started, new Error(`the thread ended with exit code ${code}`)));
    return started;
  }

  function end(ended: Thread, error: Error): void {
    if (thread === ended) thread = undefined;
    for (const { reject } of ended.waiting.values()) reject(error);
    ended.waiting.clear();
  }

  return (...parameters) =>
    new Promise((resolve, reject) => {
      thread ??= start();
      count += 1;
      const call: Call = { number: count, parameters };
      thread.worker.postMessage(call);
      thread.waiting.set(call.number, { resolve, reject });
      thread.worker.ref();
    });
}

/** In a thread Node.js knows nothing of the loader for TypeScript that its process was started with. */
function open(file: URL): Worker {
  if (extname(file.pathname) !== '.ts') return new Worker(file);
  const loader = JSON.stringify(import.meta.resolve('tsx/esm/api'));
  const script = `import { register } from ${loader}; register(); await import(${JSON.stringify(file.href)});`;
  return new Worker(new URL(`data:text/javascript,${encodeURIComponent(script)}`), { execArgv: [] });
}

function failure(cause: unknown): Error {
  return new Error(cause instanceof Error ? cause.message : String(cause), { cause });
}

/** Called by the thread's own file: answers every call with what `work` returns or throws. */
export function answerCalls<Parameters extends readonly unknown[]>(work: (...parameters: Parameters) => unknown): void {
  const port = parentPort;
  if (port === null) throw new Error('this file is run in a thread only');
  port.on('message', ({ number, parameters }: Call) => {
    try {
      port.postMessage({ number, result: work(...(parameters as Parameters)) });
    } catch (error) {
      // That a result can't be copied is told by an exception that can't be copied either.
      port.postMessage({ number, error: error instanceof DOMException ? new Error(error.message) : error });
    }
  });
}
