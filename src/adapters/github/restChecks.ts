/** The checks of a commit by REST: for identities and servers that GraphQL does not show them to. */
import type { EndedRun, ForgeRepo, ForgeSnapshot, UnknownCommit, WaitingCommit } from '../../tasks/forge.ts';
import { withoutEarlierAttempts } from './attempts.ts';
import {
  checkRunState,
  countingChecks,
  emptyRunState,
  idsFromUrl,
  statusState,
  type FoundCheck,
} from './checkStates.ts';
import type { Client } from './client.ts';
import { isForbidden, messageOf, statusOf } from './failures.ts';

/** What is known of each commit. One that GitHub does not find hides no other; rejects where it tells about none. */
export async function restSnapshots(
  client: Client,
  repo: ForgeRepo,
  commits: readonly WaitingCommit[],
  signal: AbortSignal,
): Promise<{ snapshots: ForgeSnapshot[]; unknown: UnknownCommit[] }> {
  const snapshots: ForgeSnapshot[] = [];
  const unknown: UnknownCommit[] = [];
  const looks = await Promise.allSettled(commits.map((commit) => restSnapshot(client, repo, commit, signal)));
  for (const [i, look] of looks.entries()) {
    if (look.status === 'fulfilled') snapshots.push(look.value);
    else if ([404, 422].includes(statusOf(look.reason) ?? 0)) {
      unknown.push({ sha: commits[i]!.sha, detail: `GitHub did not tell the checks: ${messageOf(look.reason)}` });
    } else throw asError(look.reason);
  }
  const first = looks.find((look) => look.status === 'rejected');
  if (first && snapshots.length === 0) throw asError(first.reason);
  return { snapshots, unknown };
}

/**
 * What is known of one commit. Sources that answer 403 are named in `hidden` and left out; any other
 * failure rejects. Repeated looks at what has not changed cost nothing (304).
 */
async function restSnapshot(
  client: Client,
  repo: ForgeRepo,
  { sha, pullRequest }: WaitingCommit,
  signal: AbortSignal,
): Promise<ForgeSnapshot> {
  const at = { owner: repo.owner, repo: repo.name, per_page: 100, request: { signal } };
  const { octokit } = client;
  const hidden: string[] = [];
  const unlessHidden = async <T>(what: string, work: Promise<T[]>): Promise<T[] | null> => {
    try {
      return await work;
    } catch (error) {
      if (!isForbidden(error)) throw error;
      hidden.push(what);
      return null;
    }
  };
  const [runs, checkRuns, statuses, pull] = await Promise.all([
    unlessHidden(
      'workflow runs (actions: read)',
      octokit.paginate('GET /repos/{owner}/{repo}/actions/runs', { ...at, head_sha: sha }),
    ),
    unlessHidden(
      'check runs (checks: read)',
      octokit.paginate('GET /repos/{owner}/{repo}/commits/{ref}/check-runs', { ...at, ref: sha }),
    ),
    unlessHidden(
      'commit statuses (statuses: read)',
      // Its answer is no list that octokit knows: the page is followed by hand.
      allStatuses(client, repo, sha, signal),
    ),
    pullRequest === null
      ? null
      : octokit.request('GET /repos/{owner}/{repo}/pulls/{pull_number}', { ...at, pull_number: pullRequest }),
  ]);

  const bySuite = new Map((runs ?? []).map((run) => [run.check_suite_id, run]));
  const byRun = new Map((runs ?? []).map((run) => [String(run.id), run]));
  const found: FoundCheck[] = (statuses ?? []).map((it) => ({
    id: `status:${it.node_id}`,
    label: it.context,
    source: 'status',
    event: null,
    state: statusState(it.state),
    url: it.target_url,
    startedAt: it.created_at,
    endedAt: it.state === 'pending' ? null : it.created_at,
    required: false,
    runId: null,
    jobId: null,
    workflow: null,
  }));
  const withJobs = new Set<number>();
  for (const it of checkRuns ?? []) {
    const run = bySuite.get(it.check_suite?.id) ?? byRun.get(idsFromUrl(it.details_url).runId ?? '');
    const ids = idsFromUrl(it.details_url);
    if (run) withJobs.add(run.id);
    const ours = it.app?.slug === 'github-actions';
    found.push({
      id: `check:${it.id}`,
      label: it.name,
      source: run ? `workflow ${run.workflow_id}` : `app ${it.app?.slug ?? ''} ${ours ? (ids.runId ?? '') : ''}`,
      event: run?.event ?? null,
      state: checkRunState(it.status, it.conclusion),
      url: it.details_url ?? it.html_url,
      startedAt: it.started_at,
      endedAt: it.completed_at,
      required: false,
      runId: run ? String(run.id) : ids.runId,
      jobId: ours ? String(it.id) : null,
      workflow: run?.name ?? null,
    });
  }
  for (const run of runs ?? []) {
    if (withJobs.has(run.id)) continue;
    const shared = { source: `workflow ${run.workflow_id}`, event: run.event, required: false, runId: String(run.id) };
    const workflow = run.name ?? null;
    const jobs =
      checkRuns === null
        ? await octokit.paginate('GET /repos/{owner}/{repo}/actions/runs/{run_id}/jobs', { ...at, run_id: run.id })
        : [];
    for (const job of jobs) {
      found.push({
        ...shared,
        id: `check:${job.id}`,
        label: job.name,
        state: checkRunState(job.status, job.conclusion),
        url: job.html_url,
        startedAt: job.started_at,
        endedAt: job.completed_at,
        jobId: String(job.id),
        workflow,
      });
    }
    if (jobs.length > 0) continue;
    found.push({
      ...shared,
      id: `run:${run.id}`,
      label: workflow ?? run.path,
      state: emptyRunState(run.status, run.conclusion),
      url: run.html_url,
      startedAt: run.created_at,
      endedAt: run.conclusion ? run.updated_at : null,
      jobId: null,
      workflow,
    });
  }

  const latest = await withoutEarlierAttempts(client, repo, found, signal);
  const ofThisHead = pull?.data.head.sha === sha ? pull.data : null;
  const mergeable = ofThisHead?.mergeable == null ? 'unknown' : ofThisHead.mergeable ? 'clean' : 'conflict';
  return { sha, checks: countingChecks(latest), mergeable, hidden };
}

/** What has ended in Actions, of the newest; GitHub does not count the question while that stays the same. */
export async function endedRuns(
  client: Client,
  repo: ForgeRepo,
  signal: AbortSignal,
): Promise<{ runs: EndedRun[]; counted: number } | null> {
  const before = client.counted();
  try {
    const { data } = await client.octokit.request('GET /repos/{owner}/{repo}/actions/runs', {
      owner: repo.owner,
      repo: repo.name,
      status: 'completed',
      exclude_pull_requests: true,
      per_page: 30,
      request: { signal },
    });
    const runs = data.workflow_runs.map(({ id, run_attempt, head_sha }) => ({
      id: `${id}.${run_attempt ?? 1}`,
      runId: String(id),
      sha: head_sha,
    }));
    return { runs, counted: client.counted() - before };
  } catch (error) {
    if (isForbidden(error) || statusOf(error) === 404) return null;
    throw error;
  }
}

async function allStatuses(client: Client, repo: ForgeRepo, sha: string, signal: AbortSignal) {
  const all = [];
  for (let page = 1; ; page++) {
    const { data } = await client.octokit.request('GET /repos/{owner}/{repo}/commits/{ref}/status', {
      owner: repo.owner,
      repo: repo.name,
      ref: sha,
      per_page: 100,
      page,
      request: { signal },
    });
    all.push(...data.statuses);
    if (data.statuses.length < 100) return all;
  }
}

const asError = (reason: unknown): Error => (reason instanceof Error ? reason : new Error(String(reason)));
