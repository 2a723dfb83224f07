import assert from 'node:assert/strict';
import { it } from 'node:test';
import { formatFigure } from '../../src/pipeline/figure.js';

it('writes an accuracy in per cent with one decimal', () => {
  assert.equal(formatFigure(0.931), '93.1 %');
  assert.equal(formatFigure(0.57), '57.0 %');
  assert.equal(formatFigure(1), '100.0 %');
});

it('never tells a missed target as reached', () => {
  assert.equal(formatFigure(0.7996), '79.9 %');
});

it('leaves losses and other figures as they are', () => {
  assert.equal(formatFigure(0.25, 'val_loss'), '0.25');
  assert.equal(formatFigure(12.34567), '12.3457');
});
