/** The command that trains a trial once more, with git and Docker alone. Pure. */
import { formatMetric } from './commit-message.js';
import type { Metric } from './run.js';

export interface TrialToReproduce {
  readonly study: string;
  readonly trial: number;
  readonly metric: Metric;
  readonly sha: string;
  /** Where the repository is cloned from. */
  readonly url: string;
  readonly image: string;
  /** The script or notebook, from the root of the repository. */
  readonly main: string;
  readonly arguments: readonly string[];
  readonly variables: Readonly<Record<string, string>>;
  readonly seed: number | undefined;
  readonly network: string;
  /** Path on the server → path in the container. */
  readonly data: ReadonlyMap<string, string>;
}

/** Where the built-in images have the hooks, which old scripts and the seed need; an image without them ignores the path. */
const hooks = '/opt/pushtune/trainer/hooks';

/** The text of a shell script. A person's name and password in the URL are left out: git asks for its own. */
export function reproductionScript(trial: TrialToReproduce): string {
  const { sha, image, main, network, seed, variables } = trial;
  const set = { ...variables, ...(seed === undefined ? {} : { PUSHTUNE_SEED: `${seed}` }), PYTHONPATH: hooks };
  const program = main.endsWith('.ipynb')
    ? ['-c', '__import__("pushtune_hooks.cells").cells.run_file()', main]
    : ['-u', main];
  const command = [
    'docker run --rm --entrypoint python3 --workdir /workspace --user "$(id -u):$(id -g)"',
    ...(network === 'none' ? ['--network none'] : []),
    '--volume "$folder:/workspace"',
    ...[...trial.data].map(([host, inside]) => `--volume ${quoted(`${host}:${inside}:ro`)}`),
    ...Object.entries(set).map(([name, value]) => `--env ${quoted(`${name}=${value}`)}`),
    [image, ...program, ...trial.arguments].map(quoted).join(' '),
  ];
  return [
    '#!/usr/bin/env bash',
    `# Trains trial ${trial.trial} of the study ${trial.study} once more, which reached ${inOneLine(trial.metric.name)} ${formatMetric(trial.metric.value)}.`,
    ...(seed === undefined
      ? ['# No seed was set in .pushtune.yml: unless the script has one, figures differ a little.']
      : []),
    'set -euo pipefail',
    'folder=$(mktemp -d)',
    `git clone --quiet -- ${quoted(withoutCredentials(trial.url))} "$folder"`,
    `git -C "$folder" checkout --quiet --detach ${sha}`,
    command.join(' \\\n  '),
    '',
  ].join('\n');
}

/** A metric's name is the script's choice, and a line break would end the comment. */
function inOneLine(name: string): string {
  return name.replaceAll(/[^\x20-\x7e]+/g, ' ');
}

/** A word of a POSIX shell. */
function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

function withoutCredentials(url: string): string {
  return url.replace(/^(https?:\/\/)[^/@]*@/, '$1');
}
