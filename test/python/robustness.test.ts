import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { applyValues } from '../../src/python/edit.js';
import { inspectProject } from '../../src/python/inspect.js';
import type { Hyperparameter } from '../../src/python/inspection.js';
import { PythonSyntaxError } from '../../src/python/syntax.js';
import type { Values } from '../../src/tuning/space.js';
import { readFixtures } from './fixtures.js';

const INPUTS = Number(process.env.PUSHTUNE_FUZZ ?? 10_000);
/** Milliseconds after which an input counts as one that hangs; the slowest of all takes a tenth of that. */
const HANGING = 1000;

/** Park & Miller's minimal generator, so that a failure can be repeated. */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 48271) % 2147483647;
    return state / 2147483647;
  };
}

function mutated(bytes: Uint8Array, random: () => number): Uint8Array {
  const result = [...bytes];
  const changes = 1 + Math.floor(random() * 6);
  for (let change = 0; change < changes; change += 1) {
    const at = Math.floor(random() * result.length);
    const length = Math.floor(random() * 20);
    const kind = random();
    if (kind < 0.3) {
      result.splice(at, length);
    } else if (kind < 0.6) {
      result.splice(at, 0, ...result.slice(at, at + length));
    } else if (kind < 0.8) {
      result[at] = Math.floor(random() * 256);
    } else {
      const piece = ['(', ')', '"', "'''", '\n\t', ':', '\\', '[', 'lambda ', '= ', '\0', '@', '**', '}'];
      result.splice(at, 0, ...Buffer.from(piece[Math.floor(random() * piece.length)] ?? ''));
    }
  }
  return Uint8Array.from(result);
}

function isExpected(error: unknown): boolean {
  return error instanceof PythonSyntaxError;
}

function valuesAt(hyperparameters: readonly Hyperparameter[], end: 'low' | 'high'): Values {
  return Object.fromEntries(
    hyperparameters.map(({ name, parameter }) => [
      name,
      parameter.type === 'categorical' ? (parameter.choices.at(end === 'low' ? 0 : -1) ?? '') : parameter[end],
    ]),
  );
}

describe('input that is not what it should be', () => {
  it('ends in an inspection or in a syntax error, never in anything else', () => {
    const random = generator(20_240_607);
    const fixtures = readFixtures().filter((fixture) => fixture.main !== undefined || fixture.name === 'notebook');
    for (let index = 0; index < INPUTS; index += 1) {
      const fixture = fixtures[index % fixtures.length];
      const main = fixture?.main ?? 'train.ipynb';
      const original = fixture?.files.get(main) ?? new Uint8Array();
      const files = new Map([[main, index % 50 === 0 ? noise(random) : mutated(original, random)]]);
      const began = performance.now();
      try {
        const { hyperparameters } = inspectProject(files, { main });
        // Both ends of every range, blocks of layers included: an edit that is no Python any more would be refused.
        for (const end of ['low', 'high'] as const) {
          const changed = applyValues(files, hyperparameters, valuesAt(hyperparameters, end));
          assert.ok([...changed.keys()].every((file) => file === main || file === '.pushtune.yml'));
        }
      } catch (error) {
        assert.ok(isExpected(error), `input ${index}: ${String(error)}`);
      }
      assert.ok(performance.now() - began < HANGING, `input ${index} took ${performance.now() - began} ms`);
    }
  });

  it('may be nested without end', () => {
    for (const text of [
      '('.repeat(20_000),
      '['.repeat(20_000),
      `${'if x:\n'.repeat(3000)}`,
      'not '.repeat(20_000),
      '-'.repeat(20_000),
    ]) {
      const files = new Map([['train.py', new TextEncoder().encode(text)]]);
      assert.throws(() => inspectProject(files), PythonSyntaxError);
    }
  });

  it('may be empty', () => {
    assert.deepEqual(inspectProject(new Map([['train.py', new Uint8Array()]])).hyperparameters, []);
  });
});

function noise(random: () => number): Uint8Array {
  return Uint8Array.from({ length: 400 }, () => Math.floor(random() * 256));
}
