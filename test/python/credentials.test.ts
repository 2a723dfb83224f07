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
    ['an annotated constant', `smtpPassword: str = "${value}"`],
    ['an annotated default', `def send(to, password: str = "${value}"): pass`],
    ['one of several names', `user, password = "me", "${value}"`],
    ['a second name', `a = mail_pass = "${value}"`],
    ['joined strings', `api_key = ("${value}"  # one\n  "${value}")`],
    ['bytes', `password = "${value}".encode("utf-8")`],
    ['a fallback', `password = os.environ.get("PW") or "${value}"`],
    ['a default of the environment', `password = os.getenv("DB_PASSWORD", "${value}")`],
    ['a default of the command line', `parser.add_argument("--db-password", type=str, default="${value}")`],
    ['a name that a login uses', `p = "${value}"; server.login("me@example.org", p)`],
    ['an authentication of requests', `auth = HTTPBasicAuth("me", "${value}")`],
    ['a list of words for a shell', `subprocess.run(["curl", "-u", "me:${value}", url])`],
    ['a query', `requests.get("https://ci.example.org/job/1/build?token=${value}")`],
    ['a URL with a token alone', `git = "https://${value}@git.example.org/x.git"`],
    ['a string that is put together', `url = f"https://me:${value}@{host}/"`],
    ['the middle of a text', `print("the key is ${['AIza', value, value].join('')}, sir")`],
    ['an export', `os.system("export API_KEY=${value} && run")`],
    ['a header of curl', `os.system("curl -H 'Authorization: Bearer ${value}' https://api.example.org")`],
    ['a header with user and password', `h = {"x": "Basic ${Buffer.from(`me:${value}`).toString('base64')}"}`],
    ['an OpenAI key', `ask("${['sk', 'proj', value].join('-')}")`],
    ['a Slack token', `ask("${['xoxb', '12345678901', value].join('-')}")`],
    ['a JSON Web Token', `ask("${['eyJhbGciOiJIUzI1', 'eyJzdWIiOiIxMjM0', value].join('.')}")`],
    ['a simple password', `password = "${'hunter'}2"`],
    ["a password of Google's for programs", `password = "${['abcd', 'efgh', 'ijkl', 'mnop'].join(' ')}"`],
  ];
  for (const [what, line] of cases) {
    it(`in ${what} is told by its line, and never shown`, () => {
      const inspection = inspectText(`import os\n\n${line}\n`);
      assert.deepEqual(
        inspection.warnings.map((warning) => [warning.file, warning.line]),
        [['train.py', 3]],
      );
      const shown = renderInspection(inspection) + JSON.stringify(inspectionToJson(inspection));
      assert.ok(
        ![value, 'hunter', 'abcd', Buffer.from(`me:${value}`).toString('base64')].some((s) => shown.includes(s)),
      );
    });
  }

  it('is found in a notebook too', () => {
    const cells = [{ cell_type: 'code', source: [`password = "${value}"\n`] }];
    const { warnings } = inspectText(JSON.stringify({ cells }, undefined, 1), 'train.ipynb');
    assert.equal(warnings.length, 1);
  });

  it('is found in the commands of a notebook, and never shown', () => {
    const commands = [
      `!curl --user me:${value} https://ci.example.org`,
      `%env API_KEY=${value}`,
      `!git clone https://me:${value}@git.example.org/x.git`,
      `!pip install --index-url https://me:${value}@pypi.example.org imutils`,
      `!wget --password=${value} https://example.org`,
      `!API_KEY=${value} python prepare.py`,
    ];
    const cells = [...commands, `%%bash\nls\nsshpass -p ${value} ssh host`].map((source) => ({
      cell_type: 'code',
      source: source.split(/^/m),
    }));
    const text = JSON.stringify({ cells }, undefined, 1);
    const inspection = inspectText(text, 'train.ipynb');
    const written = text.split('\n').flatMap((line, index) => (line.includes(value) ? [index + 1] : []));
    const told = inspection.warnings.filter(({ message }) => message.startsWith('this looks like'));
    assert.deepEqual(
      told.map(({ line }) => line),
      written,
    );
    const shown = renderInspection(inspection) + JSON.stringify(inspectionToJson(inspection));
    assert.ok(!shown.includes(value));
  });

  it('is found in a local module', () => {
    const files = { 'train.py': 'import settings\n', 'settings.py': `\npassword = "${value}"\n` };
    const encoded = Object.entries(files).map(([file, text]) => [file, new TextEncoder().encode(text)] as const);
    const { warnings } = inspectProject(new Map(encoded));
    assert.deepEqual(
      warnings.map(({ file, line }) => [file, line]),
      [['settings.py', 2]],
    );
  });

  it('in the address of a requirement is not shown', () => {
    const files = {
      'train.py': 'import x\n',
      'requirements.txt': `x @ git+https://me:${value}@git.example.org/x.git\n`,
    };
    const encoded = Object.entries(files).map(([file, text]) => [file, new TextEncoder().encode(text)] as const);
    const inspection = inspectProject(new Map(encoded));
    const shown = renderInspection(inspection) + JSON.stringify(inspectionToJson(inspection));
    assert.ok(!shown.includes(value));
    assert.ok(shown.includes('x @ git+https://***@git.example.org/x.git'));
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
    'api_key = os.environ["OPENAI_API_KEY"]',
    'api_key = "OPENAI_API_KEY"',
    'secret_key = ""',
    'password = "<your password>"',
    'password = "$PASSWORD"',
    'password = input("Password for the server: ")',
    'token = "[MASK]"',
    'bos_token, eos_token = "<s>", "</s>"',
    'mask_token = "conv2d_1_mask_2_of_3_tokens"',
    'pwd = "/home/me/data"',
    'password_file = "smtp-password-of-mine"',
    'num_tokens = "a1b2c3d4e5f6a7b8c9d0"',
    'token = "the"',
    'schema = {"password": "string", "token": "varchar"}',
    'fields = {"password": "user_password"}',
    'auth = "basic"',
    'requests.get(url, auth=(user, password))',
    'url = f"https://{user}:{password}@host/"',
    'url = "https://user:%s@host/" % password',
    'h = {"Authorization": f"Bearer {token}"}',
    'print("Basic classification of images; Bearer Authentication")',
    'os.system("curl -o data.zip https://example.org/data.zip?size=28")',
    'wandb.login()',
    'password = f"team-{number}-{name}"',
    'server.login(user, os.environ["PASSWORD"])',
    'print("-----BEGIN PRIVATE KEY-----" in text)',
    'd = {"key": "image_dataset_from_directory"}',
  ];
  for (const line of lines) {
    it(`such as ${line} is none`, () => {
      assert.deepEqual(inspectText(`${line}\n`).warnings, []);
    });
  }
});
