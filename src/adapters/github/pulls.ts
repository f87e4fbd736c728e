/** Pull requests, their template, and issues. */
import type { ForgeRepo } from '../../tasks/task.ts';
import { AmpaError } from '../../errors.ts';
import type { PullRequest, PullRequestOutcome, PullRequestText } from '../../tasks/forge.ts';
import type { Client } from './client.ts';
import { isForbidden, messageOf, statusOf } from './failures.ts';

const at = (repo: ForgeRepo, signal: AbortSignal) => ({ owner: repo.owner, repo: repo.name, request: { signal } });

type Found = { number: number; html_url: string; draft?: boolean };
const opened = (pull: Found): PullRequestOutcome => ({
  kind: 'open',
  number: pull.number,
  url: pull.html_url,
  draft: pull.draft ?? false,
});

/** The pull request of a branch, or null: the open one, else the newest, which a person has ended since. */
async function find(
  client: Client,
  repo: ForgeRepo,
  head: string,
  signal: AbortSignal,
): Promise<PullRequestOutcome | null> {
  const { data } = await client.octokit.request('GET /repos/{owner}/{repo}/pulls', {
    ...at(repo, signal),
    head: `${repo.owner}:${head}`,
    state: 'all',
    per_page: 10,
  });
  const open = data.find((it) => it.state === 'open');
  if (open) return opened(open);
  return data[0] ? { kind: 'ended', number: data[0].number, url: data[0].html_url } : null;
}

/** Opens one, or finds the one that this branch has or had: safe to repeat after a lost answer. */
export async function openPullRequest(
  client: Client,
  repo: ForgeRepo,
  pr: PullRequestText & { head: string; base: string; draft: boolean },
  signal: AbortSignal,
): Promise<PullRequestOutcome> {
  try {
    const before = await find(client, repo, pr.head, signal);
    if (before) return before;
  } catch (error) {
    const outcome = whyNot(error);
    if (outcome && (outcome.kind !== 'unsupported' || (await isVisible(client, repo, signal)))) return outcome;
    throw error;
  }
  const open = async (draft: boolean): Promise<PullRequestOutcome> => {
    const { data } = await client.octokit.request('POST /repos/{owner}/{repo}/pulls', {
      ...at(repo, signal),
      title: pr.title,
      body: pr.body,
      head: pr.head,
      base: pr.base,
      draft,
    });
    return opened(data);
  };
  for (let draft = pr.draft; ; draft = false) {
    try {
      return await open(draft);
    } catch (error) {
      const said = messageOf(error);
      if (statusOf(error) === 422 && /already exists/i.test(said)) {
        const other = await find(client, repo, pr.head, signal);
        if (other) return other;
      }
      if (statusOf(error) === 422 && draft && /draft/i.test(said)) continue;
      const outcome = whyNot(error);
      if (outcome) return outcome;
      throw error;
    }
  }
}

/** What a refusal means for the task; null where GitHub could not be asked. */
function whyNot(error: unknown): PullRequestOutcome | null {
  const status = statusOf(error);
  if (status === 404 || status === 410) return { kind: 'unsupported' };
  if (status === 422 || isForbidden(error)) return { kind: 'failed', detail: messageOf(error) };
  return null;
}

/** Without pull requests GitHub answers 404, as it does for a repository that is not there for us. */
async function isVisible(client: Client, repo: ForgeRepo, signal: AbortSignal): Promise<boolean> {
  try {
    await client.octokit.request('GET /repos/{owner}/{repo}', at(repo, signal));
    return true;
  } catch (error) {
    if (statusOf(error) === 404) return false;
    throw error;
  }
}

export async function defaultBranch(client: Client, repo: ForgeRepo, signal: AbortSignal): Promise<string> {
  return (await client.octokit.request('GET /repos/{owner}/{repo}', at(repo, signal))).data.default_branch;
}

export async function pullRequestOf(
  client: Client,
  repo: ForgeRepo,
  number: number,
  signal: AbortSignal,
): Promise<PullRequest> {
  const where = { ...at(repo, signal), pull_number: number };
  const { data } = await client.octokit.request('GET /repos/{owner}/{repo}/pulls/{pull_number}', where);
  const state = data.merged ? 'merged' : data.state === 'closed' ? 'closed' : 'open';
  const { html_url: url, body, head, merged_at: mergedAt } = data;
  return { number, url, state, body: body ?? '', sha: head.sha, mergedAt };
}

/** Changes what is given of its text. */
export async function updatePullRequest(
  client: Client,
  repo: ForgeRepo,
  number: number,
  text: Partial<PullRequestText>,
  signal: AbortSignal,
): Promise<void> {
  const where = { ...at(repo, signal), pull_number: number, ...text };
  await client.octokit.request('PATCH /repos/{owner}/{repo}/pulls/{pull_number}', where);
}

/** Only GraphQL can do this. One that is ready already is left alone. */
export async function markReady(client: Client, repo: ForgeRepo, number: number, signal: AbortSignal): Promise<void> {
  const where = { ...at(repo, signal), pull_number: number };
  const { data: pull } = await client.octokit.request('GET /repos/{owner}/{repo}/pulls/{pull_number}', where);
  if (!pull.draft) return;
  const { data, errors } = await client.graphql<{
    markPullRequestReadyForReview: { pullRequest: { isDraft: boolean } | null } | null;
  }>(
    `mutation Ready($id: ID!) {
      markPullRequestReadyForReview(input: { pullRequestId: $id }) { pullRequest { isDraft } } }`,
    { id: pull.node_id },
    signal,
  );
  if (data?.markPullRequestReadyForReview?.pullRequest?.isDraft === false) return;
  throw new AmpaError(
    'external',
    `GitHub did not mark pull request #${number} as ready: ${errors.map((it) => it.message).join('; ') || 'no reason given'}`,
    'It needs pull_requests: write; a person can press “Ready for review”.',
  );
}

/** The template that GitHub would put into a new pull request: of `.github/`, the root or `docs/`, in any case. */
export async function pullRequestTemplate(
  client: Client,
  repo: ForgeRepo,
  signal: AbortSignal,
): Promise<string | null> {
  for (const folder of ['.github', '', 'docs']) {
    const entries = await contents(client, repo, folder, signal);
    if (!Array.isArray(entries)) continue;
    const entry = entries.find((it) => it.type === 'file' && /^pull_request_template(\.(md|txt))?$/i.test(it.name));
    if (!entry) continue;
    const file = await contents(client, repo, entry.path, signal);
    if (file !== null && !Array.isArray(file) && file.type === 'file' && 'content' in file) {
      return Buffer.from(file.content, 'base64').toString('utf8');
    }
  }
  return null;
}

/** What is at a path of a commit (the default branch's without `ref`); null where nothing is. */
export async function contents(client: Client, repo: ForgeRepo, path: string, signal: AbortSignal, ref?: string) {
  try {
    const where = { ...at(repo, signal), path, ...(ref === undefined ? {} : { ref }) };
    return (await client.octokit.request('GET /repos/{owner}/{repo}/contents/{path}', where)).data;
  } catch (error) {
    if (statusOf(error) === 404) return null;
    throw error;
  }
}

export async function issueOf(
  client: Client,
  repo: ForgeRepo,
  number: number,
  signal: AbortSignal,
): Promise<{ title: string; body: string; url: string }> {
  try {
    const where = { ...at(repo, signal), issue_number: number };
    const { data } = await client.octokit.request('GET /repos/{owner}/{repo}/issues/{issue_number}', where);
    return { title: data.title, body: data.body ?? '', url: data.html_url };
  } catch (error) {
    if (statusOf(error) !== 404 && statusOf(error) !== 410) throw error;
    throw new AmpaError(
      'not_found',
      `${repo.owner}/${repo.name} has no issue #${number}`,
      'Issues are named by their number; one that you may not see counts as none.',
    );
  }
}
