/** What stands against taking a task's worktree away, and taking it away. */
import type { Task } from '../../tasks/task.ts';
import { readRefs, snapshotRef } from './base.ts';
import { removeBase } from './baseCheckout.ts';
import { gitFailed } from './git.ts';
import type { Git } from './git.ts';
import { isAncestor } from './head.ts';
import { exists, gitDirOf } from './layout.ts';
import { lfsSettings, listWorktrees, removeWorktreeAt } from './worktree.ts';

export interface WorktreeState {
  exists: boolean;
  /** Changed and untracked files, without those that were copied in. */
  uncommitted: string[];
  /**
   * Commits that are nowhere else: with a remote, on no remote branch that is known here and not
   * merged by us; without one, on no branch.
   */
  unpushed: number;
}

type Placed = Pick<Task, 'repo' | 'remote' | 'worktree' | 'pushed_sha' | 'copied_files' | 'snapshot_sha'>;

export async function worktreeState(git: Git, searchPath: string, task: Placed): Promise<WorktreeState> {
  const { worktree, remote, pushed_sha: pushed, copied_files: copied } = task;
  if (!worktree || !(await exists(worktree)) || !(await gitDirOf(worktree))) {
    return { exists: worktree !== null && (await exists(worktree)), uncommitted: [], unpushed: 0 };
  }
  const elsewhere = remote === null ? ['--branches'] : ['--remotes', '--glob=refs/ampa/*', ...(pushed ? [pushed] : [])];
  const [status, count] = await Promise.all([
    git.run(worktree, ['status', '--porcelain', '-z', '--untracked-files=normal', '--no-renames'], {
      config: await lfsSettings(worktree, searchPath),
    }),
    git.run(worktree, ['rev-list', '--count', 'HEAD', '--not', ...elsewhere]),
  ]);
  if (status.code !== 0) throw gitFailed(status);
  if (count.code !== 0) throw gitFailed(count);
  const files = status.stdout
    .split('\0')
    .filter(Boolean)
    .map((line) => line.slice(3));
  return { exists: true, uncommitted: files.filter((file) => !copied.includes(file)), unpushed: Number(count.stdout) };
}

export type Removal = { removed: true } | { removed: false; why: string };

/** Removes the worktree, not the branch. Without `force` one that holds work found nowhere else stays. */
export async function removeWorktree(
  git: Git,
  searchPath: string,
  task: Placed,
  { force }: { force: boolean },
): Promise<Removal> {
  const { repo, worktree, snapshot_sha: snapshot } = task;
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
  if (snapshot) await git.text(repo, ['update-ref', '-d', snapshotRef(snapshot)]);
  return { removed: true };
}

/** Null when the branch is gone here, else why it stays. */
export async function deletePushedBranch(
  git: Git,
  { repo, branch, pushed_sha: pushed }: Pick<Task, 'repo' | 'branch' | 'pushed_sha'>,
): Promise<string | null> {
  const ref = `refs/heads/${branch}`;
  const tip = (await readRefs(git, repo, [ref])).get(ref);
  if (!tip) return null;
  if (!pushed || !(await isAncestor(git, repo, tip, pushed))) return 'it holds commits that are not pushed';
  const checkout = (await listWorktrees(git, repo)).find((entry) => entry.branch === ref)?.path;
  if (checkout) return `it is checked out in ${checkout}`;
  // Of this tip only: what is committed meanwhile stays.
  await git.text(repo, ['update-ref', '-d', ref, tip]);
  return null;
}

const some = (files: readonly string[]): string =>
  files.length > 3 ? `${files.slice(0, 3).join(', ')} and ${files.length - 3} more` : files.join(', ');
