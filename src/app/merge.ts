import type { Landed } from '../adapters/git/deleteBranch.ts';
import type { Repository } from '../adapters/git/repository.ts';
import { AmpaError, describeError } from '../errors.ts';
import type { TaskBoard } from '../tasks/board.ts';
import { whyNotLand, type MergeMethod } from '../tasks/landing.ts';
import { inFiles } from '../tasks/prompts.ts';
import type { Clock } from '../tasks/ports.ts';
import type { Task } from '../tasks/task.ts';
import { transition } from '../tasks/transition.ts';
import type { Forges } from './forges.ts';

export interface MergeDeps {
  board: TaskBoard;
  repository: Repository;
  forges: Forges;
  clock: Pick<Clock, 'now' | 'after'>;
  newId(): string;
  /** Calls back when any process has changed the store; returns the way to stop that. */
  onChange(listener: () => void): () => void;
  say(notice: string): void;
}

export interface MergeRequest {
  /** Null: the repository's own, or a merge commit. */
  method: MergeMethod | null;
  deleteBranch: boolean;
}

/** For one merge, its wait for required checks included. */
const MERGE_MS = 8 * 60_000;
/** While it is being made the task is held so long, and again before that is over: who dies of it holds it no longer. */
const HOLD_MS = 60_000;
const HOLD_AGAIN_MS = 20_000;

interface Merged extends Landed {
  /** What the base is at now. */
  sha: string;
}

/**
 * Lands a task as the person sees it who asks for that: its pull request, or without one its branch; then its
 * worktree goes, unless it holds more. Rejects, with nothing merged, where the task goes on before that.
 */
export async function mergeTask(deps: MergeDeps, id: string, how: MergeRequest): Promise<Task> {
  const { board, repository, say } = deps;
  const { task, messages } = await board.detail(id);
  const isoNow = (): string => new Date(deps.clock.now()).toISOString();
  const verdict = transition(task, { type: 'merge', at: isoNow() });
  if (!verdict.ok) throw verdict.error;

  const hold = holdOf(deps, task);
  let merged: Merged;
  let landed: Task;
  try {
    merged = await (task.forge !== null && task.pr_number !== null
      ? mergePullRequest(deps, task, how.method, hold.take)
      : mergeBranch(deps, task, how.method, hold.take));
    landed = await record(deps, task, merged.sha, isoNow());
  } finally {
    await hold.release();
  }
  if (messages.some((message) => message.delivered_in === null))
    say('Merged; a message had not reached the agent: start a new task with it.');
  await tidy(say, async () => {
    const removal = await repository.removeWorktree(task, { force: false });
    if (removal.removed) await board.forgetWorktree(landed);
    else say(`Merged; the worktree is kept, since ${removal.why}.`);
  });
  if (how.deleteBranch)
    await tidy(say, async () => {
      for (const kept of await repository.deleteBranch(task, merged)) say(`Merged. ${kept}`);
    });
  return landed;
}

/** What fails after a merge does not undo it. */
async function tidy(say: MergeDeps['say'], work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    say(`Merged; what was left could not be tidied up: ${describeError(error)}`);
  }
}

/** The right to merge the task now: nobody continues or stops it meanwhile, nor merges it a second time. */
function holdOf({ board, newId, clock }: MergeDeps, task: Task): { take(): Promise<void>; release(): Promise<void> } {
  const by = newId();
  let cancel = (): void => undefined;
  let renewal = Promise.resolve();
  const hold = (): Promise<void> => board.holdForMerge(task, by, clock.now() + HOLD_MS);
  const renew = (): void => {
    cancel = clock.after(HOLD_AGAIN_MS, () => {
      // One that fails is made up for by the next.
      renewal = hold().then(renew, renew);
    });
  };
  return {
    async take() {
      await hold();
      renew();
    },
    async release() {
      cancel();
      await renewal;
      cancel();
      // How the merge has ended counts more; what is not released runs out.
      await board.releaseMerge(task.id, by).catch(() => undefined);
    },
  };
}

async function record({ board }: MergeDeps, task: Task, sha: string, at: string): Promise<Task> {
  const short = sha.slice(0, 10);
  try {
    return await board.recordMerge(task, at, `Merged into ${task.base} as ${short}.`);
  } catch (error) {
    // Another has found it merged, and written that down.
    if (error instanceof AmpaError && error.code === 'illegal_transition') throw error;
    throw new AmpaError(
      'merge',
      `${task.branch} was merged into ${task.base} as ${short}, and that could not be written down: ${describeError(error)}`,
      'Nothing was deleted. Merge it again when it has ended: what has landed is found.',
      error,
    );
  }
}

async function mergeBranch(
  { repository }: MergeDeps,
  task: Task,
  method: MergeRequest['method'],
  hold: () => Promise<void>,
): Promise<Merged> {
  await hold();
  const sha = await repository.mergeToBase(task, method ?? 'merge');
  return { sha, here: task.head_sha!, there: task.head_sha! };
}

async function mergePullRequest(
  { board, forges, repository, onChange, say }: MergeDeps,
  task: Task,
  method: MergeRequest['method'],
  hold: () => Promise<void>,
): Promise<Merged> {
  const { pushed_sha: pushed } = task;
  // A merged task is final: what it would leave behind could not be landed any more.
  if (pushed === null || task.head_sha !== pushed) {
    throw new AmpaError(
      'merge',
      `the newest commit of task ${task.id} is not part of ${task.pr_url}: ${task.head_sha?.slice(0, 10)} was not pushed, the pull request is at ${pushed?.slice(0, 10)}`,
      'Continue the task: it pushes what is missing, and the checks see it. Or merge the older state on GitHub.',
    );
  }
  const forge = await forges.of(task);
  const from = await repository.mergeBaseOf(task, pushed);
  // From here on nothing may fail before `merge` is asked: it ends what is begun now.
  const patience = new AbortController();
  const late = setTimeout(() => patience.abort(tooLate(task)), MERGE_MS);
  const look = async (): Promise<void> => {
    const why = whyNotLand(task, await board.find(task.id));
    if (why) patience.abort(why);
  };
  // A look that fails is no answer: the hold, without which nothing is merged, looks once more.
  const off = onChange(() => void look().catch(() => undefined));
  const beforeMerge = async (): Promise<void> => {
    off();
    await hold();
  };
  const outcome = await forge
    .merge(
      task.forge!,
      task.pr_number!,
      {
        method,
        sha: pushed,
        from,
        title: task.title,
        onWait: (names) => say(`Waiting for required checks of ${task.pr_url}: ${names.join(', ')}`),
        beforeMerge,
      },
      patience.signal,
    )
    .finally(() => {
      off();
      clearTimeout(late);
    });
  switch (outcome.kind) {
    case 'merged':
      return { sha: outcome.sha, here: pushed, there: outcome.head };
    case 'merged_without':
      throw new AmpaError(
        'merge',
        `${task.pr_url} was merged before, as it was at ${outcome.head.slice(0, 10)}: the newest commit of task ${task.id}, ${pushed.slice(0, 10)}, is not in it`,
        `It is on the branch ${task.branch}: open a pull request for it by hand, or start a new task for what is left.`,
      );
    case 'conflict':
      throw new AmpaError(
        'merge',
        `${task.pr_url} conflicts with ${task.base}${inFiles(await repository.conflicts(task))}: ${outcome.detail}`,
        'Continue the task: the agent is handed the conflict.',
      );
    case 'refused':
      throw new AmpaError(
        'merge',
        `${task.pr_url} was not merged: ${outcome.detail}`,
        outcome.hint ?? 'Settle that on GitHub, then merge again.',
      );
  }
}

const tooLate = ({ pr_url: url }: Task): AmpaError =>
  new AmpaError(
    'merge',
    `GitHub has not merged ${url} within ${MERGE_MS / 60_000} min`,
    'Merge again: one that was made all the same is found.',
  );
