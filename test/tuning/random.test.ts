import assert from 'node:assert/strict';
import { it } from 'node:test';
import { normal, type Random, seededRandom } from '../../src/tuning/random.js';

function draw(random: Random, count: number): number[] {
  return Array.from({ length: count }, () => random());
}

function mean(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0) / numbers.length;
}

it('the same seed gives the same numbers, on every host and in every version', () => {
  assert.deepEqual(draw(seededRandom('a seed'), 5), draw(seededRandom('a seed'), 5));
  // Written down once: a study that goes on after an update must not change its course.
  assert.deepEqual(draw(seededRandom('0d2f4a6c/1'), 3), [0.06031893449835479, 0.872326226439327, 0.24778831098228693]);
});

it('seeds that differ in one character give unrelated numbers', () => {
  const a = draw(seededRandom('tree/1'), 2000);
  const b = draw(seededRandom('tree/2'), 2000);
  assert.ok(a.every((number, i) => number !== b[i]));
  const covariance = mean(a.map((number, i) => (number - 0.5) * ((b[i] ?? 0) - 0.5)));
  assert.ok(Math.abs(covariance * 12) < 0.1, `${covariance}`);
});

it('numbers are spread evenly over [0, 1)', () => {
  const tenths = new Array<number>(10).fill(0);
  for (const number of draw(seededRandom('even'), 10_000)) {
    assert.ok(number >= 0 && number < 1);
    const tenth = Math.floor(number * 10);
    tenths[tenth] = (tenths[tenth] ?? 0) + 1;
  }
  // 1000 expected each, with a deviation of 30.
  for (const count of tenths) assert.ok(count > 850 && count < 1150, tenths.join(' '));
});

it('an empty seed is a seed', () => {
  assert.equal(new Set(draw(seededRandom(''), 100)).size, 100);
});

it('normal numbers have mean 0, deviation 1, and as much beyond two deviations as they should', () => {
  const random = seededRandom('normal');
  const numbers = Array.from({ length: 10_000 }, () => normal(random));
  assert.ok(Math.abs(mean(numbers)) < 0.05);
  assert.ok(Math.abs(mean(numbers.map((number) => number ** 2)) - 1) < 0.1);
  const beyond = numbers.filter((number) => Math.abs(number) > 2).length;
  assert.ok(beyond > 350 && beyond < 560, `${beyond}`);
});

it('a normal number is finite even where the generator gives 0', () => {
  assert.ok(Number.isFinite(normal(() => 0)));
});
