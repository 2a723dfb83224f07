/** What the e-mails say. Pure: each function takes facts and gives a mail without a recipient. */
import { formatFigure } from '../pipeline/figure.js';
import type { StudySummary } from '../pipeline/study-summary.js';
import { type Chart, curveChart, escapeHtml, shareChart } from './charts.js';

export interface Mail {
  readonly subject: string;
  readonly text: string;
  readonly html: string;
}

export interface Link {
  readonly label: string;
  readonly url: string;
}

export interface Subject {
  readonly repository: string;
  readonly branch: string;
  /** Where to read more. */
  readonly url: string;
  /** Further addresses of ours, with what is there. */
  readonly links?: readonly Link[];
  /** What should be known of the result, such as an exit code after a training that counts. */
  readonly warnings?: readonly string[];
}

/** A trial as a row of the mail's table. */
export interface TrialRow {
  readonly number: number;
  /** What differs from the trial before. */
  readonly change: string;
  readonly metric?: number;
  readonly isPruned?: boolean;
  readonly seconds?: number;
}

export interface StudyFacts extends Subject {
  readonly metricName: string;
  readonly target: number;
  readonly trials: readonly TrialRow[];
  readonly summary?: StudySummary;
}

/** Parameters beyond so many, and those with a smaller share, made hardly any difference. */
const shownShares = 6;
const leastShare = 0.01;

export function targetReachedMail(
  facts: StudyFacts & {
    readonly metric: number;
    readonly sha: string;
    readonly change: string;
    /** What both trainings reached, of which the metric is the mean. */
    readonly confirmed?: readonly [number, number];
  },
): Mail {
  const figure = formatFigure(facts.metric, facts.metricName);
  const count = facts.trials.length;
  const both = facts.confirmed?.map((value) => formatFigure(value, facts.metricName)).join(' and ');
  const reached = both === undefined ? 'reached' : 'reached and confirmed';
  return compose(facts, `${figure} ${reached} after ${count} ${count === 1 ? 'trial' : 'trials'}`, [
    paragraph(
      `${facts.repository} reached ${facts.metricName} ${figure} on ${facts.branch}; the target is ${formatFigure(facts.target, facts.metricName)}. Nothing was changed any more.`,
    ),
    ...(both === undefined ? [] : [paragraph(`Trained again with another seed it was confirmed: ${both}.`)]),
    paragraph(
      facts.change === ''
        ? 'The values are those that were pushed.'
        : `Against the push: ${facts.summary?.progress ?? `${facts.change}.`}`,
    ),
    paragraph(`Commit: ${facts.sha}`),
    ...explanation(facts),
    trialTable(facts),
  ]);
}

export function budgetEndedMail(
  facts: StudyFacts & {
    readonly reason: string;
    readonly best?: { readonly trial: number; readonly metric: number; readonly sha: string };
    readonly restoredSha?: string;
  },
): Mail {
  const { best } = facts;
  const result = best === undefined ? 'no trial was measured' : `best ${formatFigure(best.metric, facts.metricName)}`;
  const restored =
    facts.restoredSha === undefined
      ? 'The branch holds the best values already.'
      : `The best values were restored in the commit ${facts.restoredSha}.`;
  return compose(facts, `study ended below ${formatFigure(facts.target, facts.metricName)}, ${result}`, [
    paragraph(
      `The search on ${facts.branch} ended below its target of ${formatFigure(facts.target, facts.metricName)}: ${facts.reason}.`,
    ),
    ...(best === undefined
      ? []
      : [
          paragraph(
            `Trial ${best.trial} was the best, with ${facts.metricName} ${formatFigure(best.metric, facts.metricName)} (commit ${best.sha}). ${restored}`,
          ),
        ]),
    ...(facts.summary?.progress === undefined ? [] : [paragraph(`Against the push: ${facts.summary.progress}`)]),
    ...explanation(facts),
    trialTable(facts),
  ]);
}

export function failedMail(
  facts: Subject & { readonly stage: string; readonly sha: string; readonly error: string },
): Mail {
  const [reason = '', ...lines] = facts.error.split('\n');
  return compose(facts, `${facts.stage} failed`, [
    paragraph(`The stage ${facts.stage} failed for ${facts.sha.slice(0, 10)} on ${facts.branch}: ${reason}`),
    ...(lines.length === 0 ? [] : [preformatted(lines.join('\n'))]),
    paragraph('Push a correction and Pushtune begins again.'),
  ]);
}

export function buildChangedMail(facts: Subject & { readonly sha: string; readonly error?: string }): Mail {
  const { error } = facts;
  if (error === undefined) {
    return compose(facts, 'build is ok again', [
      paragraph(`The environment of ${facts.sha.slice(0, 10)} on ${facts.branch} could be built again.`),
    ]);
  }
  return compose(facts, 'build failed', [
    paragraph(`The environment of ${facts.sha.slice(0, 10)} on ${facts.branch} can't be built:`),
    preformatted(error),
  ]);
}

export function containerRestartedMail(
  facts: Subject & { readonly container: string; readonly cause: string; readonly givenUp: boolean },
): Mail {
  const what = facts.givenUp ? 'is not restarted any more' : 'was restarted';
  return compose(facts, `container ${what}`, [
    paragraph(`The training container ${facts.container} of ${facts.repository} crashed (${facts.cause}) and ${what}.`),
    paragraph(
      facts.givenUp
        ? 'It crashed too often in a row. Look at the log, give it more memory (environment.memory in .pushtune.yml), and push again.'
        : 'A training that ran in it goes on by itself. Further crashes of this incident are not mailed.',
    ),
  ]);
}

export function pushRefusedMail(facts: Subject & { readonly message: string }): Mail {
  return compose(facts, 'tuning commit refused', [
    paragraph(`The host of ${facts.repository} refused Pushtune's commit on ${facts.branch}, so the study has ended:`),
    preformatted(facts.message),
    paragraph(
      `Give Pushtune's token the right to write contents, let its user past the protection of ${facts.branch}, or watch a branch without protection. Then push again.`,
    ),
  ]);
}

interface Part extends Chart {}

/** The curve of the study, and what made the difference. */
function explanation({ summary, trials, target, metricName }: StudyFacts): readonly Part[] {
  if (summary === undefined) return [];
  const columns = trials.map(({ metric }, i) => {
    const best = summary.bestSoFar[i];
    return { ...(metric === undefined ? {} : { own: metric }), ...(best === undefined ? {} : { best }) };
  });
  const curve = curveChart(columns, { target, metricName });
  const shares = summary.importance
    ?.filter(({ share }, i) => i < shownShares && share >= leastShare)
    .map(({ name, share }) => ({ name: printable(name), share }));
  return [
    ...(curve === undefined ? [] : [titled(`${metricName} over the trials`, curve)]),
    ...(summary.difference === undefined ? [] : [paragraph(summary.difference)]),
    ...(shares === undefined ? [] : [shareChart(shares)]),
  ];
}

function titled(title: string, { text, html }: Part): Part {
  const clean = printable(title);
  const style = 'font-size:14px;font-weight:bold;margin:18px 0 6px';
  return { text: `${clean}\n\n${text}`, html: `<p style="${style}">${escapeHtml(clean)}</p>${html}` };
}

function compose(subject: Subject, headline: string, parts: readonly Part[]): Mail {
  const warnings = (subject.warnings ?? []).map((warning) => paragraph(`Warning: ${warning}.`));
  const all = [...parts.slice(0, 1), ...warnings, ...parts.slice(1), ...links(subject)];
  const place = [subject.repository, subject.branch].filter((name) => name !== '').join(' ');
  const style = 'font-family:system-ui,sans-serif;font-size:15px;line-height:1.5;color:#1c1c1c;max-width:44em';
  return {
    subject: printable(`[pushtune] ${place}: ${headline}`).replaceAll(/\s+/g, ' '),
    text: all
      .map(({ text }) => text)
      .join('\n\n')
      .concat('\n'),
    html: `<!doctype html><html><body><div style="${style}"><h2 style="font-size:18px">${escapeHtml(headline)}</h2>${all.map(({ html }) => html).join('')}</div></body></html>`,
  };
}

function paragraph(text: string): Part {
  const clean = printable(text);
  return { text: clean, html: `<p>${escapeHtml(clean)}</p>` };
}

/** The only links of a mail: other addresses in it may come from a log or a commit message. */
function links({ links: others = [], url }: Subject): readonly Part[] {
  return [...others, { label: 'More', url }].map(link);
}

function link({ label, url }: Link): Part {
  const clean = escapeHtml(printable(url));
  const html = /^https?:/.test(url) ? `<a href="${clean}">${clean}</a>` : clean;
  return { text: `${label}: ${printable(url)}`, html: `<p>${escapeHtml(label)}: ${html}</p>` };
}

function preformatted(text: string): Part {
  const clean = printable(text);
  const style = 'background:#f4f4f4;padding:10px;white-space:pre-wrap;font-size:13px';
  return { text: clean.replace(/^/gm, '    '), html: `<pre style="${style}">${escapeHtml(clean)}</pre>` };
}

function trialTable({ trials, metricName }: StudyFacts): Part {
  const rows = trials.map(({ number, metric, isPruned, seconds, change }) => [
    String(number),
    isPruned === true ? 'pruned' : metric === undefined ? 'failed' : formatFigure(metric, metricName),
    seconds === undefined ? '-' : `${seconds.toFixed(1)} s`,
    printable(change).replaceAll(/\s+/g, ' '),
  ]);
  const cell = (tag: string, text: string): string =>
    `<${tag} style="text-align:left;padding:3px 14px 3px 0;border-bottom:1px solid #ddd">${escapeHtml(text)}</${tag}>`;
  const titles = ['Trial', 'Result', 'Time', 'What changed'];
  const line = (cells: readonly string[]): string =>
    `${(cells[0] ?? '').padStart(5)}  ${(cells[1] ?? '').padStart(8)}  ${(cells[2] ?? '').padStart(9)}  ${cells[3] ?? ''}`;
  return {
    text: [titles, ...rows].map(line).join('\n'),
    html: `<table style="border-collapse:collapse;font-size:14px;margin-top:18px"><tr>${titles.map((title) => cell('th', title)).join('')}</tr>${rows
      .map((row) => `<tr>${row.map((text) => cell('td', text)).join('')}</tr>`)
      .join('')}</table>`,
  };
}

/**
 * Commit messages and log lines are other people's text: control characters could fake lines or headers, and
 * characters that turn the writing direction could fake words. Terminal colours go whole, or `[1m` would stay.
 */
function printable(text: string): string {
  return (
    text
      // biome-ignore lint/suspicious/noControlCharactersInRegex: terminal escape sequences start with one
      .replace(/\u001b\[[0-9;?]*[A-Za-z]/g, '')
      .replace(/[^\P{Cc}\n\t]|[\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu, '')
  );
}
