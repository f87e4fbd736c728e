/** The fake GitHub's GraphQL: executed by graphql-js over the schema that GitHub publishes. */
import { schema as published } from '@octokit/graphql-schema';
import { buildSchema, graphql, GraphQLError, type GraphQLSchema } from 'graphql';
import { latestChecks, latestStatuses, resolveRef } from './fakeGitHubState.ts';
import type { FakeCheckRun, FakePull, FakeRepo, FakeRun, FakeStatus } from './fakeGitHubState.ts';

export interface GraphqlContext {
  repo(owner: string, name: string): FakeRepo | undefined;
  repos(): Iterable<FakeRepo>;
  may(permission: string): boolean;
  rateLimit: { cost: number; limit: number; remaining: number; resetAt: string };
  login: string;
}

let schema: GraphQLSchema | undefined;

function theSchema(): GraphQLSchema {
  schema ??= buildSchema(published.idl, { assumeValid: true });
  return schema;
}

/** The body of GitHub's answer: always 200, errors beside the data. A query that the schema refuses has no data. */
export async function answerGraphql(
  body: { query: string; variables?: Record<string, unknown> },
  context: GraphqlContext,
): Promise<{ data?: unknown; errors?: object[] }> {
  const result = await graphql({
    schema: theSchema(),
    source: body.query,
    variableValues: body.variables,
    rootValue: rootOf(context),
  });
  const errors = result.errors?.map((error) => ({
    type: (error.originalError as { type?: string } | undefined)?.type ?? 'UNKNOWN',
    path: error.path,
    message: error.message,
  }));
  return { ...(result.data === undefined ? {} : { data: result.data }), ...(errors ? { errors } : {}) };
}

const refused = (type: string, message: string): GraphQLError => Object.assign(new GraphQLError(message), { type });

function rootOf(context: GraphqlContext): object {
  const notFound = (what: string): GraphQLError => refused('NOT_FOUND', `Could not resolve to ${what}.`);
  return {
    rateLimit: context.rateLimit,
    viewer: { __typename: 'User', login: context.login },
    repository({ owner, name }: { owner: string; name: string }) {
      const repo = context.repo(owner, name);
      if (!repo) throw notFound(`a Repository with the name '${owner}/${name}'`);
      return repositoryOf(repo, context);
    },
    node({ id }: { id: string }) {
      for (const repo of context.repos()) {
        const status = repo.statuses.find((it) => `SC_${it.id}` === id);
        if (status) return statusOf(status, repo);
      }
      throw notFound(`a node with the global id of '${id}'`);
    },
    markPullRequestReadyForReview({ input }: { input: { pullRequestId: string } }) {
      if (!context.may('pull_requests')) throw refused('FORBIDDEN', 'Resource not accessible by integration');
      for (const repo of context.repos()) {
        const pull = repo.pullRequests.find((it) => it.id === input.pullRequestId);
        if (!pull) continue;
        pull.draft = false;
        return { pullRequest: pullOf(pull, repo) };
      }
      throw notFound(`a node with the global id of '${input.pullRequestId}'`);
    },
  };
}

const repositoryOf = (repo: FakeRepo, context: GraphqlContext): object => ({
  __typename: 'Repository',
  name: repo.name,
  viewerDefaultMergeMethod: repo.mergeMethods[0]?.toUpperCase(),
  pullRequestTemplates: () =>
    Object.entries(repo.files)
      .filter(([path]) => /pull_request_template(\.md|\/)/i.test(path))
      .map(([path, body]) => ({ filename: path, body })),
  object({ oid, expression }: { oid?: string; expression?: string }) {
    const sha = oid ?? resolveRef(repo, expression ?? '');
    return [...repo.refs.values()].includes(sha) ||
      repo.checkRuns.some((it) => it.sha === sha) ||
      repo.runs.some((it) => it.sha === sha)
      ? commitOf(sha, repo, context)
      : null;
  },
  pullRequest({ number }: { number: number }) {
    const pull = repo.pullRequests.find((it) => it.number === number);
    if (!pull) throw refused('NOT_FOUND', `Could not resolve to a PullRequest with the number of ${number}.`);
    return pullOf(pull, repo);
  },
});

const pullOf = (pull: FakePull, repo: FakeRepo): object => ({
  __typename: 'PullRequest',
  id: pull.id,
  number: pull.number,
  isDraft: pull.draft,
  state: pull.mergedSha ? 'MERGED' : pull.state.toUpperCase(),
  headRefOid: repo.refs.get(pull.head) ?? '0'.repeat(40),
  mergeable:
    pull.state === 'open' && pull.mergeable !== null ? (pull.mergeable ? 'MERGEABLE' : 'CONFLICTING') : 'UNKNOWN',
});

interface Page {
  first?: number;
  after?: string;
}

/** One page of a connection. As GitHub does, a list without `first` is refused. */
function connection(items: readonly object[], { first, after }: Page): object {
  if (first !== undefined && (first < 1 || first > 100)) throw refused('EXCESSIVE_PAGINATION', 'first is 1 to 100');
  const from = after ? Number(after) : 0;
  const nodes = (): object[] => {
    if (first === undefined) throw refused('MISSING_PAGINATION_BOUNDARIES', 'You must provide a `first` or `last`.');
    return items.slice(from, from + first);
  };
  const end = from + (first ?? 0);
  return { totalCount: items.length, nodes, pageInfo: { hasNextPage: end < items.length, endCursor: String(end) } };
}

function commitOf(sha: string, repo: FakeRepo, context: GraphqlContext): object {
  return {
    __typename: 'Commit',
    oid: sha,
    statusCheckRollup() {
      const items = [
        ...latestChecks(repo, sha).map((it) => checkOf(it, repo)),
        ...latestStatuses(repo, sha).map((it) => statusOf(it, repo)),
      ];
      if (items.length === 0) return null;
      return {
        state: 'PENDING',
        id: `SCR_${sha}`,
        contexts(page: Page) {
          if (!context.may('checks') || !context.may('statuses')) {
            throw refused('FORBIDDEN', 'Resource not accessible by personal access token');
          }
          return connection(items, page);
        },
      };
    },
    checkSuites(page: Page) {
      if (!context.may('checks')) throw refused('FORBIDDEN', 'Resource not accessible by personal access token');
      const runs = repo.runs.filter((it) => it.sha === sha);
      // Every app that may write checks gets a suite for each push, whether it uses it or not.
      const idle = {
        __typename: 'CheckSuite',
        id: `CS_idle_${sha}`,
        status: 'QUEUED',
        conclusion: null,
        createdAt: '2026-01-01T00:00:00Z',
        updatedAt: '2026-01-01T00:00:00Z',
        app: { name: 'Idle', slug: 'idle' },
        workflowRun: null,
        checkRuns: (it: Page) => connection([], it),
      };
      return connection([...runs.map((it) => suiteOf(it, repo)), idle], page);
    },
  };
}

const upper = (text: string | null): string | null => text?.toUpperCase() ?? null;

function suiteOf(run: FakeRun, repo: FakeRepo): object {
  const runUrl = `https://github.com/${repo.owner}/${repo.name}/actions/runs/${run.id}`;
  return {
    __typename: 'CheckSuite',
    id: `CS_${run.suite}`,
    status: upper(run.status),
    conclusion: upper(run.conclusion),
    createdAt: run.createdAt,
    updatedAt: run.createdAt,
    url: runUrl,
    app: { slug: 'github-actions', name: 'GitHub Actions' },
    checkRuns: (page: Page) =>
      connection(
        run.jobs.map((it) => checkOf(it, repo)),
        page,
      ),
    workflowRun: {
      url: runUrl,
      event: run.event,
      // As on GitHub, ids have long left the 32 bits of GraphQL's Int.
      databaseId: run.id,
      runNumber: 1,
      createdAt: run.createdAt,
      workflow: { id: `W_${run.workflow.id}`, name: run.workflow.name, databaseId: run.workflow.id },
    },
  };
}

function checkOf(check: FakeCheckRun, repo: FakeRepo): object {
  const { run } = check;
  const web = `https://github.com/${repo.owner}/${repo.name}`;
  const app = { slug: check.app, name: check.app };
  return {
    __typename: 'CheckRun',
    id: `CR_${check.id}`,
    databaseId: check.id,
    name: check.name,
    status: upper(check.status),
    conclusion: upper(check.conclusion),
    startedAt: check.started_at,
    completedAt: check.completed_at,
    detailsUrl: run ? `${web}/actions/runs/${run.id}/job/${check.id}` : `https://${check.app}.example/${check.id}`,
    url: `${web}/runs/${check.id}`,
    isRequired: () => check.required,
    checkSuite: () => (run ? suiteOf(run, repo) : { __typename: 'CheckSuite', app, workflowRun: null }),
  };
}

const statusOf = (status: FakeStatus, repo: FakeRepo): object => ({
  __typename: 'StatusContext',
  id: `SC_${status.id}`,
  context: status.context,
  state: status.state.toUpperCase(),
  description: status.description,
  targetUrl: status.target_url,
  createdAt: status.created_at,
  isRequired: () => status.required,
  commit: () => ({ __typename: 'Commit', oid: status.sha, repository: { name: repo.name } }),
});
