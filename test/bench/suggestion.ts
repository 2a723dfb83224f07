/**
 * What a suggestion costs after many trials, and whether the worker's event loop waits for it: seconds per suggestion
 * in the thread, and the longest delay in the main thread meanwhile.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { suggestInThread } from '../../src/threads/suggestion.js';
import { normal, type Random, seededRandom } from '../../src/tuning/random.js';
import { decode, type Parameter, type SearchSpace, type Values } from '../../src/tuning/space.js';
import type { Trial } from '../../src/tuning/suggest.js';

/** Trials known, and the seconds that a suggestion may take then. */
const sizes = [
  { trials: 50, limit: 0.3 },
  { trials: 150, limit: 2 },
];
/** Milliseconds that the event loop may be blocked. */
const delayLimit = 50;
const repetitions = 5;

/** Ten parameters of a network as scripts have them. */
const parameters: readonly Parameter[] = [
  { name: 'learning_rate', type: 'float', low: 1e-4, high: 3e-2, log: true },
  { name: 'dropout', type: 'float', low: 0, high: 0.6 },
  { name: 'dropout_2', type: 'float', low: 0, high: 0.6 },
  { name: 'momentum', type: 'float', low: 0, high: 0.99 },
  { name: 'filters', type: 'int', low: 8, high: 128, log: true },
  { name: 'filters_2', type: 'int', low: 16, high: 256, log: true },
  { name: 'units', type: 'int', low: 32, high: 512, log: true },
  { name: 'batch_size', type: 'int', low: 8, high: 128, log: true },
  { name: 'kernel_size', type: 'categorical', choices: [3, 5] },
  { name: 'optimizer', type: 'categorical', choices: ['adam', 'rmsprop', 'sgd'] },
];
const space: SearchSpace = { parameters };

export async function benchSuggestion(options: readonly string[]): Promise<void> {
  // The thread is started with the worker's first suggestion.
  await suggestInThread(space, [], 'first');
  const figures = [];
  for (const { trials, limit } of sizes) {
    const history = historyOf(trials);
    const seconds: number[] = [];
    const delay = monitorEventLoopDelay({ resolution: 1 });
    delay.enable();
    for (let i = 0; i < repetitions; i += 1) {
      const began = performance.now();
      await suggestInThread(space, history, `suggestion ${i}`);
      seconds.push((performance.now() - began) / 1000);
    }
    delay.disable();
    const median = seconds.sort((a, b) => a - b)[Math.floor(repetitions / 2)] ?? Number.NaN;
    const longest = delay.max / 1e6;
    process.stdout.write(
      `${trials} trials, ${parameters.length} parameters: ${median.toFixed(3)} s per suggestion (limit ${limit} s), ` +
        `event loop blocked at most ${longest.toFixed(1)} ms (limit ${delayLimit} ms)\n`,
    );
    figures.push({
      trials,
      parameters: parameters.length,
      seconds: Number(median.toFixed(4)),
      event_loop_ms: Number(longest.toFixed(2)),
    });
  }
  if (options.includes('--json')) process.stdout.write(`${JSON.stringify({ suggestions: figures })}\n`);
}

/** Random trials of a smooth, noisy metric; every tenth failed. */
function historyOf(trials: number): readonly Trial[] {
  const random = seededRandom(`history of ${trials}`);
  return Array.from({ length: trials }, (_, number): Trial => {
    const values = Object.fromEntries(parameters.map((parameter) => [parameter.name, decode(parameter, random())]));
    if (number % 10 === 9) return { number, values, state: 'failed' };
    return { number, values, state: 'completed', metric: metricOf(values, random), seconds: 10 };
  });
}

function metricOf(values: Values, random: Random): number {
  const rate = Math.log10(Number(values.learning_rate)) + 2.5;
  const size = Math.log2(Number(values.units)) / 9;
  return 0.9 - 0.1 * rate ** 2 - 0.2 * (Number(values.dropout) - 0.3) ** 2 + 0.05 * size + 0.01 * normal(random);
}
