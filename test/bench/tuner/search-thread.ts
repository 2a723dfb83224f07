/** Runs in a thread of the tuner's benchmark. */
import { answerCalls } from '../../../src/threads/thread.js';
import { digitsProblem, functions } from './problems.js';
import { type SearchOptions, search } from './search.js';

const problems = [digitsProblem(), ...functions];

answerCalls((name: string, options: SearchOptions) => {
  const problem = problems.find((known) => known.name === name);
  if (problem === undefined) throw new Error(`there is no problem ${name}`);
  return search(problem, options);
});
