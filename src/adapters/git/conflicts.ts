/** Which files keep a task's branch from being merged into its base. */
import type { Task } from '../../tasks/task.ts';
import { baseRef, fetchBranch, readRefs } from './base.ts';
import type { BaseDependencies } from './base.ts';
import { identityOf } from './network.ts';

/**
 * The files in which the branch conflicts with its base as the remote has it now; touches no worktree.
 * Null where that cannot be told: the remote is away, or git is older than 2.38.
 */
export async function conflictsWithBase(
  dependencies: BaseDependencies,
  task: Task,
  signal?: AbortSignal,
): Promise<string[] | null> {
  const { git } = dependencies;
  const { repo, base, remote } = task;
  if (base === null || remote === null) return null;
  const [ours, theirs] = [`refs/heads/${task.branch}`, baseRef(remote, base)];
  const fetched = await fetchBranch(
    { ...dependencies, retryMs: 0 },
    { repo, remote, branch: base, into: theirs, signal, identity: identityOf(task) },
  );
  if (fetched.kind !== 'fetched') return null;
  const refs = await readRefs(git, repo, [ours, theirs], signal);
  if (!refs.has(ours) || !refs.has(theirs)) return null;
  const args = ['merge-tree', '--write-tree', '--name-only', '--no-messages', '-z', refs.get(theirs)!, refs.get(ours)!];
  const merged = await git.run(repo, args, { signal });
  // 0 is a clean merge and 1 one with conflicts; after the tree come their files.
  if (merged.code !== 0 && merged.code !== 1) return null;
  return merged.stdout.split('\0').slice(1).filter(Boolean);
}
