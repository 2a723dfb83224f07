/** Runs in the thread of summaries. */
import { summarise } from '../pipeline/study-summary.js';
import { answerCalls } from './thread.js';

answerCalls(summarise);
