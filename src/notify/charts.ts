/**
 * Charts that every mail client shows: cells of tables with a background, and block characters. No images, which clients
 * block, and no SVG, which they drop. Pure.
 */
import { formatFigure } from '../pipeline/figure.js';

export interface Chart {
  readonly text: string;
  /** The caller's strings in it are escaped; the figures need no escaping. */
  readonly html: string;
}

export interface CurveColumn {
  /** What the trial itself reached, where it was measured. */
  readonly own?: number;
  /** The best so far. */
  readonly best?: number;
}

const height = 90;
const widest = 480;
const mostColumns = 120;
const textRows = 4;
const textWidth = 60;
const blocks = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const colours = { solid: '#2457c5', light: '#bcd0f5', bar: '#2457c5', line: '#b9b9b9', quiet: '#666666' };

/**
 * The best so far over the trials; what each trial reached itself stands out in it. Undefined when there is no curve to
 * show: fewer than two trials that were measured.
 */
export function curveChart(
  columns: readonly CurveColumn[],
  { target, metricName }: { readonly target: number; readonly metricName: string },
): Chart | undefined {
  const measured = columns.flatMap(({ best }) => best ?? []);
  if (measured.length < 2) return undefined;
  const scale = scaleOf([...measured, target]);
  const figures = { high: formatFigure(scale.high, metricName), low: formatFigure(scale.low, metricName) };
  const last = columns.length - 1;
  return { text: textCurve(columns, scale, figures, last), html: htmlCurve(columns, scale, figures, last) };
}

interface Scale {
  readonly low: number;
  readonly high: number;
  /** Where the value stands between the axis and the top: 0 to 1. */
  at(value: number): number;
}

/** From a little below the curve and the target, so that the lowest of them can be seen, to the highest. */
function scaleOf(values: readonly number[]): Scale {
  const least = Math.min(...values);
  const high = Math.max(...values);
  const below = least - 0.15 * (high - least);
  const low = least >= 0 ? Math.max(below, 0) : below;
  return { low, high, at: (value) => (high === low ? 1 : Math.min(Math.max((value - low) / (high - low), 0.02), 1)) };
}

interface Ends {
  readonly high: string;
  readonly low: string;
}

function htmlCurve(columns: readonly CurveColumn[], scale: Scale, figures: Ends, last: number): string {
  const shown = thinned(columns, mostColumns);
  const width = Math.min(Math.max(Math.floor(widest / shown.length) - 2, 2), 22);
  const axis = `font-size:12px;color:${colours.quiet};padding-right:6px;text-align:right;white-space:nowrap`;
  const cells = shown.map(({ own, best }) => {
    // For a loss the trial stands above the best; either way the lower of both is solid and the rest light.
    const marks = [own, best].flatMap((value) => (value === undefined ? [] : Math.round(scale.at(value) * height)));
    const top = Math.max(0, ...marks);
    const solid = own === undefined || best === undefined ? 0 : Math.min(...marks);
    const parts = [block(width, top - solid, colours.light), block(width, solid, colours.solid)].join('');
    return `<td valign="bottom" style="padding:0 1px;vertical-align:bottom">${table(parts)}</td>`;
  });
  return table(
    `<tr><td valign="top" style="${axis};vertical-align:top">${figures.high}</td>${cells.join('')}</tr>` +
      `<tr><td style="${axis}">${figures.low}</td><td colspan="${cells.length}" style="border-top:1px solid ${colours.line};font-size:12px;color:${colours.quiet}">` +
      `${table(`<tr><td style="font-size:12px;color:${colours.quiet};padding-right:24px;white-space:nowrap">trial 0 to ${last}</td>${legend()}</tr>`)}</td></tr>`,
  );
}

function legend(): string {
  const square = (colour: string): string => `<td style="padding-right:4px">${table(block(9, 9, colour))}</td>`;
  const label = (text: string): string =>
    `<td style="font-size:12px;color:${colours.quiet};padding-right:12px">${text}</td>`;
  return `${square(colours.solid)}${label('the trial')}${square(colours.light)}${label('the best so far')}`;
}

function textCurve(columns: readonly CurveColumn[], scale: Scale, figures: Ends, last: number): string {
  const shown = thinned(columns, textWidth);
  const label = Math.max(figures.high.length, figures.low.length);
  const steps = blocks.length - 1;
  const rows = Array.from({ length: textRows }, (_, row) => {
    const below = (textRows - 1 - row) * steps;
    const cells = shown.map(({ best }) => {
      const filled = best === undefined ? 0 : Math.max(1, Math.round(scale.at(best) * textRows * steps));
      return blocks[Math.min(Math.max(filled - below, 0), steps)] ?? ' ';
    });
    const name = row === 0 ? figures.high : row === textRows - 1 ? figures.low : '';
    return `${name.padStart(label)} ${cells.join('')}`.trimEnd();
  });
  return [...rows, `${''.padStart(label)} trial 0 to ${last}, the best so far`].join('\n');
}

/** Shares as horizontal bars, the largest first. */
export function shareChart(shares: readonly { readonly name: string; readonly share: number }[]): Chart {
  const longest = Math.max(...shares.map(({ name }) => name.length));
  const percent = (share: number): string => `${Math.round(share * 100)} %`;
  const most = Math.max(...shares.map(({ share }) => share));
  const part = (share: number): number => (most > 0 ? share / most : 0);
  const text = shares.map(
    ({ name, share }) =>
      `${name.padEnd(longest)}  ${'█'.repeat(Math.max(1, Math.round(part(share) * 24)))} ${percent(share)}`,
  );
  const rows = shares.map(({ name, share }) => {
    const bar = table(block(Math.max(2, Math.round(part(share) * 220)), 12, colours.bar));
    return (
      `<tr><td style="padding:2px 12px 2px 0;font-size:14px">${escapeHtml(name)}</td><td style="padding:2px 8px 2px 0">${bar}</td>` +
      `<td style="padding:2px 0;font-size:14px;color:${colours.quiet}">${percent(share)}</td></tr>`
    );
  });
  return { text: text.join('\n'), html: table(rows.join('')) };
}

/** Every k-th column and the last, when there are more than fit. */
function thinned<T>(columns: readonly T[], most: number): readonly T[] {
  const step = Math.ceil(columns.length / most);
  return columns.filter((_, i) => (columns.length - 1 - i) % step === 0);
}

/** A coloured row of a table: clients that ignore styles still know `bgcolor`, `width` and `height`. */
function block(width: number, tall: number, colour: string): string {
  if (tall <= 0) return '';
  return `<tr><td bgcolor="${colour}" width="${width}" height="${tall}" style="background:${colour};width:${width}px;height:${tall}px;font-size:0;line-height:0">&nbsp;</td></tr>`;
}

function table(rows: string): string {
  return `<table role="presentation" cellpadding="0" cellspacing="0" border="0" style="border-collapse:collapse">${rows}</table>`;
}

/** What stands for itself in HTML. */
export function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
