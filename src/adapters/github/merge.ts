/** Landing a pull request, verified by reading it back. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ForgeRepo } from '../../tasks/task.ts';
import type { ForgeMergeOutcome } from '../../tasks/forge.ts';
import type { Client } from './client.ts';
import { isForbidden, messageOf, statusOf } from './failures.ts';
import { markReady } from './pulls.ts';

type Method = 'merge' | 'squash' | 'rebase';

export interface MergeHow {
  /** Null: the first that the repository allows. */
  method: Method | null;
  /** The head that is meant; a newer one is not merged. */
  sha: string;
  title: string;
  /** The branch to delete afterwards, or null. */
  deleteBranch: string | null;
  /** Told once which required checks are waited for. */
  onWait?: (names: readonly string[]) => void;
}

/** Looks at required checks that have not ended, and what lies between two of them, s. */
const WAITS = 30;
const WAIT_S = 10;

/** Looks at a pull request whose mergeability GitHub is still working out. */
const LOOKS = 6;

/** Merges, or says why not. Repeating it after a lost answer finds the merge that was made. */
export async function mergePullRequest(
  client: Client,
  repo: ForgeRepo,
  number: number,
  how: MergeHow,
  /** Names of the required checks that have not ended. */
  awaited: () => Promise<string[]>,
  signal: AbortSignal,
  secondMs = 1000,
): Promise<ForgeMergeOutcome> {
  const at = { owner: repo.owner, repo: repo.name, pull_number: number, request: { signal } };
  const read = async () => (await client.octokit.request('GET /repos/{owner}/{repo}/pulls/{pull_number}', at)).data;
  const merged = async (pull: Awaited<ReturnType<typeof read>>): Promise<ForgeMergeOutcome> => ({
    kind: 'merged',
    sha: pull.merge_commit_sha ?? how.sha,
    remark: how.deleteBranch === null ? null : await deleteBranch(client, repo, how.deleteBranch, signal),
  });

  const before = await read();
  if (before.merged) return merged(before);
  if (before.state === 'closed') return { kind: 'refused', detail: `Pull request #${number} is closed.` };
  if (before.head.sha !== how.sha) {
    return { kind: 'refused', detail: `Pull request #${number} has commits that were not checked.` };
  }
  // A person who wants it merged wants it ready.
  if (before.draft) await markReady(client, repo, number, signal);
  for (let look = 1; before.mergeable !== false; look++) {
    const names = await awaited();
    if (names.length === 0) break;
    if (look > WAITS) return { kind: 'refused', detail: `Required checks have not ended: ${names.join(', ')}.` };
    if (look === 1) how.onWait?.(names);
    await sleep(WAIT_S * secondMs, undefined, { signal });
  }
  const method = how.method ?? (await allowedMethod(client, repo, signal));
  let said: string;
  try {
    await client.octokit.request('PUT /repos/{owner}/{repo}/pulls/{pull_number}/merge', {
      ...at,
      sha: how.sha,
      merge_method: method,
      // A rebase keeps the commits' own titles, and GitHub refuses one for it.
      ...(method === 'rebase' ? {} : { commit_title: how.title }),
    });
    said = 'GitHub said it merged it, and does not show it as merged.';
  } catch (error) {
    const refused = [405, 409, 422].includes(statusOf(error) ?? 0) || isForbidden(error);
    said = messageOf(error);
    if (!refused) {
      // Whether it was carried out is not known: the pull request itself tells.
      const now = await read();
      if (now.merged) return merged(now);
      throw error;
    }
  }
  for (let look = 1; ; look++) {
    const after = await read();
    if (after.merged) return merged(after);
    if (after.mergeable === false) return { kind: 'conflict', detail: said };
    if (after.mergeable === true || after.state === 'closed' || look === LOOKS)
      return { kind: 'refused', detail: said };
    await sleep(secondMs, undefined, { signal });
  }
}

async function allowedMethod(client: Client, repo: ForgeRepo, signal: AbortSignal): Promise<Method> {
  const { data } = await client.octokit.request('GET /repos/{owner}/{repo}', {
    owner: repo.owner,
    repo: repo.name,
    request: { signal },
  });
  if (data.allow_merge_commit !== false) return 'merge';
  return data.allow_squash_merge === false ? 'rebase' : 'squash';
}

/** Null when the branch is gone, else why it stays: the merge itself stands. */
async function deleteBranch(
  client: Client,
  repo: ForgeRepo,
  branch: string,
  signal: AbortSignal,
): Promise<string | null> {
  try {
    await client.octokit.request('DELETE /repos/{owner}/{repo}/git/refs/{ref}', {
      owner: repo.owner,
      repo: repo.name,
      ref: `heads/${branch}`,
      request: { signal },
    });
    return null;
  } catch (error) {
    // GitHub may have deleted it itself, by the repository's setting.
    if (statusOf(error) === 404 || (statusOf(error) === 422 && /does not exist/i.test(messageOf(error)))) return null;
    return `The branch ${branch} could not be deleted: ${messageOf(error)}`;
  }
}
