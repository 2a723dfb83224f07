import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { describe, it } from 'node:test';
import { applyValues } from '../../src/python/edit.js';
import { inspectProject } from '../../src/python/inspect.js';
import { readFixtures } from './fixtures.js';

/** Reads base64 lines and answers for each whether CPython parses it. */
const CHECK = `
import ast, base64, sys
for line in sys.stdin:
    try:
        ast.parse(base64.b64decode(line))
        print('yes')
    except SyntaxError as error:
        print('no', error)
`;

describe('edited scripts, read by Python itself', () => {
  it('parse at both ends of every range', () => {
    const scripts: string[] = [];
    for (const { files, main } of readFixtures()) {
      const { hyperparameters } = inspectProject(files, { main });
      for (const end of ['low', 'high'] as const) {
        const values = Object.fromEntries(
          hyperparameters.map(({ name, parameter }) => [
            name,
            parameter.type === 'categorical' ? (parameter.choices.at(end === 'low' ? 0 : -1) ?? '') : parameter[end],
          ]),
        );
        for (const [file, bytes] of applyValues(files, hyperparameters, values)) {
          if (file.endsWith('.py')) {
            scripts.push(Buffer.from(bytes).toString('base64'));
          }
        }
      }
    }
    const answers = execFileSync('python3', ['-c', CHECK], { input: scripts.join('\n'), encoding: 'utf8' });
    const lines = answers.trim().split('\n');
    assert.equal(lines.length, scripts.length);
    assert.deepEqual(
      lines.filter((line) => line !== 'yes'),
      [],
    );
  });
});
