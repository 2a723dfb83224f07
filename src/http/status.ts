/** `GET /status`: what happens now, as a table for curl or as JSON. */
import type { FastifyInstance } from 'fastify';
import type { RouteOptions } from '../app.js';
import { formatFigure } from '../pipeline/figure.js';
import { type Run, stageNames } from '../pipeline/run.js';
import { bestTrial } from '../pipeline/study.js';
import { listRuns } from '../store/runs.js';
import type { Store } from '../store/start-run.js';
import { getStudy } from '../store/studies.js';
import { header } from './headers.js';
import { textTable } from './text-table.js';

/** How many runs back a branch counts as active. */
const shownRuns = 50;

interface BranchStatus {
  readonly repository: string;
  readonly branch: string;
  readonly run: number;
  readonly runId: string;
  readonly state: string;
  readonly stage: string;
  readonly trial: number;
  readonly study: string;
  readonly studyState: string;
  readonly metric: number | null;
  readonly best: number | null;
  readonly target: number | null;
  readonly since: string;
}

export async function statusRoutes(app: FastifyInstance, { config, store }: RouteOptions): Promise<void> {
  app.get('/status', async (request, reply) => {
    const branches = await branchStatuses(store);
    if (header(request, 'accept')?.includes('application/json') === true) {
      return { repositories: config.repositories.map(({ name }) => name), branches };
    }
    return reply.type('text/plain; charset=utf-8').send(renderStatus(config.repositories.length, branches));
  });
}

/** The newest run of each branch that was active lately. */
async function branchStatuses(store: Store): Promise<BranchStatus[]> {
  const newest = new Map<string, Run>();
  for (const run of await listRuns(store.redis, { limit: shownRuns })) {
    const branch = `${run.repository} ${run.branch}`;
    if (!newest.has(branch)) newest.set(branch, run);
  }
  return Promise.all([...newest.values()].map((run) => branchStatus(store, run)));
}

async function branchStatus(store: Store, run: Run): Promise<BranchStatus> {
  const study = await getStudy(store.redis, run.study);
  return {
    repository: run.repository,
    branch: run.branch,
    run: run.number,
    runId: run.id,
    state: run.state,
    stage: stageNames.find((name) => run.stages[name].state === 'running') ?? '',
    trial: run.trial,
    study: run.study,
    studyState: study?.state ?? 'waiting',
    metric: run.metric?.value ?? null,
    best: study === undefined ? null : (bestTrial(study)?.metric.value ?? null),
    target: study?.target ?? null,
    since: run.createdAt,
  };
}

function renderStatus(watched: number, branches: readonly BranchStatus[]): string {
  const heading = `Pushtune watches ${watched} ${watched === 1 ? 'repository' : 'repositories'}.\n`;
  if (branches.length === 0) return `${heading}Nothing was pushed yet.\n`;
  const rows = branches.map((branch) => [
    branch.repository,
    branch.branch,
    `#${branch.run}`,
    branch.stage === '' ? branch.state : branch.stage,
    String(branch.trial),
    figure(branch.metric),
    figure(branch.best),
    figure(branch.target),
    branch.studyState.replace('_', ' '),
  ]);
  const titles = ['REPOSITORY', 'BRANCH', 'RUN', 'STATE', 'TRIAL', 'METRIC', 'BEST', 'TARGET', 'STUDY'];
  return `${heading}\n${textTable([titles, ...rows])}`;
}

function figure(value: number | null): string {
  return value === null ? '-' : formatFigure(value);
}
