import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { curveChart, shareChart } from '../../src/notify/charts.js';

const accuracy = { target: 0.8, metricName: 'val_accuracy' };

test('the text curve rises with the best so far, and its axis says from where to where', () => {
  const chart = curveChart(
    [{ own: 0.2, best: 0.2 }, { best: 0.2 }, { own: 0.5, best: 0.5 }, { own: 0.8, best: 0.8 }],
    accuracy,
  );
  assert.equal(
    chart?.text,
    ['80.0 %    █', '         ▂█', '         ██', '11.0 % ▄▄██', '       trial 0 to 3, the best so far'].join('\n'),
  );
});

test('the best of a trial that is better than the target is the top of the curve', () => {
  const chart = curveChart(
    [
      { own: 0.2, best: 0.2 },
      { own: 0.95, best: 0.95 },
    ],
    accuracy,
  );
  assert.match(chart?.text ?? '', /^95\.0 % {2}█\n/);
});

test('in the HTML a trial is solid up to what it reached, and light up to the best so far', () => {
  const heights = (html: string | undefined): string[] =>
    [...(html ?? '').matchAll(/bgcolor="(#\w+)" width="22" height="(\d+)"/g)].map(
      ([, colour, tall]) => `${colour} ${tall}`,
    );
  const rising = curveChart(
    [
      { own: 0, best: 0 },
      { own: 1, best: 1 },
      { own: 0.5, best: 1 },
    ],
    { ...accuracy, target: 1 },
  );
  assert.deepEqual(heights(rising?.html), ['#2457c5 2', '#2457c5 90', '#bcd0f5 45', '#2457c5 45']);
  const falling = curveChart(
    [
      { own: 4, best: 4 },
      { own: 2, best: 2 },
      { own: 4, best: 2 },
    ],
    { target: 2, metricName: 'loss' },
  );
  assert.deepEqual(heights(falling?.html), ['#2457c5 90', '#2457c5 12', '#bcd0f5 78', '#2457c5 12']);
});

test('nothing is drawn of a curve of one point', () => {
  assert.equal(curveChart([{}, { own: 0.3, best: 0.3 }], accuracy), undefined);
});

test('whatever was measured, a curve is as wide as it may be and loads nothing', () => {
  const value = fc.option(fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e6, max: 1e6 }), { nil: undefined });
  fc.assert(
    fc.property(fc.array(fc.tuple(value, value), { maxLength: 300 }), (pairs) => {
      const columns = pairs.map(([own, best]) => ({
        ...(own === undefined ? {} : { own }),
        ...(best === undefined ? {} : { best }),
      }));
      const chart = curveChart(columns, { target: 0.5, metricName: 'loss' });
      if (chart === undefined) return;
      assert.ok(chart.text.split('\n').every((line) => line.length <= 90));
      assert.doesNotMatch(chart.html, /NaN|undefined|Infinity|<img|url\(|height="-/);
      for (const [, height] of chart.html.matchAll(/height="(\d+)"/g)) assert.ok(Number(height) <= 90);
    }),
  );
});

test('shares are bars, and a name can’t become markup', () => {
  const { text, html } = shareChart([
    { name: 'learning_rate', share: 0.6 },
    { name: '<b>', share: 0.3 },
  ]);
  assert.equal(text, `learning_rate  ${'█'.repeat(24)} 60 %\n<b>            ${'█'.repeat(12)} 30 %`);
  assert.match(html, /width="220"[\s\S]*&lt;b&gt;[\s\S]*width="110"/);
  assert.doesNotMatch(html, /<b>/);
});
