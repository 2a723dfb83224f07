/** How credentials look: by their own characters, by the name that they are given, and what only stands in for one. */

interface TokenShape {
  readonly what: string;
  readonly prefixes: readonly string[];
  /** The least number of characters behind the prefix. */
  readonly length: number;
}

/** Prefixes that the services themselves document, so that scanners can find them. */
const TOKENS: readonly TokenShape[] = [
  { what: 'a GitHub token', prefixes: ['ghp_', 'gho_', 'ghu_', 'ghs_', 'ghr_', 'github_pat_'], length: 20 },
  { what: 'a GitLab token', prefixes: ['glpat-'], length: 16 },
  { what: 'an AWS access key', prefixes: ['AKIA', 'ASIA'], length: 16 },
  { what: 'a Slack token', prefixes: ['xoxa-', 'xoxb-', 'xoxe-', 'xoxp-', 'xoxr-', 'xoxs-'], length: 10 },
  { what: 'a Hugging Face token', prefixes: ['hf_'], length: 20 },
  { what: 'a Google API key', prefixes: ['AIza'], length: 30 },
  { what: 'a Kaggle or Weights & Biases key', prefixes: ['KGAT_', 'wandb_v1_'], length: 20 },
  {
    what: 'an API key',
    prefixes: ['sk_live_', 'sk_test_', 'rk_live_', 'npm_', 'pypi-AgE', 'dckr_pat_', 'SG.'],
    length: 20,
  },
];
/** Keys of OpenAI and others; the part of letters and digits in `sk-proj-…` is long, in `sk-learn-model` it is not. */
const SK_PREFIX = 'sk-';
const SK_LENGTH = 16;

/** What a text is by its characters alone: a token or a key, or a URL, header or command line that holds one. */
export function shapeOf(text: string): string | undefined {
  if (hasPrivateKey(text)) {
    return 'a private key';
  }
  const words = wordsOf(text);
  for (const word of words) {
    const token = TOKENS.find(({ prefixes, length }) =>
      prefixes.some((prefix) => word.startsWith(prefix) && isToken(word.slice(prefix.length), length)),
    );
    if (token !== undefined) {
      return token.what;
    }
    if (word.startsWith(SK_PREFIX) && word.split('-').some((part) => isToken(part, SK_LENGTH))) {
      return 'an API key';
    }
    if (isJsonWebToken(word)) {
      return 'a JSON Web Token';
    }
  }
  if (hasAuthorization(text)) {
    return 'an access token';
  }
  if (hasPasswordInUrl(text)) {
    return 'a URL with a password';
  }
  const isCommand = COMMANDS.some((command) => text.includes(`${command} `));
  return isCommand ? secretInCommand(text) : undefined;
}

/** The runs of characters that a token can have. */
function wordsOf(text: string): readonly string[] {
  const words: string[] = [];
  let start = 0;
  for (let at = 0; at <= text.length; at += 1) {
    const character = text.charAt(at);
    if (at === text.length || !(isAlphanumeric(character) || '_-.'.includes(character))) {
      if (at > start) {
        words.push(text.slice(start, at));
      }
      start = at + 1;
    }
  }
  return words;
}

function hasPrivateKey(text: string): boolean {
  const begin = text.indexOf('-----BEGIN ');
  const header = 'PRIVATE KEY-----';
  const end = begin === -1 ? -1 : text.indexOf(header, begin);
  return end !== -1 && wordsOf(text.slice(end + header.length)).some((word) => isToken(word, 16));
}

function isJsonWebToken(word: string): boolean {
  const parts = word.split('.');
  return word.startsWith('eyJ') && parts.length === 3 && parts.every((part) => part.length >= 10);
}

/** `Authorization: Bearer …`, and `Basic` with a user and a password in Base64. */
function hasAuthorization(text: string): boolean {
  const words = text.split(' ').map(withoutQuotes);
  return words.some((word, index) => {
    const scheme = words[index - 1]?.toLowerCase() ?? '';
    if (scheme.endsWith('bearer')) {
      // The first letter of a sentence is a capital as well.
      return isToken(word, 12) && hasDigitOrCase(word.slice(1)) && !isPlaceholder(word);
    }
    return scheme.endsWith('basic') && isToken(word, 8) && Buffer.from(word, 'base64').toString('latin1').includes(':');
  });
}

/** `https://user:password@host`, `https://token@host`, `https://host/?api_key=…` */
function hasPasswordInUrl(text: string): boolean {
  for (let scheme = text.indexOf('://'); scheme !== -1; scheme = text.indexOf('://', scheme + 3)) {
    const rest = text.slice(scheme + 3);
    const url = rest.slice(0, firstOf(rest, ' "\'\n'));
    const authority = url.slice(0, firstOf(url, '/?#'));
    const at = authority.lastIndexOf('@');
    const user = authority.slice(0, Math.max(at, 0));
    const colon = user.indexOf(':');
    const password = colon === -1 ? '' : user.slice(colon + 1);
    const query = url.includes('?') ? url.slice(url.indexOf('?') + 1).split('&') : [];
    if (!isPlaceholder(password) || (colon === -1 && isRandom(user)) || query.some(isSecretSetting)) {
      return true;
    }
  }
  return false;
}

/** A text with `***` for the user and the password in the addresses of it. */
export function withoutUserInfo(text: string): string {
  const [first = '', ...rest] = text.split('://');
  const shown = rest.map((part) => {
    const end = firstOf(part, '/?# "\'\n');
    const at = part.slice(0, end).lastIndexOf('@');
    return at === -1 ? part : `***${part.slice(at)}`;
  });
  return [first, ...shown].join('://');
}

function firstOf(text: string, characters: string): number {
  let at = 0;
  while (at < text.length && !characters.includes(text.charAt(at))) {
    at += 1;
  }
  return at;
}

/** `api_key=…`, as in a query or an environment. */
function isSecretSetting(text: string): boolean {
  const equals = text.indexOf('=');
  const name = text.slice(0, equals);
  const guards = mayGuard(name);
  const value = withoutQuotes(text.slice(equals + 1));
  const isSecret = guards === 'surely' || name.toLowerCase() === 'token' || isRandom(value);
  return equals > 0 && guards !== undefined && isSecret && !isPlaceholder(value);
}

/** Programs that are given passwords on their command line. */
const COMMANDS = ['curl', 'wget', 'sshpass', 'mysql', 'psql', 'docker login', 'git clone', 'export'];

/** `curl --user admin:password http://…`, `export API_KEY=…`, `wget --password=…`, `%env API_KEY …` */
export function secretInCommand(command: string): string | undefined {
  const words = command
    .split(' ')
    .filter((word) => word !== '')
    .map(withoutQuotes);
  const found = words.some((word, index) => {
    const before = words[index - 1] ?? '';
    if (isSecretSetting(trimStart(word, '-%!'))) {
      return true;
    }
    if (before === '-u' || before === '--user') {
      return word.includes(':') && !isPlaceholder(word.slice(word.indexOf(':') + 1));
    }
    if (before === '-p' && words[index - 2]?.endsWith('sshpass') === true) {
      return !isPlaceholder(word);
    }
    const isNamed = before.startsWith('--') || before.endsWith(':') || words[index - 2] === '%env';
    return isNamed && mayGuard(trimStart(before, '-')) === 'surely' && !isPlaceholder(word);
  });
  return found ? 'a password on a command line' : undefined;
}

function trimStart(text: string, characters: string): string {
  let at = 0;
  while (at < text.length && characters.includes(text.charAt(at))) {
    at += 1;
  }
  return text.slice(at);
}

function withoutQuotes(word: string): string {
  const isQuote = (character: string): boolean => ['"', "'", '\\'].includes(character);
  let from = 0;
  let to = word.length;
  while (from < to && isQuote(word.charAt(from))) {
    from += 1;
  }
  while (to > from && isQuote(word.charAt(to - 1))) {
    to -= 1;
  }
  return word.slice(from, to);
}

/** Last words of names of what is kept secret, as in `db_password`, `smtpPwd`. */
const SECRET_WORDS = ['password', 'passwd', 'passphrase', 'pwd', 'pw', 'secret', 'apikey', 'secretkey', 'accesskey'];
/** What makes a secret of the word behind it. */
const KEY_WORDS = ['api', 'access', 'account', 'app', 'auth', 'client', 'encryption', 'private', 'secret', 'signing'];
const TOKEN_WORDS = [
  ...KEY_WORDS,
  ...[
    'admin',
    'bearer',
    'bot',
    'build',
    'comet',
    'deploy',
    'discord',
    'gh',
    'git',
    'github',
    'gitlab',
    'hf',
    'huggingface',
  ],
  ...[
    'jenkins',
    'kaggle',
    'line',
    'login',
    'mlflow',
    'neptune',
    'oauth',
    'personal',
    'pushover',
    'refresh',
    'security',
  ],
  ...['service', 'slack', 'telegram', 'trigger', 'user', 'wandb', 'webhook'],
];
const PASS_WORDS = [
  'admin',
  'auth',
  'db',
  'email',
  'ftp',
  'gmail',
  'login',
  'mail',
  'my',
  'mysql',
  'sender',
  'smtp',
  'ssh',
  'user',
];

/**
 * Whether what has this name is kept secret. `token`, `key` and `auth` are more often words of a text, so there the value
 * has to look like a secret too.
 */
export function mayGuard(name: string): 'surely' | 'perhaps' | undefined {
  const words = partsOf(name).filter((word) => Number.isNaN(Number(word)));
  const last = words.at(-1) ?? '';
  const before = words.at(-2) ?? '';
  const isSure =
    SECRET_WORDS.includes(last) ||
    (last === 'key' && KEY_WORDS.includes(before)) ||
    (last === 'token' && TOKEN_WORDS.includes(before)) ||
    (last === 'pass' && (words.length === 1 || PASS_WORDS.includes(before)));
  // AWS_ACCESS_KEY_ID is known by its shape, and names no secret by itself.
  return isSure ? 'surely' : ['token', 'key', 'auth', 'credentials'].includes(last) ? 'perhaps' : undefined;
}

/** `smtpPassword2` → smtp, password, 2. */
function partsOf(text: string): readonly string[] {
  const parts: string[] = [];
  let part = '';
  for (let at = 0; at < text.length; at += 1) {
    const character = text.charAt(at);
    const before = text.charAt(at - 1);
    const begins = (isUpper(character) && isLower(before)) || isDigit(character) !== isDigit(before);
    if (begins || !isAlphanumeric(character)) {
      parts.push(part);
      part = '';
    }
    part += isAlphanumeric(character) ? character.toLowerCase() : '';
  }
  return [...parts, part].filter((word) => word !== '');
}

/** One of these words makes a text one that stands for a secret. */
const STAND_IN_WORDS = [
  ...[
    'your',
    'placeholder',
    'redacted',
    'changeme',
    'changeit',
    'dummy',
    'example',
    'todo',
    'fixme',
    'insert',
    'paste',
  ],
  ...['replace', 'fill', 'enter', 'fake', 'sample', 'hidden', 'masked', 'removed', 'censored'],
];
/** A text of nothing but these words opens nothing. */
const EMPTY_WORDS = [
  ...SECRET_WORDS,
  ...['pass', 'word', 'token', 'key', 'api', 'access', 'auth', 'my', 'test', 'none', 'null', 'the', 'a', 'an', 'user'],
  ...[
    'username',
    'login',
    'change',
    'me',
    'here',
    'some',
    'string',
    'str',
    'value',
    'default',
    'empty',
    'unknown',
    'env',
  ],
  ...['environ', 'os', 'true', 'false', 'bearer', 'basic', 'text', 'varchar', 'type', 'field', 'name', 'of', 'client'],
];
const FILE_ENDINGS = ['.txt', '.json', '.pem', '.key', '.yml', '.yaml', '.env', '.ini', '.cfg', '.csv', '.h5', '.pkl'];

/** `""`, `"xxxx"`, `"<token>"`, `"your-password"`, `"${TOKEN}"`, `"SMTP_PASSWORD"`, `"/run/secret"`: nothing that opens anything. */
export function isPlaceholder(value: string): boolean {
  const plain = value.trim();
  if (plain.length < 4 || plain.includes('{}') || plain.includes('://') || isTemplate(plain)) {
    return true;
  }
  if (plain.includes(' ')) {
    return !isAppPassword(plain);
  }
  const isPath = ['/', './', '../', '~/'].some((start) => plain.startsWith(start));
  if (isPath || FILE_ENDINGS.some((ending) => plain.toLowerCase().endsWith(ending))) {
    return true;
  }
  const parts = partsOf(plain);
  const isName = [...plain].every((character) => isAlphanumeric(character) || '_-'.includes(character));
  return (
    parts.some((part) => STAND_IN_WORDS.includes(part)) ||
    parts.every((part) => EMPTY_WORDS.includes(part) || isRepeated(part)) ||
    (isName && parts.length > 1 && parts.every((part) => !isDigit(part.charAt(0))) && mayGuard(plain) === 'surely')
  );
}

/** `<x>`, `{x}`, `[x]`, `$X`, `%(x)s`, `%X%`: something else is put in its place. */
function isTemplate(text: string): boolean {
  const isAround = ['<>', '{}', '[]', '%%', '()'].some(
    (pair) => text.startsWith(pair.charAt(0)) && text.endsWith(pair.charAt(1)),
  );
  const name = text.slice(1);
  const isVariable = [...name].every((character) => isAlphanumeric(character) || '_{}()'.includes(character));
  return isAround || (text.startsWith('$') && isVariable) || text.startsWith('%(');
}

/** Google's passwords for programs: four times four letters. */
function isAppPassword(text: string): boolean {
  const groups = text.split(' ');
  return groups.length === 4 && groups.every((group) => group.length === 4 && [...group].every(isLower));
}

function isRepeated(text: string): boolean {
  return text.length > 1 && [...text].every((character) => character === text.charAt(0));
}

/** Letters and digits in no order that words joined by `_` or `-` would have: a hash, a key, a token. */
export function isRandom(value: string): boolean {
  const characters = [...value];
  const changes = characters.filter((character, at) => at > 0 && isDigit(character) !== isDigit(value.charAt(at - 1)));
  return (
    isToken(value, 16) &&
    changes.length >= 4 &&
    characters.filter(isDigit).length >= 3 &&
    characters.filter((character) => isLower(character) || isUpper(character)).length >= 3 &&
    value.split(SEPARATORS).some((part) => part.length >= 10) &&
    !isPlaceholder(value)
  );
}

const SEPARATORS = /[-_.+/=]/;

function isToken(text: string, least: number): boolean {
  return (
    text.length >= least &&
    [...text].every((character) => isAlphanumeric(character) || '_-.+/='.includes(character)) &&
    hasDigitOrCase(text) &&
    !partsOf(text).every(isRepeated)
  );
}

/** Words of a language have neither digits nor both cases in their middle. */
function hasDigitOrCase(text: string): boolean {
  return [...text].some(isDigit) || (text !== text.toLowerCase() && text !== text.toUpperCase());
}

function isDigit(character: string): boolean {
  return character >= '0' && character <= '9';
}

function isLower(character: string): boolean {
  return character >= 'a' && character <= 'z';
}

function isUpper(character: string): boolean {
  return character >= 'A' && character <= 'Z';
}

function isAlphanumeric(character: string): boolean {
  return isDigit(character) || isLower(character) || isUpper(character);
}
