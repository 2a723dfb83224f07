/** Runs in the thread of suggestions. */
import { suggest } from '../src/tuning/suggest.js';
import { answerCalls } from './thread.js';

answerCalls(suggest);
