/** The server's configuration: one YAML file, every key of which an environment variable can override. */
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { resolve } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { bytes, seconds } from './units.js';
import { explainIssues } from './zod-issues.js';

const repositorySchema = z.strictObject({
  /** `owner/name`, as the host of the repository spells it. */
  name: z.string().regex(/^[A-Za-z0-9_.-]+\/[A-Za-z0-9_.-]+$/, 'expects owner/name'),
  /** Where to fetch from and push to. Empty: `<github.url>/<name>.git`. Never taken from a webhook's payload. */
  url: z.string().default(''),
  /** Watched branches as glob patterns; the bot's own side branches are never watched. */
  branches: z.array(z.string().min(1)).default(['*']),
  /** Token for this repository alone; empty: `github.token`, or the GitHub App. */
  token: z.string().default(''),
  /** Path of a private key for `git@…` URLs. */
  ssh_key: z.string().default(''),
});

const budgetSchema = z.strictObject({
  trials: z.int().min(1).default(50),
  hours: z.number().positive().default(12),
  patience: z.int().min(1).default(15),
});

/** 0 stands for never. */
function neverOr<T extends z.ZodType>(duration: T) {
  return z.union([z.literal(0), duration]);
}

const schema = z.strictObject({
  server: z
    .strictObject({
      host: z.string().default('127.0.0.1'),
      port: z.int().min(0).max(65_535).default(8080),
      url: z.string().default(''),
      token: z.string().default(''),
      read_token: z.string().default(''),
      public: z.boolean().default(false),
    })
    .prefault({}),
  data: z.string().min(1).default('data'),
  redis: z.strictObject({ url: z.string().default(''), command: z.string().default('') }).prefault({}),
  worker: z
    .strictObject({
      name: z.string().default(''),
      trainings: z.int().min(1).default(1),
    })
    .prefault({}),
  github: z
    .strictObject({
      webhook_secret: z.string().default(''),
      url: z.string().default('https://github.com'),
      api_url: z.string().default('https://api.github.com'),
      token: z.string().default(''),
      app_id: z.string().default(''),
      app_private_key: z.string().default(''),
      app_installation_id: z.string().default(''),
      statuses: z.boolean().default(true),
    })
    .prefault({}),
  poll: z.strictObject({ every: neverOr(seconds).default(seconds.parse('55s')) }).prefault({}),
  repositories: z.array(repositorySchema).default([]),
  smtp: z
    .strictObject({
      host: z.string().default(''),
      port: z.int().min(1).max(65_535).default(587),
      secure: z.boolean().default(false),
      user: z.string().default(''),
      password: z.string().default(''),
    })
    .prefault({}),
  mail: z
    .strictObject({
      from: z.string().default('Pushtune <pushtune@localhost>'),
      to: z.array(z.string()).default([]),
      author_domains: z.array(z.string()).default([]),
    })
    .prefault({}),
  bot: z
    .strictObject({
      name: z.string().min(1).default('pushtune[bot]'),
      email: z.string().min(1).default('pushtune@localhost'),
      skip_checks: z.boolean().default(true),
    })
    .prefault({}),
  study: z
    .strictObject({
      target: z.number().default(0.8),
      budget: budgetSchema.prefault({}),
    })
    .prefault({}),
  container: z.strictObject({ selinux: z.boolean().default(false) }).prefault({}),
  training: z
    .strictObject({
      memory: bytes.default(bytes.parse('4g')),
      cpus: z.number().positive().default(2),
      processes: z.int().min(16).default(1024),
      disk: bytes.default(bytes.parse('10g')),
      output: bytes.default(bytes.parse('256m')),
      timeout: seconds.default(seconds.parse('2h')),
      network: z.string().min(1).default('bridge'),
      data_root: z.string().default(''),
      cuda_index: z.string().default(''),
      interpreter: z.enum(['auto', 'fork', 'spare', 'cold']).default('auto'),
      idle: neverOr(seconds).default(seconds.parse('30m')),
      engine_patience: seconds.default(seconds.parse('10m')),
    })
    .prefault({}),
  artifacts: z
    .strictObject({
      file: bytes.default(bytes.parse('2g')),
      run: bytes.default(bytes.parse('4g')),
    })
    .prefault({}),
  clean_up: z
    .strictObject({
      artifacts_age: seconds.default(seconds.parse('90d')),
      artifacts_size: bytes.default(bytes.parse('40g')),
      workspaces_age: seconds.default(seconds.parse('1d')),
      workspaces_size: bytes.default(bytes.parse('20g')),
      caches_age: seconds.default(seconds.parse('30d')),
      caches_size: bytes.default(bytes.parse('40g')),
      images_age: seconds.default(seconds.parse('14d')),
      images_size: bytes.default(bytes.parse('40g')),
    })
    .prefault({}),
  log: z
    .strictObject({ level: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).default('info') })
    .prefault({}),
});

/** Keys are spelled as in the file, so that one name finds a setting in the file, the documentation and the code. */
export interface Config extends z.infer<typeof schema> {}
export interface RepositorySettings extends z.infer<typeof repositorySchema> {}
export interface Budget extends z.infer<typeof budgetSchema> {}

/** A configuration that can't be used; the message names the place, what stands there and what is expected. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/** Variables that start with `PUSHTUNE_` and are no settings. */
const otherVariables = new Set(['PUSHTUNE_CONFIG']);

/** All settings at their defaults; `config/pushtune.yml` shows the same values, which a test checks. */
export function defaultConfig(): Config {
  return schema.parse({});
}

/**
 * Reads the configuration: `path`, overridden by `PUSHTUNE_<KEY>` (`PUSHTUNE_SERVER_PORT` is `server.port`; lists are
 * written as YAML) and by `REDIS_URL`.
 *
 * @throws {ConfigError} naming the file or variable, the key, what it got and what it expects
 */
export function loadConfig(path: string, environment: Readonly<Record<string, string | undefined>>): Config {
  return parseConfig(readYaml(path), path, environment);
}

/** As {@link loadConfig}, for settings that were read already; `place` names their origin in errors. */
export function parseConfig(
  settings: unknown,
  place: string,
  environment: Readonly<Record<string, string | undefined>> = {},
): Config {
  const overridden = applyEnvironment(settings ?? {}, environment);
  const result = schema.safeParse(overridden);
  if (!result.success) throw new ConfigError(`${place}: ${explainIssues(result.error, overridden)}`);
  const config = result.data;
  return {
    ...config,
    data: resolve(config.data),
    server: { ...config.server, url: config.server.url.replace(/\/+$/, '') },
    worker: { ...config.worker, name: config.worker.name === '' ? safeName(hostname()) : safeName(config.worker.name) },
  };
}

/** Where the repository is fetched from and pushed to. */
export function repositoryUrl(config: Config, repository: RepositorySettings): string {
  if (repository.url !== '') return repository.url;
  return `${config.github.url.replace(/\/+$/, '')}/${repository.name}.git`;
}

/** The settings of a watched repository, or undefined; names differ in case only on hosts that GitHub is not. */
export function findRepository(config: Config, name: string): RepositorySettings | undefined {
  return config.repositories.find((repository) => repository.name.toLowerCase() === name.toLowerCase());
}

function readYaml(path: string): unknown {
  try {
    return parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new ConfigError(`${path}: the configuration can't be read: ${String(error)}`, { cause: error });
  }
}

function applyEnvironment(settings: unknown, environment: Readonly<Record<string, string | undefined>>): unknown {
  const overridden = structuredClone(settings);
  const leaves = new Map(
    settingPaths(defaultConfig()).map((path) => [`PUSHTUNE_${path.join('_').toUpperCase()}`, path]),
  );
  for (const [variable, text] of Object.entries(environment)) {
    if (text === undefined) continue;
    if (variable === 'REDIS_URL') set(overridden, ['redis', 'url'], text);
    if (!variable.startsWith('PUSHTUNE_') || otherVariables.has(variable)) continue;
    const path = leaves.get(variable);
    if (path === undefined) {
      throw new ConfigError(`${variable} matches no setting; a setting a.b is overridden by PUSHTUNE_A_B`);
    }
    set(overridden, path, typeof valueAt(defaultConfig(), path) === 'string' ? text : parse(text));
  }
  return overridden;
}

function settingPaths(value: unknown, path: readonly string[] = []): (readonly string[])[] {
  if (!isRecord(value)) return [path];
  return Object.entries(value).flatMap(([key, child]) => settingPaths(child, [...path, key]));
}

function valueAt(value: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>((parent, key) => (isRecord(parent) ? parent[key] : undefined), value);
}

function set(target: unknown, path: readonly string[], value: unknown): void {
  if (!isRecord(target)) return;
  const [key, ...rest] = path;
  if (key === undefined) return;
  if (rest.length === 0) {
    target[key] = value;
    return;
  }
  target[key] ??= {};
  set(target[key], rest, value);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Host names become part of queue names, in which BullMQ allows no colon. */
function safeName(name: string): string {
  return name.replace(/[^A-Za-z0-9_.-]/g, '-');
}
