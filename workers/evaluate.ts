/** evaluate: reads the metric that the training left behind. */
import { UnsafeFileError } from '../src/container/guarded-files.js';
import { allFigures } from '../src/pipeline/all-figures.js';
import { findMetric, MetricNotFoundError } from '../src/pipeline/metric.js';
import type { Run } from '../src/pipeline/run.js';
import type { WorkerContext } from './context.js';
import { reachedWhenStopped } from './early-stopping.js';
import { readTraining } from './read-training.js';
import { StageFailure, type StageOutcome } from './stage.js';
import { warn } from './warn.js';

export async function evaluate(context: WorkerContext, run: Run): Promise<StageOutcome> {
  try {
    const { traces, request } = await readTraining(context, run);
    if (run.training?.isPruned === true) {
      const metric = reachedWhenStopped(traces.events, request);
      return {
        kind: 'next',
        found: { ...(metric === undefined ? {} : { metric }), metrics: allFigures(traces, metric) },
      };
    }
    const { metric, warning } = findMetric(traces, request);
    if (warning !== undefined) await warn(context, run, warning);
    return { kind: 'next', found: { metric, metrics: allFigures(traces, metric) } };
  } catch (error) {
    if (error instanceof MetricNotFoundError || error instanceof UnsafeFileError) {
      throw new StageFailure(error.message, { cause: error });
    }
    throw error;
  }
}
