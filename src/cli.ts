#!/usr/bin/env node
/** The command line: `pushtune start | serve | work | image | inspect | init | space | study | healthy`. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Argument, Command, InvalidArgumentError } from 'commander';
import type { Logger } from 'pino';
import type { Config } from './config.js';
import { packageRoot } from './package-root.js';
import type { RunningProcess } from './server.js';

// Each command loads what it needs itself: reading a script takes less time than loading the server would.

/** A command was given what it can't work with; the message says what to do. */
class CommandError extends Error {
  override readonly name = 'CommandError';
}

const program = new Command('pushtune')
  .description('Tunes neural networks by git push')
  .option('-c, --config <file>', 'configuration file (or PUSHTUNE_CONFIG)')
  .showHelpAfterError();

program
  .command('start')
  .description('run server and workers together, with a Redis of their own unless REDIS_URL is set')
  .action(() => runProcess(async (config, log) => (await import('./server.js')).start(config, log)));

program
  .command('serve')
  .description('run the HTTP server alone, against REDIS_URL')
  .action(() =>
    runProcess(async (config, log) => {
      const { serve, sharedRedisUrl } = await import('./server.js');
      return serve(config, sharedRedisUrl(config), log);
    }),
  );

program
  .command('work')
  .description('run the workers alone, against REDIS_URL')
  .action(() =>
    runProcess(async (config, log) => {
      const { work, sharedRedisUrl } = await import('./server.js');
      return work(config, sharedRedisUrl(config), log);
    }),
  );

program
  .command('image')
  .description('build a training image if it is missing, and print its name')
  .addArgument(new Argument('[environment]', 'what it is for').choices(['tensorflow', 'sklearn']).default('tensorflow'))
  .action(async (environment: 'tensorflow' | 'sklearn') => {
    const { data, container } = await readConfig();
    const { openEngine } = await import('./container/engine-address.js');
    const { ensureEnvironmentImage } = await import('./container/images.js');
    const image = await ensureEnvironmentImage(openEngine(), {
      environment,
      dataDirectory: data,
      selinux: container.selinux,
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
    const { readDirectory } = await import('./git/read-directory.js');
    const { inspectProject } = await import('./python/inspect.js');
    const { commandFile } = await import('./python/command-file.js');
    const { inspectionToJson, renderInspection } = await import('./python/render.js');
    const files = await readDirectory(directory);
    // Most repositories have no .pushtune.yml, and what reads one takes longer to load than a script to analyse.
    const stated = files.has(commandFile)
      ? (await import('../workers/repository-settings.js')).repositoryConfigIn(files)
      : undefined;
    const inspection = inspectProject(files, {
      main: options.main ?? stated?.main,
      hyperparameters: stated?.hyperparameters,
    });
    process.stdout.write(
      options.json === true ? `${JSON.stringify(inspectionToJson(inspection))}\n` : renderInspection(inspection),
    );
  });

program
  .command('init')
  .description('write a commented .pushtune.yml with what Pushtune found in a repository')
  .argument('[directory]', 'the repository', '.')
  .option('--force', 'replace a .pushtune.yml that is there')
  .action(async (directory: string, options: { force?: boolean }) => {
    const { readDirectory } = await import('./git/read-directory.js');
    const { inspectRepository } = await import('../workers/project.js');
    const { parseRepositoryConfig, repositoryConfigName } = await import('./repository-config.js');
    const { initialConfig } = await import('./python/initial-config.js');
    const { renderWarnings } = await import('./python/render.js');
    // What a file that is there says does not count: it is about to be replaced, or the command fails.
    const inspection = inspectRepository(await readDirectory(directory), parseRepositoryConfig(undefined));
    const path = join(directory, repositoryConfigName);
    const text = initialConfig(inspection, (await readConfig()).study);
    await writeFile(path, text, { flag: options.force === true ? 'w' : 'wx' }).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
      throw new CommandError(`${path} is there already; use --force to replace it`);
    });
    process.stderr.write(renderWarnings(inspection.warnings));
    process.stdout.write(`${path}: ${inspection.hyperparameters.length} hyperparameters of ${inspection.main}\n`);
  });

program
  .command('space')
  .description('the search space of a repository')
  .command('check')
  .description('say what is wrong with the search space, the metric and the target, before anything is trained')
  .argument('[directory]', 'the repository', '.')
  .option('--json', 'print one JSON object')
  .action(async (directory: string, options: { json?: boolean }) => {
    const { readDirectory } = await import('./git/read-directory.js');
    const { inspectRepository } = await import('../workers/project.js');
    const { repositoryConfigIn } = await import('../workers/repository-settings.js');
    const { checkSpace, renderSpaceCheck, spaceCheckToJson } = await import('../workers/check-space.js');
    const files = await readDirectory(directory);
    const stated = repositoryConfigIn(files);
    const check = checkSpace(files, await readConfig(), stated, inspectRepository(files, stated));
    process.stdout.write(
      options.json === true ? `${JSON.stringify(spaceCheckToJson(check))}\n` : renderSpaceCheck(check),
    );
    if (check.errors.length > 0) process.exitCode = 1;
  });

asksServer(program.command('cancel').description('end a run at once, and the study that waits for it'))
  .argument('<id>', 'the run')
  .action(async (id: string, options: ServerOptions) => {
    const { serverOf } = await import('./server-client.js');
    const { cancelRun } = await import('./study-client.js');
    process.stdout.write(`${await cancelRun(serverOf(await readConfig(), options), id)}\n`);
  });

const studyGroup = program.command('study').description('what was tried and what came of it, and how a study goes on');

studyCommand('stop', 'end a study at once, with the training that runs; the branch stays as it is');
studyCommand('pause', 'start no further trial after the training that runs');
studyCommand('resume', 'go on with a paused study');
studyCommand('extend', 'add to the budget of a study, also of one that its budget has ended')
  .option('--trials <number>', 'further trials', positive)
  .option('--hours <number>', 'further hours', positive)
  .option('--patience <number>', 'further trials without an improvement', positive);

studyGroup
  .command('export')
  .description('print the history of a study: its trials with values, metrics and commits')
  .argument('[study]', 'id of the study; the latest one if there is none')
  .option('--from-git [directory]', 'read a clone and its notes instead of asking the server')
  .option('--study <id>', 'the same as the argument')
  .option('--repository <owner/name>', 'take the latest study of this repository')
  .option('--server <url>', 'address of the server (or server.url of the configuration)')
  .option('--json', 'print one JSON object')
  .action(async (argument: string | undefined, options: ExportOptions) => {
    const { isDirectory, renderHistory, studyFromGit, studyFromServer } = await import('./export-study.js');
    // The folder may stand before the option, too; no study is called like one.
    const isFolder = options.fromGit === true && argument !== undefined && (await isDirectory(argument));
    const study = options.study ?? (isFolder ? undefined : argument);
    const folder = typeof options.fromGit === 'string' ? options.fromGit : isFolder ? argument : '.';
    const selection = { study, repository: options.repository };
    const { serverOf } = await import('./server-client.js');
    const history =
      options.fromGit === undefined
        ? await studyFromServer(serverOf(await readConfig(), options), selection)
        : await studyFromGit(folder, selection);
    process.stdout.write(options.json === true ? `${JSON.stringify(history)}\n` : renderHistory(history));
  });

program
  .command('healthy')
  .description('exit with 0 when a worker of this host looked after its containers lately, for container engines')
  .action(async () => {
    const config = await readConfig();
    const { isWorkerAlive, sharedRedisUrl } = await import('./server.js');
    if (!(await isWorkerAlive(sharedRedisUrl(config), config.worker.name))) process.exitCode = 1;
  });

try {
  await program.parseAsync();
} catch (error) {
  if (!isForPeople(error)) throw error;
  process.stderr.write(`pushtune: ${error.message}\n`);
  process.exitCode = error.name === 'PythonSyntaxError' ? 2 : 1;
}

interface ExportOptions {
  readonly fromGit?: string | true;
  readonly study?: string;
  readonly repository?: string;
  readonly server?: string;
  readonly json?: boolean;
}

interface ServerOptions {
  readonly server?: string;
  readonly token?: string;
}

interface StudyOptions extends ServerOptions {
  readonly trials?: number;
  readonly hours?: number;
  readonly patience?: number;
}

/** A command that asks the server; its token is an option of last resort, since other users see command lines. */
function asksServer(command: Command): Command {
  return command
    .option('--server <url>', 'address of the server (or server.url of the configuration)')
    .option('--token <token>', 'its token (or server.token of the configuration, PUSHTUNE_SERVER_TOKEN)');
}

function studyCommand(action: 'stop' | 'pause' | 'resume' | 'extend', description: string): Command {
  return asksServer(studyGroup.command(action).description(description))
    .argument('<id>', 'the study')
    .action(async (id: string, options: StudyOptions) => {
      const { server: _server, token: _token, ...more } = options;
      const { serverOf } = await import('./server-client.js');
      const { controlStudy } = await import('./study-client.js');
      const line = await controlStudy(serverOf(await readConfig(), options), { action, id, more });
      process.stdout.write(`${line}\n`);
    });
}

function positive(text: string): number {
  const number = Number(text);
  if (!(number > 0 && Number.isFinite(number))) throw new InvalidArgumentError('a positive number is expected');
  return number;
}

/** Mistakes of a person's that their message explains; anything else is a fault of ours and shows its stack. */
function isForPeople(error: unknown): error is Error {
  const kinds = [
    'CommandError',
    'ConfigError',
    'ExportError',
    'ImageError',
    'MainScriptError',
    'PythonSyntaxError',
    'RepositoryConfigError',
    'ServerError',
  ];
  return error instanceof Error && kinds.includes(error.name);
}

async function readConfig(): Promise<Config> {
  const { loadConfig } = await import('./config.js');
  const { config } = program.opts<{ config?: string }>();
  const path = config ?? process.env.PUSHTUNE_CONFIG ?? join(packageRoot(), 'config', 'pushtune.yml');
  return loadConfig(path, process.env);
}

async function runProcess(open: (config: Config, log: Logger) => Promise<RunningProcess>): Promise<void> {
  const config = await readConfig();
  const log = await makeLogger(config);
  const { default: closeWithGrace } = await import('close-with-grace');
  const running = await open(config, log);
  closeWithGrace({ delay: 20_000, logger: false }, async ({ signal, err }) => {
    if (err !== undefined) log.fatal({ error: err }, 'an unexpected failure ends this process');
    else log.info({ signal }, 'stopping');
    await running.close();
  });
}

/** JSON lines for machines; on a terminal, lines for people. Credentials never reach a log. */
async function makeLogger(config: Config): Promise<Logger> {
  const { pino } = await import('pino');
  const options = {
    level: config.log.level,
    serializers: { error: pino.stdSerializers.err },
    redact: ['*.token', '*.read_token', '*.password', '*.webhook_secret', 'headers.authorization'],
  };
  if (!process.stdout.isTTY) return pino(options);
  return pino({ ...options, transport: { target: 'pino-pretty', options: { ignore: 'pid,hostname' } } });
}
