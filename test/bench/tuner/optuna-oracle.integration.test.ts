import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { Values } from '../../../src/tuning/space.js';
import { findOptuna, runOptuna } from './optuna-oracle.js';
import type { Problem } from './problems.js';

const optuna = await findOptuna({ install: false, say: () => {} });
const skip = optuna === undefined ? 'Optuna is not installed; npm run bench -- tuner installs it' : false;
const found = optuna ?? { python: 'python3', version: '', samplers: [] };

function mixed(seen: Values[]): Problem {
  return {
    name: 'mixed',
    mode: 'max',
    start: { rate: 0.01, units: 48, kernel: [5, 5], shortcut: false, blocks: 1 },
    space: {
      parameters: [
        { name: 'second', type: 'int', low: 1, high: 9, when: { parameter: 'blocks', atLeast: 2 } },
        { name: 'rate', type: 'float', low: 1e-4, high: 1e-1, log: true },
        { name: 'share', type: 'float', low: 0, high: 0.5, step: 0.25 },
        { name: 'units', type: 'int', low: 16, high: 128, step: 16 },
        {
          name: 'kernel',
          type: 'categorical',
          choices: [
            [3, 3],
            [5, 5],
          ],
        },
        { name: 'shortcut', type: 'categorical', choices: [true, false] },
        { name: 'blocks', type: 'int', low: 1, high: 2 },
      ],
    },
    evaluate(values) {
      seen.push(values);
      if (seen.length === 3) return Number.NaN;
      return -Math.abs(Math.log10(Number(values.rate)) + 2) - Number(values.units) / 1000;
    },
  };
}

for (const sampler of ['tpe', 'gp'] as const) {
  const missing = found.samplers.includes(sampler) ? false : `${sampler} is not installed`;
  it(`runs studies of Optuna's ${sampler}`, { skip: skip || missing }, async () => {
    const seen: Values[] = [];
    const metrics = await runOptuna(found, sampler, mixed(seen), { trials: 14, seed: 3 });
    assert.equal(metrics.length, 14);
    const { share, ...first } = seen[0] ?? {};
    assert.deepEqual(first, { rate: 0.01, units: 48, kernel: [5, 5], shortcut: false, blocks: 1 });
    assert.ok(metrics[0] === -0.048 && Number.isNaN(metrics[2]));
    for (const values of seen) {
      assert.ok(Number(values.rate) >= 1e-4 && Number(values.rate) <= 1e-1, `rate ${values.rate}`);
      assert.ok([0, 0.25, 0.5].includes(Number(values.share)), `share ${values.share}`);
      assert.equal(Number(values.units) % 16, 0);
      assert.ok(['[3,3]', '[5,5]'].includes(JSON.stringify(values.kernel)));
      assert.equal(values.second === undefined, values.blocks === 1);
    }
    assert.deepEqual(new Set(seen.map(({ shortcut }) => shortcut)), new Set([true, false]));

    const again: Values[] = [];
    const others: Values[] = [];
    await Promise.all([
      runOptuna(found, sampler, mixed(again), { trials: 14, seed: 3 }),
      runOptuna(found, sampler, mixed(others), { trials: 14, seed: 4 }),
    ]);
    assert.deepEqual(again, seen, 'the same seed gives the same study, whatever runs beside it');
    assert.notDeepEqual(others, seen);
  });
}

it('says what Optuna refuses, and serves the next study', { skip }, async () => {
  const broken: Problem = {
    name: 'broken',
    mode: 'min',
    space: { parameters: [{ name: 'rate', type: 'float', low: 0, high: 1, log: true }] },
    evaluate: () => 0,
  };
  await assert.rejects(runOptuna(found, 'tpe', broken, { trials: 2, seed: 1 }), /Optuna says ValueError: .*low/);
  const metrics = await runOptuna(found, 'tpe', mixed([]), { trials: 2, seed: 1 });
  assert.equal(metrics.length, 2);
});

it('rejects when the process can not be started', async () => {
  const nowhere = { ...found, python: 'no-such-python' };
  await assert.rejects(runOptuna(nowhere, 'tpe', mixed([]), { trials: 2, seed: 1 }), /no-such-python/);
});
