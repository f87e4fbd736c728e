import type { Repository } from '../adapters/git/repository.ts';
import { AmpaError } from '../errors.ts';
import type { TaskBoard } from '../tasks/board.ts';
import { inFiles } from '../tasks/prompts.ts';
import type { Task } from '../tasks/task.ts';
import { transition } from '../tasks/transition.ts';
import type { Forges } from './forges.ts';

export interface MergeDeps {
  board: TaskBoard;
  repository: Repository;
  forges: Forges;
  now(): number;
  say(notice: string): void;
}

export interface MergeRequest {
  /** Null: the repository's own, or a merge commit. */
  method: 'merge' | 'squash' | 'rebase' | null;
  deleteBranch: boolean;
}

/** For one merge, its wait for required checks included. */
const MERGE_MS = 8 * 60_000;

/** Lands a task: its pull request, or without one its branch; then its worktree goes, unless it holds more. */
export async function mergeTask(deps: MergeDeps, id: string, how: MergeRequest): Promise<Task> {
  const { board, repository } = deps;
  const { task } = await board.detail(id);
  const isoNow = (): string => new Date(deps.now()).toISOString();
  const verdict = transition(task, { type: 'merge', at: isoNow() });
  if (!verdict.ok) throw verdict.error;

  const byPullRequest = task.forge !== null && task.pr_number !== null;
  const { sha, remark } = byPullRequest
    ? await mergePullRequest(deps, task, how)
    : await repository.mergeToBase(task, { ...how, method: how.method ?? 'merge' });
  const landed = await board.recordMerge(id, isoNow(), `Merged into ${task.base} as ${sha.slice(0, 10)}.`);
  if (remark !== null) deps.say(`Merged. ${remark}`);
  const removal = await repository.removeWorktree(task, { force: false });
  if (removal.removed) await board.forgetWorktree(landed);
  else deps.say(`Merged; the worktree is kept, since ${removal.why}.`);
  if (how.deleteBranch && byPullRequest) {
    const kept = removal.removed ? await repository.deletePushedBranch(task) : 'its worktree is kept';
    if (kept !== null) deps.say(`Merged; the branch ${task.branch} is kept here, since ${kept}.`);
  }
  return landed;
}

async function mergePullRequest(
  { forges, repository, say }: MergeDeps,
  task: Task,
  how: MergeRequest,
): Promise<{ sha: string; remark: string | null }> {
  // A merged task is final: what it would leave behind could not be landed any more.
  if (task.head_sha !== task.pushed_sha) {
    throw new AmpaError(
      'merge',
      `the newest commit of task ${task.id} is not part of ${task.pr_url}: ${task.head_sha?.slice(0, 10)} was not pushed, the pull request is at ${task.pushed_sha?.slice(0, 10)}`,
      'Continue the task: it pushes what is missing, and the checks see it. Or merge the older state on GitHub.',
    );
  }
  const forge = await forges.of(task);
  const patience = new AbortController();
  const late = setTimeout(() => patience.abort(tooLate(task)), MERGE_MS);
  const outcome = await forge
    .merge(
      task.forge!,
      task.pr_number!,
      {
        method: how.method,
        sha: task.pushed_sha!,
        title: task.title,
        deleteBranch: how.deleteBranch ? task.branch : null,
        onWait: (names) => say(`Waiting for required checks of ${task.pr_url}: ${names.join(', ')}`),
      },
      patience.signal,
    )
    .finally(() => clearTimeout(late));
  switch (outcome.kind) {
    case 'merged':
      return outcome;
    case 'conflict':
      throw new AmpaError(
        'merge',
        `${task.pr_url} conflicts with ${task.base}${inFiles(await repository.conflicts(task))}: ${outcome.detail}`,
        'Continue the task: the agent is handed the conflict.',
      );
    case 'refused':
      throw new AmpaError(
        'merge',
        `GitHub does not merge ${task.pr_url}: ${outcome.detail}`,
        'See to what it wants, then merge again.',
      );
  }
}

const tooLate = ({ pr_url: url }: Task): AmpaError =>
  new AmpaError(
    'merge',
    `GitHub has not merged ${url} within ${MERGE_MS / 60_000} min`,
    'Merge again: one that was made all the same is found.',
  );
