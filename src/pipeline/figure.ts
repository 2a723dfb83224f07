/** How a metric is written for people, in mails, tables and commits alike. Pure. */

/** Metrics that are no share of anything, though they may lie between 0 and 1. */
const noShare = /loss|error|mae|mse|rmse|perplexity|deviance/i;

/**
 * Accuracies in per cent with one decimal, other figures with up to four. Per cents are rounded down, so that 79.96 % is
 * never told as the 80.0 % that it missed.
 */
export function formatFigure(value: number, metricName = 'accuracy'): string {
  const isShare = value >= 0 && value <= 1 && !noShare.test(metricName);
  // 0.57 is a little less than 57 hundredths in binary; the addend keeps it at 57.0.
  return isShare ? `${(Math.floor(value * 1000 + 1e-6) / 10).toFixed(1)} %` : String(Number(value.toFixed(4)));
}
