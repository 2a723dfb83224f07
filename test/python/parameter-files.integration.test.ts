/** Edited parameter files, read by PyYAML and by Python's json: what a script will see. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { it } from 'node:test';
import Docker from 'dockerode';
import fc from 'fast-check';
import { defaultConfig } from '../../src/config.js';
import { ensureEnvironmentImage } from '../../src/container/images.js';
import { edited, jsonDocument, withNumbers, withValue, yamlDocument } from './parameter-documents.js';

/** Reads lines of JSON with a kind and a text, and answers with what Python reads in each. */
const READ = `
import json, sys, yaml
for line in sys.stdin:
    kind, text = json.loads(line)
    print(json.dumps(yaml.safe_load(text) if kind == 'yaml' else json.loads(text)))
`;

it('say to Python what they should, and are numbers where they were', async () => {
  const expected: unknown[] = [];
  const lines: string[] = [];
  for (const [kind, documents] of [
    ['yaml', yamlDocument],
    ['json', jsonDocument],
  ] as const) {
    for (const written of fc.sample(documents, { numRuns: 300, seed: 5 })) {
      // PyYAML takes no tab before a comment.
      if (kind === 'yaml' && written.text.includes('\t')) continue;
      const text = edited(`params.${kind}`, written.text, written.changes);
      lines.push(JSON.stringify([kind, text]));
      expected.push(withNumbers(written.changes.reduce(withValue, written.data)));
    }
  }
  for (const number of [1e-7, 1.5e-7, 3.2e-5, 0.1, 2, 1e21, 123456.5]) {
    for (const before of ['0.001', '1.0e-3', '1e-3', '16']) {
      lines.push(JSON.stringify(['yaml', edited('p.yaml', `lr: ${before}`, [{ path: ['lr'], value: number }])]));
      expected.push({ lr: number });
    }
  }
  const answers = (await python(lines.join('\n'))).trim().split('\n');
  assert.equal(answers.length, expected.length);
  answers.forEach((answer, index) => {
    const read: unknown = JSON.parse(answer);
    const isNumber = index >= expected.length - 28;
    assert.deepEqual(isNumber ? read : withNumbers(read), expected[index], lines[index]);
  });
});

/** The machine's Python where it has PyYAML, the training image's otherwise. */
async function python(input: string): Promise<string> {
  try {
    execFileSync('python3', ['-c', 'import yaml'], { stdio: 'ignore' });
    return execFileSync('python3', ['-c', READ], { input, encoding: 'utf8' });
  } catch {
    const { tag } = await ensureEnvironmentImage(new Docker(), {
      environment: 'tensorflow',
      dataDirectory: defaultConfig().data,
      onProgress: () => {},
    });
    const parameters = ['run', '--rm', '-i', '--network', 'none', '--entrypoint', 'python3', tag, '-c', READ];
    return execFileSync('docker', parameters, { input, encoding: 'utf8' });
  }
}
