#!/usr/bin/env node
/** The command line: `pushtune start | serve | work | image | inspect | healthy`. */
import { join } from 'node:path';
import closeWithGrace from 'close-with-grace';
import { Command } from 'commander';
import Docker from 'dockerode';
import { type Logger, pino } from 'pino';
import { inspectRepository } from '../workers/project.js';
import { repositoryConfigIn } from '../workers/repository-settings.js';
import { type Config, ConfigError, loadConfig } from './config.js';
import { ensureEnvironmentImage, ImageError } from './container/images.js';
import { readDirectory } from './git/read-directory.js';
import { packageRoot } from './package-root.js';
import { MainScriptError } from './python/main-script.js';
import { inspectionToJson, renderInspection } from './python/render.js';
import { PythonSyntaxError } from './python/syntax.js';
import { RepositoryConfigError } from './repository-config.js';
import { isWorkerAlive, type RunningProcess, serve, sharedRedisUrl, start, work } from './server.js';

const program = new Command('pushtune')
  .description('Tunes neural networks by git push')
  .option('-c, --config <file>', 'configuration file (or PUSHTUNE_CONFIG)')
  .showHelpAfterError();

program
  .command('start')
  .description('run server and workers together, with a Redis of their own unless REDIS_URL is set')
  .action(() => runProcess((config, log) => start(config, log)));

program
  .command('serve')
  .description('run the HTTP server alone, against REDIS_URL')
  .action(() => runProcess((config, log) => serve(config, sharedRedisUrl(config), log)));

program
  .command('work')
  .description('run the workers alone, against REDIS_URL')
  .action(() => runProcess((config, log) => work(config, sharedRedisUrl(config), log)));

program
  .command('image')
  .description('build the training image if it is missing, and print its name')
  .action(async () => {
    const { data } = readConfig();
    const image = await ensureEnvironmentImage(new Docker(), {
      environment: 'tensorflow',
      dataDirectory: data,
      onProgress: (message) => process.stderr.write(`${message}\n`),
    });
    process.stdout.write(`${image.tag}\n`);
  });

program
  .command('inspect')
  .description('show what Pushtune sees in a repository, without running anything')
  .argument('[directory]', 'the repository', '.')
  .option('--main <path>', 'main script')
  .option('--json', 'print one JSON object')
  .action(async (directory: string, options: { main?: string; json?: boolean }) => {
    const files = await readDirectory(directory);
    const inspection = inspectRepository(files, {
      ...repositoryConfigIn(files),
      ...(options.main === undefined ? {} : { main: options.main }),
    });
    process.stdout.write(
      options.json === true ? `${JSON.stringify(inspectionToJson(inspection))}\n` : renderInspection(inspection),
    );
  });

program
  .command('healthy')
  .description('exit with 0 when a worker of this host looked after its containers lately, for container engines')
  .action(async () => {
    const config = readConfig();
    if (!(await isWorkerAlive(sharedRedisUrl(config), config.worker.name))) process.exitCode = 1;
  });

try {
  await program.parseAsync();
} catch (error) {
  if (!isForPeople(error)) throw error;
  process.stderr.write(`pushtune: ${error.message}\n`);
  process.exitCode = error instanceof PythonSyntaxError ? 2 : 1;
}

/** Mistakes of a person's that their message explains; anything else is a fault of ours and shows its stack. */
function isForPeople(error: unknown): error is Error {
  const kinds = [ConfigError, ImageError, MainScriptError, PythonSyntaxError, RepositoryConfigError];
  return kinds.some((kind) => error instanceof kind);
}

function readConfig(): Config {
  const { config } = program.opts<{ config?: string }>();
  const path = config ?? process.env.PUSHTUNE_CONFIG ?? join(packageRoot(), 'config', 'pushtune.yml');
  return loadConfig(path, process.env);
}

async function runProcess(open: (config: Config, log: Logger) => Promise<RunningProcess>): Promise<void> {
  const config = readConfig();
  const log = makeLogger(config);
  const running = await open(config, log);
  closeWithGrace({ delay: 20_000, logger: false }, async ({ signal, err }) => {
    if (err !== undefined) log.fatal({ error: err }, 'an unexpected failure ends this process');
    else log.info({ signal }, 'stopping');
    await running.close();
  });
}

/** JSON lines for machines; on a terminal, lines for people. Credentials never reach a log. */
function makeLogger(config: Config): Logger {
  const options = {
    level: config.log.level,
    serializers: { error: pino.stdSerializers.err },
    redact: ['*.token', '*.password', '*.webhook_secret', 'headers.authorization'],
  };
  if (!process.stdout.isTTY) return pino(options);
  return pino({ ...options, transport: { target: 'pino-pretty', options: { ignore: 'pid,hostname' } } });
}
