#!/usr/bin/env node
/** The command line: `pushtune start | serve | work | image | inspect`. */
import { join } from 'node:path';
import closeWithGrace from 'close-with-grace';
import { Command } from 'commander';
import Docker from 'dockerode';
import { type Logger, pino } from 'pino';
import { type Config, ConfigError, loadConfig } from './config.js';
import { ensureEnvironmentImage, ImageError } from './container/images.js';
import { packageRoot } from './package-root.js';
import { type RunningProcess, serve, sharedRedisUrl, start, work } from './server.js';

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

try {
  await program.parseAsync();
} catch (error) {
  if (!(error instanceof ConfigError) && !(error instanceof ImageError)) throw error;
  process.stderr.write(`pushtune: ${error.message}\n`);
  process.exitCode = 1;
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
