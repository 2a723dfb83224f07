/** A thread for tests: it does what it is told. */
import { answerCalls } from '../../src/threads/thread.js';

answerCalls((mood: string) => {
  if (mood === 'throw') throw new RangeError('out of mood');
  if (mood === 'die') process.exit(3);
  if (mood === 'unclonable') return () => mood;
  return `${mood} mood`;
});
