/** What the fake GitHub knows: repositories, pull requests, workflow runs, checks; and how tests change it. */
import { randomUUID } from 'node:crypto';

export type Conclusion =
  | 'success'
  | 'failure'
  | 'neutral'
  | 'cancelled'
  | 'skipped'
  | 'timed_out'
  | 'action_required'
  | 'stale'
  | 'startup_failure';
export type RunStatus = 'queued' | 'in_progress' | 'completed' | 'waiting' | 'requested' | 'pending';

export interface FakeStep {
  name: string;
  number: number;
  status: 'queued' | 'in_progress' | 'completed';
  conclusion: Conclusion | null;
  started_at: string | null;
  completed_at: string | null;
}

/** A job's log as GitHub stores it, timestamps included. */
export type FakeLog = string | (() => AsyncIterable<string> | Iterable<string>);

export interface FakeJobInput {
  name: string;
  required?: boolean;
}

/** A job of Actions or a check run of another app: GitHub keeps both as check runs. */
export interface FakeCheckRun {
  id: number;
  name: string;
  sha: string;
  app: string;
  status: RunStatus;
  conclusion: Conclusion | null;
  started_at: string | null;
  completed_at: string | null;
  required: boolean;
  /** Null for other apps. */
  run: FakeRun | null;
  attempt: number;
  steps: FakeStep[];
  log: FakeLog | null;
  output: { title: string | null; summary: string | null; text: string | null };
  annotations: { path: string; start_line: number; message: string; annotation_level: string; title?: string }[];
}

export interface FakeRun {
  id: number;
  suite: number;
  workflow: FakeWorkflow;
  event: string;
  sha: string;
  attempt: number;
  status: RunStatus;
  conclusion: Conclusion | null;
  createdAt: string;
  jobs: FakeCheckRun[];
}

export interface FakeWorkflow {
  id: number;
  name: string;
  path: string;
  on: string[];
  jobs: FakeJobInput[];
}

export interface FakePull {
  id: string;
  number: number;
  title: string;
  body: string;
  head: string;
  base: string;
  draft: boolean;
  state: 'open' | 'closed';
  mergedSha: string | null;
  /** What was merged: later pushes are no part of it. */
  mergedHead?: string;
  /** Null while GitHub is still thinking about it. */
  mergeable: boolean | null;
  /** Why a merge is refused; null lets it pass. */
  blocked: string | null;
}

export interface FakeStatus {
  id: number;
  sha: string;
  context: string;
  state: 'success' | 'failure' | 'error' | 'pending';
  description: string;
  target_url: string;
  created_at: string;
  required: boolean;
}

export interface FakeRepoOptions {
  defaultBranch?: string;
  drafts?: boolean;
  pulls?: boolean;
  mergeMethods?: ('merge' | 'squash' | 'rebase')[];
  /** Files of the default branch, by path. */
  files?: Record<string, string>;
  canPush?: boolean;
}

export interface FakeRepo extends Required<FakeRepoOptions> {
  id: number;
  owner: string;
  name: string;
  refs: Map<string, string>;
  /** The parent of a commit, where a test is about history. */
  parents: Map<string, string>;
  pullRequests: FakePull[];
  workflows: FakeWorkflow[];
  runs: FakeRun[];
  checkRuns: FakeCheckRun[];
  statuses: FakeStatus[];
  issues: Map<number, { title: string; body: string | null }>;
  /** Jobs of earlier attempts are shown among the checks too, as GitHub's lists at times do. */
  earlierAttempts: boolean;
  /** Branches whose pull requests conflict with their base. */
  conflicts: Set<string>;
  /** Declares a workflow that `push` and pull requests start by themselves. */
  workflow(input: { name: string; on: string[]; jobs: (string | FakeJobInput)[]; path?: string }): FakeWorkflow;
  /** What a push to a branch makes GitHub do. */
  push(sha: string, branch: string): void;
  openPull(input: { title: string; body: string; head: string; base: string; draft: boolean }): FakePull;
  /** A workflow run; `jobs: []` is one that has no jobs yet, or never will. */
  run(
    sha: string,
    input: { workflow: string; event?: string; jobs: (string | FakeJobInput)[]; status?: RunStatus },
  ): FakeRun;
  start(run: FakeRun, ...jobs: string[]): void;
  /** Ends a run: each job as named, the others green. Steps and logs may come along. */
  finish(run: FakeRun, jobs?: Conclusion | Record<string, Conclusion | Partial<FakeCheckRun>>): void;
  rerun(run: FakeRun, onlyFailed: boolean): void;
  /** A check run of another app. */
  check(sha: string, input: { app: string; name: string } & Partial<FakeCheckRun>): FakeCheckRun;
  status(sha: string, context: string, state: FakeStatus['state'], more?: Partial<FakeStatus>): FakeStatus;
}

export function createFakeRepo(id: number, slug: string, options: FakeRepoOptions, now: () => number): FakeRepo {
  const [owner = '', name = ''] = slug.split('/');
  let ids = 30_000_000_000 + id * 1_000_000;
  let issueNumber = 0;
  const at = (): string => new Date(now()).toISOString().replace(/\.\d+Z$/, 'Z');
  const job = (input: string | FakeJobInput): FakeJobInput => (typeof input === 'string' ? { name: input } : input);

  const newCheck = (sha: string, input: Partial<FakeCheckRun> & { name: string; app: string }): FakeCheckRun => ({
    id: ++ids,
    sha,
    status: 'queued',
    conclusion: null,
    started_at: null,
    completed_at: null,
    required: false,
    run: null,
    attempt: 1,
    steps: [],
    log: null,
    output: { title: null, summary: null, text: null },
    annotations: [],
    ...input,
  });
  const addJobs = (run: FakeRun, jobs: readonly FakeJobInput[]): void => {
    for (const it of jobs) {
      const check = newCheck(run.sha, { ...it, app: 'github-actions', run, attempt: run.attempt });
      run.jobs.push(check);
      repo.checkRuns.push(check);
    }
  };
  const startWorkflows = (event: string, sha: string): void => {
    for (const workflow of repo.workflows.filter((it) => it.on.includes(event))) {
      repo.run(sha, { workflow: workflow.name, event, jobs: workflow.jobs });
    }
  };

  const repo: FakeRepo = {
    id,
    owner,
    name,
    defaultBranch: 'main',
    drafts: true,
    pulls: true,
    mergeMethods: ['merge', 'squash', 'rebase'],
    files: {},
    canPush: true,
    ...options,
    refs: new Map(),
    parents: new Map(),
    pullRequests: [],
    workflows: [],
    runs: [],
    checkRuns: [],
    statuses: [],
    issues: new Map(),
    conflicts: new Set(),
    earlierAttempts: false,
    workflow({ name, on, jobs, path = `.github/workflows/${name.toLowerCase()}.yml` }) {
      const workflow = { id: ++ids, name, path, on, jobs: jobs.map(job) };
      repo.workflows.push(workflow);
      repo.files[path] ??= `name: ${name}\non: [${on.join(', ')}]\n`;
      return workflow;
    },
    push(sha, branch) {
      repo.refs.set(branch, sha);
      startWorkflows('push', sha);
      const pull = repo.pullRequests.find((it) => it.head === branch && it.state === 'open');
      if (pull && !repo.conflicts.has(branch)) startWorkflows('pull_request', sha);
    },
    openPull(input) {
      const number = ++issueNumber;
      const pull: FakePull = {
        id: `PR_${id}_${number}`,
        number,
        ...input,
        state: 'open',
        mergedSha: null,
        mergeable: !repo.conflicts.has(input.head),
        blocked: null,
      };
      repo.pullRequests.push(pull);
      const sha = repo.refs.get(input.head);
      // GitHub runs no pull_request workflow where it cannot make the merge commit.
      if (sha && !repo.conflicts.has(input.head)) startWorkflows('pull_request', sha);
      return pull;
    },
    run(sha, { workflow, event = 'push', jobs, status = 'queued' }) {
      const known =
        repo.workflows.find((it) => it.name === workflow) ?? repo.workflow({ name: workflow, on: [], jobs: [] });
      const run: FakeRun = {
        id: ++ids,
        suite: ++ids,
        workflow: known,
        event,
        sha,
        attempt: 1,
        status,
        conclusion: null,
        createdAt: at(),
        jobs: [],
      };
      repo.runs.push(run);
      addJobs(run, jobs.map(job));
      return run;
    },
    start(run, ...jobs) {
      run.status = 'in_progress';
      for (const it of run.jobs.filter((one) => jobs.length === 0 || jobs.includes(one.name))) {
        it.status = 'in_progress';
        it.started_at = at();
      }
    },
    finish(run, jobs = 'success') {
      for (const it of run.jobs) {
        const end = typeof jobs === 'string' ? jobs : (jobs[it.name] ?? 'success');
        it.status = 'completed';
        it.started_at ??= at();
        it.completed_at = at();
        Object.assign(it, typeof end === 'string' ? { conclusion: end } : { conclusion: 'failure', ...end });
      }
      run.status = 'completed';
      const ends = run.jobs.map((it) => it.conclusion);
      const worst = (['failure', 'timed_out', 'cancelled', 'action_required', 'stale'] as const).find((it) =>
        ends.includes(it),
      );
      run.conclusion = run.jobs.length === 0 && typeof jobs === 'string' ? jobs : (worst ?? 'success');
    },
    rerun(run, onlyFailed) {
      run.attempt++;
      run.status = 'queued';
      run.conclusion = null;
      const again = run.jobs.filter((it) => !onlyFailed || it.conclusion !== 'success');
      run.jobs = run.jobs.filter((it) => !again.includes(it));
      addJobs(
        run,
        again.map(({ name, required }) => ({ name, required })),
      );
    },
    check(sha, input) {
      const check = newCheck(sha, input);
      repo.checkRuns.push(check);
      return check;
    },
    status(sha, context, state, more = {}) {
      const status: FakeStatus = {
        id: ++ids,
        sha,
        context,
        state,
        description: '',
        target_url: `https://ci.example/${randomUUID()}`,
        created_at: at(),
        required: false,
        ...more,
      };
      repo.statuses.push(status);
      return status;
    },
  };
  return repo;
}

/** What GitHub shows of a commit: a run's jobs of the latest attempt, and other apps' checks, the newest of each name. */
export function latestChecks(repo: FakeRepo, sha: string): FakeCheckRun[] {
  const newest = new Map<string, FakeCheckRun>();
  for (const it of repo.checkRuns.filter((one) => one.sha === sha)) {
    const all = it.run !== null && (repo.earlierAttempts || it.run.jobs.includes(it));
    newest.set(all ? String(it.id) : `${it.run ? it.run.id : it.app}\n${it.name}`, it);
  }
  return [...newest.values()];
}

/** The newest status of each context. */
export function latestStatuses(repo: FakeRepo, sha: string): FakeStatus[] {
  const newest = new Map<string, FakeStatus>();
  for (const it of repo.statuses.filter((one) => one.sha === sha)) newest.set(it.context, it);
  return [...newest.values()];
}

export const resolveRef = (repo: FakeRepo, ref: string): string =>
  repo.refs.get(ref === 'HEAD' ? repo.defaultBranch : ref) ?? ref;
