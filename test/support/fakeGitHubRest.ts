/** The fake GitHub's REST: answers typed as GitHub publishes them. */
import type { components } from '@octokit/openapi-types';
import { latestChecks, latestStatuses, resolveRef } from './fakeGitHubState.ts';
import type { FakeCheckRun, FakePull, FakeRepo, FakeRun, FakeStatus } from './fakeGitHubState.ts';

type Schemas = components['schemas'];
/** Answers hold what is of interest; what they hold is of the published type. */
type Part<T> = T extends (infer U)[] ? Part<U>[] : T extends object ? { [K in keyof T]?: Part<T[K]> } : T;
type PartOf<K extends keyof Schemas> = Part<Schemas[K]>;

export interface RestRequest {
  method: string;
  /** Below `/repos/{owner}/{name}`, decoded, without a leading slash. */
  path: string;
  query: URLSearchParams;
  body: Record<string, unknown>;
  origin: string;
  login: string;
}

export interface RestAnswer {
  status: number;
  body?: unknown;
  headers?: Record<string, string>;
  /** This is one list of pages: the whole of it, and the key it stands under. */
  list?: { items: readonly unknown[]; key: string | null };
}

const ok = (body: unknown): RestAnswer => ({ status: 200, body });
const refuse = (status: number, message: string, more: object = {}): RestAnswer => ({
  status,
  body: { message, documentation_url: 'https://docs.github.com/rest', status: String(status), ...more },
});
const missing = (): RestAnswer => refuse(404, 'Not Found');
const list = (items: readonly unknown[], key: string | null = null): RestAnswer => ({
  status: 200,
  list: { items, key },
});

/** Which permission a path needs, as GitHub's header names it. */
export function permissionOf(path: string, method: string): string | null {
  if (/^commits\/.+\/check-runs$|^check-runs\//.test(path)) return 'checks';
  if (/^commits\/.+\/status/.test(path)) return 'statuses';
  if (path.startsWith('actions/')) return 'actions';
  if (/^pulls\/\d+\/merge$/.test(path)) return 'contents';
  if (path.startsWith('pulls')) return 'pull_requests';
  if (path.startsWith('issues')) return 'issues';
  if (path.startsWith('contents') || (path.startsWith('git/') && method !== 'GET')) return 'contents';
  return null;
}

/** The answer for a path of a repository; null where there is no such path. */
export function answerRest(repo: FakeRepo, request: RestRequest): RestAnswer | null {
  const { method, path } = request;
  for (const [verb, pattern, answer] of ROUTES) {
    const match = verb === method ? pattern.exec(path) : null;
    if (match) return answer(repo, request, match.slice(1));
  }
  return null;
}

type Route = [
  method: string,
  pattern: RegExp,
  answer: (repo: FakeRepo, request: RestRequest, params: string[]) => RestAnswer,
];

const ROUTES: Route[] = [
  ['GET', /^$/, (repo) => ok(repositoryOf(repo))],
  [
    'GET',
    /^pulls$/,
    (repo, { query }) => {
      if (!repo.pulls) return missing();
      const head = query.get('head');
      const state = query.get('state') ?? 'open';
      const found = repo.pullRequests.filter(
        (it) => (!head || head === `${repo.owner}:${it.head}`) && (state === 'all' || it.state === state),
      );
      return list(found.map((it) => pullOf(it, repo)));
    },
  ],
  ['POST', /^pulls$/, (repo, { body }) => openPull(repo, body as unknown as Parameters<FakeRepo['openPull']>[0])],
  ['GET', /^pulls\/(\d+)$/, (repo, _request, [n]) => withPull(repo, n, (pull) => ok(pullOf(pull, repo)))],
  [
    'PATCH',
    /^pulls\/(\d+)$/,
    (repo, { body }, [n]) =>
      withPull(repo, n, (pull) => {
        Object.assign(pull, body);
        return ok(pullOf(pull, repo));
      }),
  ],
  ['PUT', /^pulls\/(\d+)\/merge$/, (repo, { body }, [n]) => withPull(repo, n, (pull) => merge(repo, pull, body))],
  [
    'GET',
    /^commits\/(.+)\/check-runs$/,
    (repo, _request, [ref]) =>
      list(
        latestChecks(repo, resolveRef(repo, ref!)).map((it) => checkOf(it, repo)),
        'check_runs',
      ),
  ],
  [
    'GET',
    /^commits\/(.+)\/status$/,
    (repo, _request, [ref]) => list(latestStatuses(repo, resolveRef(repo, ref!)).map(statusOf), 'statuses'),
  ],
  [
    'GET',
    /^compare\/(.+)\.\.\.(.+)$/,
    (repo, _request, [older, ref]) => {
      const newer = resolveRef(repo, ref!);
      const isIn = (one: string, of: string | undefined): boolean =>
        of !== undefined && (one === of || isIn(one, repo.parents.get(of)));
      const ahead = isIn(older!, newer);
      return ok({
        status: older === newer ? 'identical' : ahead ? 'ahead' : isIn(newer, older) ? 'behind' : 'diverged',
      } satisfies PartOf<'commit-comparison'>);
    },
  ],
  ['GET', /^check-runs\/(\d+)$/, (repo, _request, [id]) => withCheck(repo, id, (it) => ok(checkOf(it, repo)))],
  [
    'GET',
    /^check-runs\/(\d+)\/annotations$/,
    (repo, _request, [id]) => withCheck(repo, id, (it) => list(it.annotations satisfies PartOf<'check-annotation'>[])),
  ],
  [
    'POST',
    /^check-runs\/(\d+)\/rerequest$/,
    (repo, _request, [id]) =>
      withCheck(repo, id, (it) => {
        repo.check(it.sha, { app: it.app, name: it.name });
        return { status: 201, body: {} };
      }),
  ],
  [
    'GET',
    /^actions\/runs$/,
    (repo, { query }) =>
      list(
        repo.runs
          .filter((it) => !query.get('head_sha') || it.sha === query.get('head_sha'))
          .filter((it) => !query.get('status') || it.status === query.get('status'))
          .toReversed()
          .map((it) => runOf(it, repo)),
        'workflow_runs',
      ),
  ],
  ['GET', /^actions\/runs\/(\d+)$/, (repo, _request, [id]) => withRun(repo, id, (run) => ok(runOf(run, repo)))],
  [
    'GET',
    /^actions\/runs\/(\d+)\/jobs$/,
    (repo, _request, [id]) =>
      withRun(repo, id, (run) =>
        list(
          run.jobs.map((it) => jobOf(it, repo)),
          'jobs',
        ),
      ),
  ],
  [
    'POST',
    /^actions\/runs\/(\d+)\/(rerun|rerun-failed-jobs)$/,
    (repo, _request, [id, how]) =>
      withRun(repo, id, (run) => {
        if (run.status !== 'completed') return refuse(403, 'This workflow is already running');
        if (how === 'rerun-failed-jobs' && run.jobs.length === 0) {
          return refuse(403, 'This workflow run cannot be retried');
        }
        repo.rerun(run, how !== 'rerun');
        return { status: 201, body: {} };
      }),
  ],
  [
    'GET',
    /^actions\/jobs\/(\d+)$/,
    (repo, _request, [id]) => withCheck(repo, id, (it) => (it.run ? ok(jobOf(it, repo)) : missing())),
  ],
  [
    'GET',
    /^actions\/jobs\/(\d+)\/logs$/,
    (repo, { origin }, [id]) =>
      withCheck(repo, id, (it) =>
        it.log === null
          ? missing()
          : { status: 302, headers: { Location: `${origin}/_logs/${repo.owner}/${repo.name}/${it.id}?sig=once` } },
      ),
  ],
  [
    'GET',
    /^actions\/workflows$/,
    (repo) =>
      list(
        repo.workflows.map((it) => ({ id: it.id, name: it.name, path: it.path, state: 'active' })),
        'workflows',
      ),
  ],
  ['GET', /^contents(?:\/(.*))?$/, (repo, _request, [path = '']) => contentsOf(repo, path)],
  [
    'GET',
    /^git\/ref\/heads\/(.+)$/,
    (repo, _request, [branch]) =>
      repo.refs.has(branch!) ? ok({ ref: `refs/heads/${branch}`, object: { sha: repo.refs.get(branch!) } }) : missing(),
  ],
  ['GET', /^issues$/, (repo) => list([...repo.issues].map(([number, it]) => ({ number, ...it })))],
  [
    'GET',
    /^issues\/(\d+)$/,
    (repo, _request, [n]) => {
      const issue = repo.issues.get(Number(n));
      const web = `https://github.com/${repo.owner}/${repo.name}/issues/${n}`;
      return issue ? ok({ number: Number(n), ...issue, html_url: web } satisfies PartOf<'issue'>) : missing();
    },
  ],
];

function withPull(repo: FakeRepo, n: string | undefined, answer: (pull: FakePull) => RestAnswer): RestAnswer {
  const pull = repo.pullRequests.find((it) => it.number === Number(n));
  return pull ? answer(pull) : missing();
}

function withCheck(repo: FakeRepo, id: string | undefined, answer: (it: FakeCheckRun) => RestAnswer): RestAnswer {
  const check = repo.checkRuns.find((it) => it.id === Number(id));
  return check ? answer(check) : missing();
}

function withRun(repo: FakeRepo, id: string | undefined, answer: (run: FakeRun) => RestAnswer): RestAnswer {
  const run = repo.runs.find((it) => it.id === Number(id));
  return run ? answer(run) : missing();
}

function openPull(repo: FakeRepo, body: Parameters<FakeRepo['openPull']>[0]): RestAnswer {
  const invalid = (message: string): RestAnswer =>
    refuse(422, 'Validation Failed', { errors: [{ resource: 'PullRequest', code: 'custom', message }] });
  if (!repo.pulls) return missing();
  if (!repo.refs.has(body.head)) {
    return refuse(422, 'Validation Failed', { errors: [{ resource: 'PullRequest', field: 'head', code: 'invalid' }] });
  }
  if (repo.refs.get(body.head) === repo.refs.get(body.base)) {
    return invalid(`No commits between ${body.base} and ${body.head}`);
  }
  if (repo.pullRequests.some((it) => it.state === 'open' && it.head === body.head && it.base === body.base)) {
    return invalid(`A pull request already exists for ${repo.owner}:${body.head}.`);
  }
  if (body.draft && !repo.drafts) return refuse(422, 'Draft pull requests are not supported in this repository.');
  return { status: 201, body: pullOf(repo.openPull({ ...body, draft: body.draft ?? false }), repo) };
}

function merge(repo: FakeRepo, pull: FakePull, body: Record<string, unknown>): RestAnswer {
  const method = (body['merge_method'] as FakeRepo['mergeMethods'][number] | undefined) ?? 'merge';
  if (pull.mergedSha || pull.state === 'closed') return refuse(405, 'Pull Request is not mergeable');
  if (pull.draft) return refuse(405, 'Pull Request is still a draft');
  if (body['sha'] !== undefined && body['sha'] !== repo.refs.get(pull.head)) {
    return refuse(409, 'Head branch was modified. Review and try the merge again.');
  }
  if (repo.conflicts.has(pull.head) || pull.mergeable === false) return refuse(405, 'Pull Request is not mergeable');
  if (pull.blocked !== null) return refuse(405, pull.blocked);
  if (!repo.mergeMethods.includes(method)) {
    return refuse(405, `${method === 'merge' ? 'Merge commits' : method} are not allowed on this repository.`);
  }
  const sha = `${pull.number}`.padStart(40, 'e');
  pull.mergedSha = sha;
  pull.mergedHead = repo.refs.get(pull.head);
  pull.state = 'closed';
  repo.parents.set(sha, repo.refs.get(pull.base)!);
  repo.refs.set(pull.base, sha);
  return ok({
    sha,
    merged: true,
    message: 'Pull Request successfully merged',
  } satisfies PartOf<'pull-request-merge-result'>);
}

function contentsOf(repo: FakeRepo, path: string): RestAnswer {
  const file = repo.files[path];
  if (file !== undefined) {
    const content = Buffer.from(file).toString('base64');
    return ok({ type: 'file', path, name: path.split('/').at(-1), encoding: 'base64', content });
  }
  const under = path === '' ? '' : `${path}/`;
  const names = Object.keys(repo.files).filter((it) => it.startsWith(under));
  if (names.length === 0) return missing();
  const entries = new Set(names.map((it) => it.slice(under.length).split('/')[0]!));
  return ok(
    [...entries].map((name) => ({
      type: repo.files[under + name] === undefined ? 'dir' : 'file',
      name,
      path: under + name,
    })),
  );
}

const repositoryOf = (repo: FakeRepo): PartOf<'full-repository'> => ({
  id: repo.id,
  name: repo.name,
  full_name: `${repo.owner}/${repo.name}`,
  default_branch: repo.defaultBranch,
  permissions: { pull: true, push: repo.canPush, admin: false },
  allow_merge_commit: repo.mergeMethods.includes('merge'),
  allow_squash_merge: repo.mergeMethods.includes('squash'),
  allow_rebase_merge: repo.mergeMethods.includes('rebase'),
});

const pullOf = (pull: FakePull, repo: FakeRepo): PartOf<'pull-request'> => ({
  id: pull.number,
  node_id: pull.id,
  number: pull.number,
  title: pull.title,
  body: pull.body,
  state: pull.state,
  draft: pull.draft,
  html_url: `https://github.com/${repo.owner}/${repo.name}/pull/${pull.number}`,
  merged: pull.mergedSha !== null,
  merged_at: pull.mergedSha === null ? null : '2026-01-02T03:04:05Z',
  merge_commit_sha: pull.mergedSha,
  mergeable: pull.state === 'open' ? (repo.conflicts.has(pull.head) ? false : pull.mergeable) : null,
  mergeable_state: repo.conflicts.has(pull.head) ? 'dirty' : pull.blocked === null ? 'clean' : 'blocked',
  head: {
    ref: pull.head,
    sha: pull.mergedHead ?? repo.refs.get(pull.head) ?? '0'.repeat(40),
    repo: { full_name: `${repo.owner}/${repo.name}` },
  },
  base: { ref: pull.base },
});

const webOf = (repo: FakeRepo): string => `https://github.com/${repo.owner}/${repo.name}`;

const detailsOf = (check: FakeCheckRun, repo: FakeRepo): string =>
  check.run
    ? `${webOf(repo)}/actions/runs/${check.run.id}/job/${check.id}`
    : `https://${check.app}.example/${check.id}`;

const checkOf = (check: FakeCheckRun, repo: FakeRepo): PartOf<'check-run'> => ({
  id: check.id,
  node_id: `CR_${check.id}`,
  name: check.name,
  head_sha: check.sha,
  status: check.status,
  conclusion: check.conclusion as Schemas['check-run']['conclusion'],
  started_at: check.started_at,
  completed_at: check.completed_at,
  details_url: detailsOf(check, repo),
  html_url: check.run ? detailsOf(check, repo) : `${webOf(repo)}/runs/${check.id}`,
  check_suite: { id: check.run?.suite ?? 1 },
  app: { slug: check.app, name: check.app },
  output: { ...check.output, annotations_count: check.annotations.length },
});

const statusOf = (status: FakeStatus): PartOf<'simple-commit-status'> => ({
  id: status.id,
  node_id: `SC_${status.id}`,
  context: status.context,
  state: status.state,
  description: status.description,
  target_url: status.target_url,
  created_at: status.created_at,
});

const runOf = (run: FakeRun, repo: FakeRepo): PartOf<'workflow-run'> => ({
  id: run.id,
  name: run.workflow.name,
  workflow_id: run.workflow.id,
  path: run.workflow.path,
  event: run.event,
  head_sha: run.sha,
  run_attempt: run.attempt,
  run_number: 1,
  status: run.status,
  conclusion: run.conclusion,
  check_suite_id: run.suite,
  created_at: run.createdAt,
  html_url: `${webOf(repo)}/actions/runs/${run.id}`,
});

const jobOf = (check: FakeCheckRun, repo: FakeRepo): PartOf<'job'> => ({
  id: check.id,
  run_id: check.run?.id ?? 0,
  run_attempt: check.attempt,
  name: check.name,
  workflow_name: check.run?.workflow.name ?? null,
  status: check.status,
  conclusion: check.conclusion as Schemas['job']['conclusion'],
  started_at: check.started_at ?? '',
  completed_at: check.completed_at,
  html_url: detailsOf(check, repo),
  runner_id: check.steps.length > 0 ? 1 : null,
  steps: check.steps.map((it) => ({ ...it, conclusion: it.conclusion })),
});
