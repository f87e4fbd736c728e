/** What stands against taking a task's worktree away, and taking it away. */
import { join } from 'node:path';
import type { Task } from '../../tasks/task.ts';
import { snapshotRef } from './base.ts';
import { removeBase } from './baseCheckout.ts';
import { gitFailed } from './git.ts';
import type { Git } from './git.ts';
import { isAncestor } from './head.ts';
import { exists, gitDirOf } from './layout.ts';
import { lfsSettings, removeWorktreeAt } from './worktree.ts';

export interface WorktreeState {
  exists: boolean;
  /** Changed and untracked files, without those that were copied in. */
  uncommitted: string[];
  /**
   * Commits that are nowhere else: with a remote, on no remote branch that is known here and not
   * merged by us; without one, on no branch. Those of submodules count that no remote of theirs has.
   */
  unpushed: number;
}

type Placed = Pick<Task, 'repo' | 'branch' | 'remote' | 'worktree' | 'pushed_sha' | 'copied_files' | 'snapshot_sha'>;

export async function worktreeState(git: Git, searchPath: string, task: Placed): Promise<WorktreeState> {
  const { worktree, remote, pushed_sha: pushed, copied_files: copied } = task;
  if (!worktree || !(await exists(worktree)) || !(await gitDirOf(worktree))) {
    return { exists: worktree !== null && (await exists(worktree)), uncommitted: [], unpushed: 0 };
  }
  const elsewhere = remote === null ? ['--branches'] : ['--remotes', '--glob=refs/ampa/*', ...(pushed ? [pushed] : [])];
  const look = ['status', '--porcelain', '-z', '--untracked-files=normal', '--ignore-submodules=none', '--no-renames'];
  const [status, count, within] = await Promise.all([
    git.run(worktree, look, { config: await lfsSettings(worktree, searchPath) }),
    git.run(worktree, ['rev-list', '--count', 'HEAD', '--not', ...elsewhere]),
    unpushedWithin(git, worktree),
  ]);
  if (status.code !== 0) throw gitFailed(status);
  if (count.code !== 0) throw gitFailed(count);
  const files = status.stdout
    .split('\0')
    .filter(Boolean)
    .map((line) => line.slice(3));
  const unpushed = Number(count.stdout) + within;
  return { exists: true, uncommitted: files.filter((file) => !copied.includes(file)), unpushed };
}

/** Commits of its submodules that are nowhere else: their repositories go with the worktree. */
async function unpushedWithin(git: Git, worktree: string): Promise<number> {
  if (!(await exists(join(worktree, '.gitmodules')))) return 0;
  const counts = await git.text(worktree, [
    ...['submodule', 'foreach', '--quiet', '--recursive'],
    'git rev-list --count HEAD --all --not --remotes',
  ]);
  return counts.split('\n').reduce((sum, line) => sum + Number(line), 0);
}

export type Removal = { removed: true } | { removed: false; why: string };

/** Removes the worktree, not the branch. Without `force` one that holds work found nowhere else stays. */
export async function removeWorktree(
  git: Git,
  searchPath: string,
  task: Placed,
  { force }: { force: boolean },
): Promise<Removal> {
  const { repo, branch, worktree, snapshot_sha: snapshot } = task;
  if (!worktree) return { removed: true };
  if (!force) {
    const { uncommitted, unpushed } = await worktreeState(git, searchPath, task);
    if (uncommitted.length > 0) return { removed: false, why: `it has uncommitted changes: ${some(uncommitted)}` };
    if (unpushed > 0)
      return {
        removed: false,
        why: `it has ${unpushed === 1 ? '1 commit that is' : `${unpushed} commits that are`} not pushed`,
      };
  }
  await removeBase(git, repo, worktree);
  await removeWorktreeAt(git, repo, worktree);
  // A history that was rewritten may not hold it any more: then nothing else does.
  if (snapshot && (force || (await isAncestor(git, repo, snapshot, `refs/heads/${branch}`))))
    await git.text(repo, ['update-ref', '-d', snapshotRef(snapshot)]);
  return { removed: true };
}

const some = (files: readonly string[]): string =>
  files.length > 3 ? `${files.slice(0, 3).join(', ')} and ${files.length - 3} more` : files.join(', ');
