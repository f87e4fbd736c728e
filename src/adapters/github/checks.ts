/** The checks of many commits by one GraphQL query. */
import type { ForgeRepo } from '../../tasks/task.ts';
import { AmpaError } from '../../errors.ts';
import type { ForgeSnapshot, UnknownCommit, WaitingCommit } from '../../tasks/forge.ts';
import { redact } from '../../tasks/redact.ts';
import { withoutEarlierAttempts } from './attempts.ts';
import {
  checkRunIdFromUrl,
  checkRunState,
  countingChecks,
  emptyRunState,
  idsFromUrl,
  statusState,
  type FoundCheck,
} from './checkStates.ts';
import type { Client, GraphqlError } from './client.ts';

interface WorkflowRunNode {
  url: string;
  event: string;
  workflow: { id: string; name: string };
}
interface CheckRunNode {
  __typename: 'CheckRun';
  id: string;
  name: string;
  status: string;
  conclusion: string | null;
  startedAt: string | null;
  completedAt: string | null;
  url: string;
  detailsUrl: string | null;
  isRequired?: boolean;
  checkSuite: { app: { slug: string; name: string } | null; workflowRun: WorkflowRunNode | null };
}
interface StatusNode {
  __typename: 'StatusContext';
  id: string;
  context: string;
  state: string;
  createdAt: string;
  targetUrl: string | null;
  isRequired?: boolean;
}
interface SuiteNode {
  id: string;
  status: string;
  conclusion: string | null;
  createdAt: string;
  updatedAt: string;
  workflowRun: WorkflowRunNode | null;
  checkRuns: { totalCount: number } | null;
}
interface Connection<T> {
  pageInfo: { hasNextPage: boolean; endCursor: string | null };
  nodes: (T | null)[];
}
interface CommitNode {
  oid: string;
  statusCheckRollup: { contexts: Connection<CheckRunNode | StatusNode> } | null;
  checkSuites: Connection<SuiteNode> | null;
}
interface PullNode {
  mergeable: 'MERGEABLE' | 'CONFLICTING' | 'UNKNOWN';
  headRefOid: string;
}
type Answer = { repository: Record<string, CommitNode | PullNode | null> | null };

/** Aliases in one query: with a hundred contexts each they stay far below GitHub's limit of nodes. */
const AT_ONCE = 25;

const RUN = `workflowRun { url event workflow { id name } }`;

/** A page of what is at a commit. `after` marks stand in the variables `a<i>` and `u<i>`. */
function commitFields(i: number, pull: boolean, contexts: boolean, suites: boolean): string {
  const required = pull ? `isRequired(pullRequestNumber: $n${i})` : '';
  const rollup = `statusCheckRollup { contexts(first: 100, after: $a${i}) { pageInfo { hasNextPage endCursor } nodes {
    __typename
    ... on CheckRun { id name status conclusion startedAt completedAt url detailsUrl ${required}
      checkSuite { app { slug name } ${RUN} } }
    ... on StatusContext { id context state createdAt targetUrl ${required} } } } }`;
  const empty = `checkSuites(first: 50, after: $u${i}) { pageInfo { hasNextPage endCursor } nodes {
    id status conclusion createdAt updatedAt checkRuns { totalCount } ${RUN} } }`;
  return `... on Commit { oid ${contexts ? rollup : ''} ${suites ? empty : ''} }`;
}

interface Pending {
  commit: WaitingCommit;
  /** Where the next page starts; undefined when all pages are there. */
  contexts: string | null | undefined;
  suites: string | null | undefined;
  found: FoundCheck[];
  mergeable: ForgeSnapshot['mergeable'];
  /** What GitHub could not tell about it. */
  errors: GraphqlError[];
}

function queryFor(batch: readonly Pending[]): { query: string; variables: Record<string, unknown> } {
  const variables: Record<string, unknown> = {};
  const declared: string[] = ['$owner: String!', '$name: String!'];
  const fields: string[] = [];
  const declare = (name: string, type: string, value: unknown): void => {
    declared.push(`$${name}: ${type}`);
    variables[name] = value;
  };
  for (const [i, { commit, contexts, suites }] of batch.entries()) {
    const pull = commit.pullRequest !== null;
    declare(`s${i}`, 'GitObjectID!', commit.sha);
    if (contexts !== undefined) declare(`a${i}`, 'String', contexts);
    if (suites !== undefined) declare(`u${i}`, 'String', suites);
    fields.push(
      `c${i}: object(oid: $s${i}) { ${commitFields(i, pull, contexts !== undefined, suites !== undefined)} }`,
    );
    if (!pull) continue;
    declare(`n${i}`, 'Int!', commit.pullRequest);
    fields.push(`p${i}: pullRequest(number: $n${i}) { mergeable headRefOid }`);
  }
  const query = `query Snapshots(${declared.join(', ')}) {
    repository(owner: $owner, name: $name) { ${fields.join('\n')} } }`;
  return { query, variables };
}

/** GraphQL does not show the checks to this identity: REST has to tell, source by source. */
export class GraphqlRefused extends Error {}

/**
 * What is known of each commit, in their order; what GitHub cannot tell of one does not hide the others. One
 * request unless a commit has more than a hundred checks. Rejects with `GraphqlRefused` where this identity may not see them this way, and with an
 * AmpaError or octokit's error where GitHub could not tell.
 */
export async function graphqlSnapshots(
  client: Client,
  repo: ForgeRepo,
  commits: readonly WaitingCommit[],
  signal: AbortSignal,
): Promise<{ snapshots: ForgeSnapshot[]; unknown: UnknownCommit[] }> {
  const all: Pending[] = commits.map((commit) => ({
    commit,
    contexts: null,
    suites: null,
    found: [],
    mergeable: 'unknown',
    errors: [],
  }));
  for (;;) {
    const batch = all.filter((it) => it.contexts !== undefined || it.suites !== undefined).slice(0, AT_ONCE);
    if (batch.length === 0) break;
    const { query, variables } = queryFor(batch);
    const named = { ...variables, owner: repo.owner, name: repo.name };
    const { data, errors } = await client.graphql<Answer>(query, named, signal);
    const ofAll = errors.filter((it) => isForbidden(it) || indexOf(it) === null);
    if (!data?.repository || ofAll.length > 0) refuse(errors);
    for (const [i, pending] of batch.entries()) {
      pending.errors = errors.filter((it) => indexOf(it) === i);
      if (pending.errors.length > 0) {
        pending.contexts = pending.suites = undefined;
        continue;
      }
      take(pending, data.repository[`c${i}`] as CommitNode | null, data.repository[`p${i}`] as PullNode | undefined);
    }
  }
  const told = all.filter((it) => it.errors.length === 0);
  if (all.length > 0 && told.length === 0) refuse(all.flatMap((it) => it.errors));
  const snapshots = await Promise.all(
    told.map(async ({ commit, found, mergeable }) => ({
      sha: commit.sha,
      checks: countingChecks(await withoutEarlierAttempts(client, repo, found, signal)),
      mergeable,
      hidden: [],
    })),
  );
  const unknown = all
    .filter((it) => it.errors.length > 0)
    .map(({ commit, errors }) => ({ sha: commit.sha, detail: `GitHub did not tell the checks: ${wordsOf(errors)}` }));
  return { snapshots, unknown };
}

const wordsOf = (errors: readonly GraphqlError[]): string =>
  redact(errors.map((it) => it.message).join('; ')).slice(0, 500);
const isForbidden = (error: GraphqlError): boolean =>
  error.type === 'FORBIDDEN' || /not accessible by/i.test(error.message);

/** Which commit of the query an error is about; null: all of it. */
function indexOf({ path }: GraphqlError): number | null {
  const alias = path?.[0] === 'repository' ? /^[cp](\d+)$/.exec(String(path[1])) : null;
  return alias && Number(alias[1]);
}

/** Half an answer about a commit is none: a check that is not seen could be the red one. */
function refuse(errors: readonly GraphqlError[]): never {
  const what = wordsOf(errors);
  if (errors.some(isForbidden)) throw new GraphqlRefused(what);
  const hint = errors.some((it) => it.type === 'NOT_FOUND')
    ? 'The repository does not exist, or the token cannot see it; `ampa doctor` shows which.'
    : '';
  throw new AmpaError('external', `GitHub did not tell the checks: ${what || 'an empty answer'}`, hint);
}

function take(pending: Pending, commit: CommitNode | null, pull: PullNode | null | undefined): void {
  // Of an older head nothing is said: GitHub has not seen the push yet.
  if (pull && pull.headRefOid === pending.commit.sha) {
    pending.mergeable =
      pull.mergeable === 'CONFLICTING' ? 'conflict' : pull.mergeable === 'MERGEABLE' ? 'clean' : 'unknown';
  }
  const contexts = pending.contexts === undefined ? null : commit?.statusCheckRollup?.contexts;
  for (const node of contexts?.nodes ?? []) {
    if (node) pending.found.push(node.__typename === 'CheckRun' ? fromCheckRun(node) : fromStatus(node));
  }
  const suites = pending.suites === undefined ? null : commit?.checkSuites;
  for (const suite of suites?.nodes ?? []) {
    // Apps that may write checks get a suite for every push, used or not: only those of Actions count.
    if (suite?.workflowRun && suite.checkRuns?.totalCount === 0)
      pending.found.push(fromEmptySuite(suite, suite.workflowRun));
  }
  pending.contexts = contexts?.pageInfo.hasNextPage ? contexts.pageInfo.endCursor : undefined;
  pending.suites = suites?.pageInfo.hasNextPage ? suites.pageInfo.endCursor : undefined;
}

function fromCheckRun(node: CheckRunNode): FoundCheck {
  const run = node.checkSuite.workflowRun;
  const id = checkRunIdFromUrl(node.url) ?? idsFromUrl(node.detailsUrl).jobId;
  return {
    id: `check:${id ?? node.id}`,
    label: node.name,
    source: run ? `workflow ${run.workflow.id}` : `app ${node.checkSuite.app?.slug ?? ''}`,
    event: run?.event ?? null,
    state: checkRunState(node.status, node.conclusion),
    url: node.detailsUrl ?? node.url,
    startedAt: node.startedAt,
    endedAt: node.completedAt,
    required: node.isRequired ?? false,
    runId: run ? idsFromUrl(run.url).runId : null,
    jobId: run ? id : null,
    workflow: run?.workflow.name ?? null,
  };
}

function fromStatus(node: StatusNode): FoundCheck {
  const state = statusState(node.state);
  return {
    id: `status:${node.id}`,
    label: node.context,
    source: 'status',
    event: null,
    state,
    url: node.targetUrl,
    startedAt: node.createdAt,
    endedAt: state === 'running' || state === 'queued' ? null : node.createdAt,
    required: node.isRequired ?? false,
    runId: null,
    jobId: null,
    workflow: null,
  };
}

function fromEmptySuite(suite: SuiteNode, run: WorkflowRunNode): FoundCheck {
  const { runId } = idsFromUrl(run.url);
  return {
    id: `run:${runId ?? suite.id}`,
    label: run.workflow.name,
    source: `workflow ${run.workflow.id}`,
    event: run.event,
    state: emptyRunState(suite.status, suite.conclusion),
    url: run.url,
    startedAt: suite.createdAt,
    endedAt: suite.conclusion ? suite.updatedAt : null,
    required: false,
    runId,
    jobId: null,
    workflow: run.workflow.name,
  };
}
