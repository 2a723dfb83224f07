/** Runs in the thread of suggestions. */
import { suggest } from '../tuning/suggest.js';
import { answerCalls } from './thread.js';

answerCalls(suggest);
