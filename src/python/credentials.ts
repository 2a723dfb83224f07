import type { InspectionWarning } from './inspection.js';
import { type Module, type Project, positionInFile } from './project.js';
import { callArguments, calleeOf, lastName, nodesOf, type SyntaxNode, textOf } from './syntax.js';

/**
 * Warns of string literals that look like a credential, which everyone who may read the repository can read as well. The
 * value itself is never told.
 */
export function credentialWarnings(project: Project): readonly InspectionWarning[] {
  return project.modules.flatMap((module) => {
    const found = nodesOf(module, 'String').flatMap((node) => {
      const value = stringValue(module, node);
      const what = value === undefined ? undefined : (shapeOf(value) ?? roleOf(module, node, value));
      return what === undefined ? [] : [{ what, line: positionInFile(module, node.from).line }];
    });
    return found.map(({ what, line }) => ({
      file: module.file,
      line,
      message: `this looks like ${what}: take it out, make it invalid where it was issued, and read it from the environment`,
    }));
  });
}

/** The characters between the quotes; a prefix such as `b` or `r` does not matter here. */
function stringValue(module: Module, node: SyntaxNode): string | undefined {
  const text = textOf(module, node);
  const start = [...text].findIndex((character) => character === '"' || character === "'");
  const quote = text.charAt(start);
  const fence = text.startsWith(quote.repeat(3), start) && text.length >= start + 6 ? 3 : 1;
  return start === -1 ? undefined : text.slice(start + fence, text.length - fence);
}

interface TokenShape {
  readonly what: string;
  readonly prefixes: readonly string[];
  /** The least number of letters and digits behind the prefix. */
  readonly length: number;
}

/** Prefixes that the services themselves document, so that scanners can find them. */
const TOKENS: readonly TokenShape[] = [
  { what: 'a GitHub token', prefixes: ['ghp_', 'gho_', 'ghu_', 'ghs_', 'ghr_', 'github_pat_'], length: 20 },
  { what: 'a GitLab token', prefixes: ['glpat-'], length: 16 },
  { what: 'an AWS access key', prefixes: ['AKIA', 'ASIA'], length: 16 },
  { what: 'an API key', prefixes: ['sk-', 'sk_live_', 'rk_live_'], length: 20 },
  { what: 'a Slack token', prefixes: ['xoxb-', 'xoxp-', 'xoxa-', 'xoxr-', 'xoxs-'], length: 10 },
  { what: 'a Hugging Face token', prefixes: ['hf_'], length: 20 },
  { what: 'a Google API key', prefixes: ['AIza'], length: 30 },
  { what: 'a Kaggle or Weights & Biases key', prefixes: ['KGAT_', 'wandb_v1_'], length: 20 },
  { what: 'a JSON Web Token', prefixes: ['eyJ'], length: 40 },
];

const KEY_HEADERS = [
  '-----BEGIN RSA PRIVATE',
  '-----BEGIN PRIVATE',
  '-----BEGIN OPENSSH PRIVATE',
  '-----BEGIN EC PRIVATE',
];

/** What a text is by its shape alone. */
function shapeOf(value: string): string | undefined {
  if (KEY_HEADERS.some((header) => value.includes(header))) {
    return 'a private key';
  }
  if (hasPasswordInUrl(value)) {
    return 'a URL with a password';
  }
  if (value.includes('curl ') && hasPasswordForCurl(value)) {
    return 'a password on a command line';
  }
  const word = value.startsWith('Bearer ') || value.startsWith('token ') ? value.slice(value.indexOf(' ') + 1) : value;
  const token = TOKENS.find(({ prefixes, length }) =>
    prefixes.some((prefix) => word.startsWith(prefix) && isToken(word.slice(prefix.length), length)),
  );
  if (token !== undefined) {
    return token.what;
  }
  return value.startsWith('Bearer ') && isToken(word, 16) ? 'an access token' : undefined;
}

function isToken(text: string, least: number): boolean {
  return text.length >= least && [...text].every((character) => isTokenCharacter(character)) && hasDigitOrCase(text);
}

function isTokenCharacter(character: string): boolean {
  return (character >= '0' && character <= '9') || isLetter(character) || '_-.+/='.includes(character);
}

function isLetter(character: string): boolean {
  return (character >= 'a' && character <= 'z') || (character >= 'A' && character <= 'Z');
}

/** Words of a language have neither digits nor both cases in their middle. */
function hasDigitOrCase(text: string): boolean {
  const hasDigit = [...text].some((character) => character >= '0' && character <= '9');
  return hasDigit || (text !== text.toLowerCase() && text !== text.toUpperCase());
}

/** `https://user:password@host` */
function hasPasswordInUrl(value: string): boolean {
  const scheme = value.indexOf('://');
  if (scheme === -1) {
    return false;
  }
  const end = value.indexOf('/', scheme + 3);
  const authority = value.slice(scheme + 3, end === -1 ? value.length : end);
  const at = authority.lastIndexOf('@');
  const colon = authority.indexOf(':');
  return at !== -1 && colon !== -1 && colon < at && !isPlaceholder(authority.slice(colon + 1, at));
}

/** `curl --user admin:password http://…` */
function hasPasswordForCurl(command: string): boolean {
  const words = command.split(' ').filter((word) => word !== '');
  return words.some((word, index) => {
    const user = ['"', "'"].includes(word.charAt(0)) ? word.slice(1, -1) : word;
    const isUser = ['-u', '--user'].includes(words[index - 1] ?? '');
    return isUser && user.includes(':') && !isPlaceholder(user.slice(user.indexOf(':') + 1));
  });
}

/** Names of what is kept secret, as they end: `db_password`, `API_KEY`, `smtp_pwd`. */
const SECRET_NAMES = [
  'password',
  'passwd',
  'passphrase',
  'pwd',
  'secret',
  'secret_key',
  'secretkey',
  'client_secret',
  'api_key',
  'apikey',
  'api_token',
  'access_key',
  'access_token',
  'auth_token',
  'bearer_token',
  'private_key',
  'account_key',
  'app_key',
];
/** `token` alone is more often a word of a text than a key. */
const UNSURE_NAMES = ['token', 'key', 'auth'];

/** What a text is by the name that it is given, or the call that it is given to. */
function roleOf(module: Module, node: SyntaxNode, value: string): string | undefined {
  if (isPlaceholder(value)) {
    return undefined;
  }
  const name = nameOf(module, node)?.toLowerCase().replaceAll('-', '_');
  const isSecret = name !== undefined && SECRET_NAMES.some((secret) => name === secret || name.endsWith(`_${secret}`));
  const isUnsure = name !== undefined && UNSURE_NAMES.some((word) => name === word || name.endsWith(`_${word}`));
  if (isSecret || (isUnsure && isToken(value, 20) && hasDigitOrCase(value))) {
    return 'a password or a key';
  }
  return isLoginPassword(module, node) ? 'a password' : undefined;
}

/** The name, key or keyword that a value is given. */
function nameOf(module: Module, node: SyntaxNode): string | undefined {
  const { parent } = node;
  const siblings = parent?.children ?? [];
  const index = siblings.indexOf(node);
  const before = siblings[index - 2];
  const operator = siblings[index - 1];
  if (parent?.type === 'AssignStatement' && operator?.type === 'AssignOp') {
    return targetName(module, siblings[0]);
  }
  if ((parent?.type === 'ArgList' || parent?.type === 'ParamList') && operator?.type === 'AssignOp') {
    return before === undefined ? undefined : textOf(module, before);
  }
  if (parent?.type === 'DictionaryExpression' && operator?.type === ':' && before?.type === 'String') {
    return stringValue(module, before);
  }
  return undefined;
}

/** `password`, `self.password`, `config["password"]`, `os.environ["PASSWORD"]` */
function targetName(module: Module, target: SyntaxNode | undefined): string | undefined {
  if (target?.type === 'VariableName') {
    return textOf(module, target);
  }
  const last = target?.children.at(-1);
  const key = target?.children[2];
  if (last?.type === 'PropertyName') {
    return textOf(module, last);
  }
  return last?.type === ']' && key?.type === 'String' ? stringValue(module, key) : undefined;
}

/** `server.login("me@example.org", "…")`, `auth=("me", "…")`, `HTTPBasicAuth("me", "…")` */
function isLoginPassword(module: Module, node: SyntaxNode): boolean {
  const { parent } = node;
  if (parent?.type === 'TupleExpression') {
    const elements = parent.children.filter(({ type }) => type === 'String');
    return elements.length === 2 && elements[1] === node && nameOf(module, parent) === 'auth';
  }
  const call = parent?.type === 'ArgList' ? parent.parent : undefined;
  const callee = call?.type === 'CallExpression' ? calleeOf(call) : undefined;
  const name = callee === undefined ? undefined : lastName(module, callee);
  const isLogin = name === 'login' || name === 'HTTPBasicAuth';
  return isLogin && call !== undefined && callArguments(module, call)[1]?.value === node;
}

const PLACEHOLDERS = [
  'changeme',
  'dummy',
  'none',
  'null',
  'pass',
  'passwd',
  'password',
  'secret',
  'test',
  'todo',
  'token',
];
const PLACEHOLDER_WORDS = ['example', 'insert', 'placeholder', 'your'];

/** `""`, `"xxxx"`, `"<token>"`, `"your-password"`, `"${TOKEN}"`: nothing that opens anything. */
function isPlaceholder(value: string): boolean {
  const plain = value.trim().toLowerCase();
  const isMasked = [...plain].every((character) => character === plain.charAt(0));
  const isMarked = ['<', '{', '$', '[', '%'].some((mark) => plain.startsWith(mark));
  const isWord = PLACEHOLDERS.includes(plain) || PLACEHOLDER_WORDS.some((word) => plain.includes(word));
  return plain.length < 4 || isMasked || isMarked || plain.includes(' ') || isWord;
}
