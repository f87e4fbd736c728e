/** Landing a pull request, verified by reading it back. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ForgeRepo } from '../../tasks/task.ts';
import type { ForgeMergeOutcome } from '../../tasks/forge.ts';
import type { MergeMethod } from '../../tasks/landing.ts';
import type { Client } from './client.ts';
import { isForbidden, messageOf, statusOf } from './failures.ts';
import { markReady } from './pulls.ts';

export interface MergeHow {
  /** Null: the first that the repository allows. */
  method: MergeMethod | null;
  /** The head that is meant; a newer one is not merged. */
  sha: string;
  /** Where the diff begins that people are shown; null: not asked. */
  from: string | null;
  title: string;
  /** Told once which required checks are waited for. */
  onWait?: (names: readonly string[]) => void;
  /** Awaited right before the one request that merges. */
  beforeMerge(): Promise<void>;
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
  const merged = async (pull: Awaited<ReturnType<typeof read>>): Promise<ForgeMergeOutcome> => {
    const head = pull.head.sha;
    return (await contains(client, repo, head, how.sha, signal))
      ? { kind: 'merged', sha: pull.merge_commit_sha ?? how.sha, head }
      : { kind: 'merged_without', head };
  };

  const before = await read();
  if (before.merged) return merged(before);
  if (before.state === 'closed') return { kind: 'refused', detail: `Pull request #${number} is closed.` };
  if (before.head.sha !== how.sha) {
    return {
      kind: 'refused',
      detail: `Its commit ${before.head.sha.slice(0, 10)} was not checked here.`,
      hint: 'Somebody else has pushed to it: look at that, and merge it on GitHub.',
    };
  }
  const base = before.base.ref;
  if (how.from !== null && !(await contains(client, repo, base, how.from, signal))) {
    const begun = `It began at ${how.from.slice(0, 10)}, which ${base} does not have`;
    return {
      kind: 'refused',
      detail: `${begun}: what lies before that would land without being in the diff here.`,
      hint: `Push those commits to ${base} if they belong there, then merge again; else look at them, and merge it on GitHub.`,
    };
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
  await how.beforeMerge();
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

async function allowedMethod(client: Client, repo: ForgeRepo, signal: AbortSignal): Promise<MergeMethod> {
  const { data } = await client.octokit.request('GET /repos/{owner}/{repo}', {
    owner: repo.owner,
    repo: repo.name,
    request: { signal },
  });
  if (data.allow_merge_commit !== false) return 'merge';
  return data.allow_squash_merge === false ? 'rebase' : 'squash';
}

/** Whether the commit `older` is in the history of `newer`, a commit or a branch. */
async function contains(
  client: Client,
  repo: ForgeRepo,
  newer: string,
  older: string,
  signal: AbortSignal,
): Promise<boolean> {
  if (newer === older) return true;
  try {
    const { data } = await client.octokit.request('GET /repos/{owner}/{repo}/compare/{basehead}', {
      owner: repo.owner,
      repo: repo.name,
      basehead: `${older}...${newer}`,
      per_page: 1,
      request: { signal },
    });
    return data.status === 'ahead' || data.status === 'identical';
  } catch (error) {
    // A commit that is not there is in nothing.
    if (statusOf(error) === 404) return false;
    throw error;
  }
}
