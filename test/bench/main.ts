/** The benchmarks: `npm run bench`, or one of them: `npm run bench -- cycle --json`. */
import { benchCycle } from './cycle.js';
import { benchInspect } from './inspect.js';
import { benchPruning } from './pruning.js';
import { benchSuggestion } from './suggestion.js';
import { benchTuner } from './tuner.js';

const benchmarks = new Map([
  ['cycle', benchCycle],
  ['inspect', benchInspect],
  ['pruning', benchPruning],
  ['suggestion', benchSuggestion],
  ['tuner', benchTuner],
]);
const parameters = process.argv.slice(2);
const names = parameters.filter((parameter) => !parameter.startsWith('--'));
const options = parameters.filter((parameter) => parameter.startsWith('--'));

for (const name of names.length > 0 ? names : benchmarks.keys()) {
  const bench = benchmarks.get(name);
  if (bench === undefined)
    throw new Error(`there is no benchmark ${name}; there are ${[...benchmarks.keys()].join(', ')}`);
  await bench(options);
}
