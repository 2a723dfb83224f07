import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { inspectProject } from '../../src/python/inspect.js';
import { inspectionToJson, renderInspection } from '../../src/python/render.js';

function inspectText(text: string, file = 'train.py') {
  return inspectProject(new Map([[file, new TextEncoder().encode(text)]]));
}

/** Made up, and cut in two so that no scanner takes this file for a leak. */
const value = ['q7Rw', 'kP2x', 'Lm9Z', 'tB4v', 'Yc6N'].join('');

describe('a text that looks like a credential', () => {
  const cases: readonly [string, string][] = [
    ['a constant', `DB_PASSWORD = "${value}"`],
    ['an attribute', `self.api_key = '${value}'`],
    ['an entry of a dictionary', `config = {"user": "me", "password": "${value}"}`],
    ['a keyword', `connect(host="h", passwd="${value}")`],
    ['a default', `def send(to, secret='${value}'): pass`],
    ['a variable of the environment', `os.environ["API_KEY"] = "${value}"`],
    ['a login', `server.login("me@example.org", "${value}")`],
    ['an authentication', `requests.post(url, auth=("me", "${value}"))`],
    ['a token by its shape', `headers = {"x": "${['ghp', value, value].join('_').replace(`${value}_`, value)}"}`],
    ['a header', `h = {"Authorization": "Bearer ${value}"}`],
    ['a URL', `git = "https://me:${value}@git.example.org/x.git"`],
    ['a command line', `os.system('curl --user "admin:${value}" http://ci.example.org/job/1/build')`],
    ['a token', `token = "${value}${value}"`],
    ['a private key', `pem = """-----BEGIN RSA PRIVATE KEY-----\\n${value}"""`],
  ];
  for (const [what, line] of cases) {
    it(`in ${what} is told by its line, and never shown`, () => {
      const inspection = inspectText(`import os\n\n${line}\n`);
      assert.deepEqual(
        inspection.warnings.map((warning) => [warning.file, warning.line]),
        [['train.py', 3]],
      );
      const shown = renderInspection(inspection) + JSON.stringify(inspectionToJson(inspection));
      assert.ok(!shown.includes(value));
    });
  }

  it('is found in a notebook too', () => {
    const cells = [{ cell_type: 'code', source: [`password = "${value}"\n`] }];
    const { warnings } = inspectText(JSON.stringify({ cells }, undefined, 1), 'train.ipynb');
    assert.equal(warnings.length, 1);
  });
});

describe('a text that opens nothing', () => {
  const lines: readonly string[] = [
    'password = os.environ["PASSWORD"]',
    'password = ""',
    'password = "xxxxxxxx"',
    'os.system("curl -u admin:$PASSWORD https://ci.example.org")',
    'password = "your-password"',
    'api_key = "<API_KEY>"',
    'secret = "changeme"',
    'pad_token = "<pad>"',
    'token = tokenizer.encode("some words")',
    'Tokenizer(num_words=5, oov_token="<OOV>")',
    'sep_token = "[SEP]"',
    'key = "val_accuracy"',
    'key = "categorical_crossentropy_loss"',
    'plt.plot(history["val_accuracy"])',
    'url = "https://example.org:8080/a@b"',
    'name = "sk-learn-model-for-the-digits"',
    'd = {"key": "image_dataset_from_directory"}',
  ];
  for (const line of lines) {
    it(`such as ${line} is none`, () => {
      assert.deepEqual(inspectText(`${line}\n`).warnings, []);
    });
  }
});
