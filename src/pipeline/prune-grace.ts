/** How long a training that is given up may go on until its epoch ends. Pure. */
import { z } from 'zod';
import { parseLoose } from './training-events.js';

/** Saving, and what the script does after its training. */
const secondsAfterEpoch = 10;

const epochSchema = z.object({ type: z.literal('epoch'), seconds: z.number().nonnegative() });

/**
 * Seconds that the training may take to end by itself: twice its longest epoch, since the epoch that runs may be slower
 * than those before, and some more.
 *
 * @param events what the hook in the container reported, as JSON lines
 */
export function secondsToEndEpoch(events: string): number {
  const seconds = events.split('\n').flatMap((line) => {
    const event = epochSchema.safeParse(parseLoose(line));
    return event.success ? [event.data.seconds] : [];
  });
  return seconds.reduce((longest, each) => Math.max(longest, 2 * each), 0) + secondsAfterEpoch;
}
