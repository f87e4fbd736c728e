/** The base beside a task's worktree, for as long as somebody looks at it. */
import type { Task } from '../../tasks/task.ts';
import { gitFailed } from './git.ts';
import type { Git } from './git.ts';
import {
  addWorktree,
  finish,
  listWorktrees,
  LOCK_REASON,
  removeWorktreeAt,
  type WorktreeDependencies,
} from './worktree.ts';

/** Implements `TaskGit.withBase`. */
export async function withBase<T>(
  { git, path: searchPath }: WorktreeDependencies,
  { repo, worktree }: Pick<Task, 'repo' | 'worktree'>,
  sha: string,
  signal: AbortSignal,
  use: (dir: string) => Promise<T>,
): Promise<T> {
  const place = placeOf(worktree!);
  await removeBase(git, repo, worktree!);
  const note = (): void => {};
  try {
    const made = await addWorktree({ git, searchPath, repo, signal, note }, place, [], sha);
    if (made.code !== 0) throw gitFailed(made);
    return await use(await finish(git, place, { signal, note }));
  } finally {
    await removeBase(git, repo, worktree!);
  }
}

/** Takes away what a process that was killed has left there; anything that is not ours stays. */
export async function removeBase(git: Git, repo: string, worktree: string): Promise<void> {
  const place = placeOf(worktree);
  const left = (await listWorktrees(git, repo)).some(
    (entry) => entry.path === place && entry.branch === null && entry.lockReason === LOCK_REASON,
  );
  if (left) await removeWorktreeAt(git, repo, place);
}

const placeOf = (worktree: string): string => `${worktree}-base`;
