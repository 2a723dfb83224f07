/** `.pushtune.yml`: what a watched repository says about itself. All of it is optional. */
import { parse } from 'yaml';
import { z } from 'zod';
import type { Config } from './config.js';
import { commandFile, isSettableVariable } from './python/command-file.js';
import { samplers } from './tuning/suggest.js';
import { bytes, seconds } from './units.js';
import { explainIssues } from './zod-issues.js';

export const repositoryConfigName = commandFile;

const value = z.union([z.number(), z.string(), z.boolean(), z.array(z.union([z.number(), z.string(), z.boolean()]))]);

/** YAML 1.1 readers turn `off` into false, so both spellings switch a hyperparameter off. */
const off = z.union([z.literal('off'), z.literal(false)]).transform(() => 'off' as const);

const hyperparameterSchema = z.union([
  off,
  z.strictObject({
    type: z.enum(['float', 'int', 'categorical']).optional(),
    low: z.number().optional(),
    high: z.number().optional(),
    step: z.number().positive().optional(),
    log: z.boolean().optional(),
    choices: z.array(value).min(1).optional(),
  }),
]);

const notifications = ['target_reached', 'budget_ended', 'failed', 'build_changed', 'container_restarted'] as const;

const word = z.union([z.string(), z.number()]);
const variables = z.record(
  z
    .string()
    .regex(/^[A-Za-z_][A-Za-z0-9_]*$/)
    .refine(isSettableVariable),
  word,
  {
    error: ({ code }) =>
      code === 'invalid_key'
        ? 'not a variable that can be set: a name has letters, digits and _, and PATH, HOME, PYTHONPATH, PYTHONHOME, LD_… and PUSHTUNE_… are the container’s own'
        : undefined,
  },
);

/** As above: `off` and `on` are words or truth values, whoever reads them. */
function onOrOff(otherwise: boolean) {
  return z
    .union([z.boolean(), z.enum(['on', 'off'])])
    .default(otherwise)
    .transform((value) => value === true || value === 'on');
}

/** The schema of `.pushtune.yml`; `config/pushtune.schema.json` is generated from it. */
export const repositoryConfigSchema = z.strictObject({
  main: z.string().min(1).optional(),
  arguments: z.array(word).default([]),
  variables: variables.default({}),
  environment: z
    .strictObject({
      image: z.string().min(1).optional(),
      strict: z.boolean().default(false),
      memory: bytes.optional(),
      cpus: z.number().positive().optional(),
      gpus: z.int().min(0).default(0),
      disk: bytes.optional(),
      network: z.string().min(1).optional(),
      timeout: seconds.optional(),
    })
    .prefault({}),
  data: z.array(z.string().min(1)).default([]),
  metric: z
    .strictObject({
      name: z.string().min(1).optional(),
      mode: z.enum(['max', 'min']).default('max'),
      target: z.number().optional(),
      source: z.string().min(1).optional(),
      pattern: z.string().min(1).optional(),
    })
    .prefault({}),
  artifacts: z.array(z.string().min(1)).optional(),
  hyperparameters: z.record(z.string(), hyperparameterSchema).default({}),
  budget: z
    .strictObject({
      trials: z.int().min(1).optional(),
      hours: z.number().positive().optional(),
      patience: z.int().min(1).optional(),
    })
    .prefault({}),
  sampler: z.enum(samplers).default('auto'),
  pruning: onOrOff(true),
  /** What a training draws, unless the script has a seed of its own; NumPy takes no larger one. */
  seed: z
    .int()
    .min(0)
    .max(2 ** 32 - 1)
    .optional(),
  /** Whether trainings are reported by epoch, resumed, ended early and kept; off leaves the script alone. */
  autolog: onOrOff(true),
  confirm: onOrOff(false),
  notify: z.strictObject({ on: z.array(z.enum(notifications)).default([...notifications]) }).prefault({}),
});

export interface RepositoryConfig extends z.infer<typeof repositoryConfigSchema> {}
export type Notification = (typeof notifications)[number];

/** A `.pushtune.yml` that can't be used; the message names the key, what stands there and what is expected. */
export class RepositoryConfigError extends Error {
  override readonly name = 'RepositoryConfigError';
}

/**
 * Parses the text of `.pushtune.yml`; undefined stands for a repository without one.
 *
 * @throws {RepositoryConfigError}
 */
export function parseRepositoryConfig(text: string | undefined): RepositoryConfig {
  const settings = parseYaml(text);
  const result = repositoryConfigSchema.safeParse(settings);
  if (!result.success) {
    throw new RepositoryConfigError(`${repositoryConfigName}: ${explainIssues(result.error, settings)}`);
  }
  return result.data;
}

/** The same schema for editors, as JSON Schema. */
export function repositoryConfigJsonSchema(): object {
  // What is written in the file counts, not what parsing makes of it (seconds, bytes).
  return { ...z.toJSONSchema(repositoryConfigSchema, { io: 'input' }), title: repositoryConfigName };
}

/** The limits of one training: the repository's wishes, where it has any, and never more than the server allows. */
export interface TrainingLimits {
  /** Bytes. */
  readonly memory: number;
  readonly cpus: number;
  readonly processes: number;
  readonly network: string;
  readonly gpus: number;
  /** Bytes that a training may write. */
  readonly disk: number;
  /** Bytes that a training may print. */
  readonly output: number;
  /** Seconds. */
  readonly timeout: number;
}

export function trainingLimits(
  server: Config['training'],
  repository: RepositoryConfig['environment'],
): TrainingLimits {
  return {
    memory: Math.min(server.memory, repository.memory ?? server.memory),
    cpus: Math.min(server.cpus, repository.cpus ?? server.cpus),
    processes: server.processes,
    network: repository.network === 'none' ? 'none' : server.network,
    gpus: repository.gpus,
    disk: Math.min(server.disk, repository.disk ?? server.disk),
    output: server.output,
    timeout: Math.min(server.timeout, repository.timeout ?? server.timeout),
  };
}

function parseYaml(text: string | undefined): unknown {
  if (text === undefined) return {};
  try {
    return parse(text) ?? {};
  } catch (error) {
    throw new RepositoryConfigError(`${repositoryConfigName}: not YAML: ${String(error)}`, { cause: error });
  }
}
