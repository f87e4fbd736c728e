/** Brings a moved base into a task's branch. */
import type { Task } from '../../tasks/task.ts';
import { baseRef, fetchBranch, readRefs } from './base.ts';
import type { BaseDependencies } from './base.ts';
import { detailOf } from './classify.ts';
import { gitFailed } from './git.ts';
import { identityOf } from './network.ts';
import { clearStaleLocks, conflictedFiles, isAncestor } from './head.ts';
import { gitDirOf, operationOf } from './layout.ts';

export type Merged = { kind: 'unchanged' | 'merged' } | { kind: 'conflict'; files: string[] };

/**
 * Implements `TaskGit.mergeBase`. An unreachable remote is not waited for: what was last fetched
 * counts, and the next turn asks again.
 */
export async function mergeBase(dependencies: BaseDependencies, task: Task, signal: AbortSignal): Promise<Merged> {
  const { git } = dependencies;
  const { repo, base, remote, worktree } = task;
  if (base === null || !worktree) return { kind: 'unchanged' };
  const gitDir = await gitDirOf(worktree);
  if (gitDir && (await operationOf(gitDir)) !== null) {
    // Never undone, whoever began it: a resolution and what was added to it would go with it. The coming commit
    // finishes a merge, also one of ours that was cut short; a conflict is still the agent's.
    await clearStaleLocks(gitDir, worktree, task.branch);
    const files = await conflictedFiles(git, worktree);
    return files.length > 0 ? { kind: 'conflict', files } : { kind: 'unchanged' };
  }
  const local = `refs/heads/${base}`;
  const ref = remote === null ? local : baseRef(remote, base);
  if (remote !== null)
    await fetchBranch(
      { ...dependencies, retryMs: 0 },
      { repo, remote, branch: base, into: ref, signal, identity: identityOf(task) },
    );
  const tip = (await readRefs(git, repo, [ref], signal)).get(ref);
  if (!tip || (await isAncestor(git, worktree, tip, 'HEAD', signal))) return { kind: 'unchanged' };

  // What a commit hook refused is still uncommitted: a merge on top of it could not be told apart from it.
  const status = await git.text(worktree, ['status', '--porcelain', '-z', '--untracked-files=no'], { signal });
  if (status !== '') return { kind: 'unchanged' };

  const message = `Merge ${base} into ${task.branch}`;
  const merged = await git.run(
    worktree,
    ['merge', '--quiet', '--no-ff', '--no-edit', '--no-verify', '-m', message, tip],
    {
      signal,
      config: ['core.hooksPath=/dev/null', 'merge.autoStash=false'],
    },
  );
  if (merged.code === 0) return { kind: 'merged' };
  const files = await conflictedFiles(git, worktree);
  if (files.length > 0) return { kind: 'conflict', files };
  // Nothing was begun: files in the way, unrelated histories of a shallow clone. The branch is as good as before.
  if (/would be overwritten|unrelated histories|not possible because you have/i.test(merged.stderr))
    return { kind: 'unchanged' };
  const aborted = await git.run(worktree, ['merge', '--abort']);
  if (aborted.code !== 0 && !/no merge to abort|MERGE_HEAD missing/i.test(aborted.stderr))
    throw gitFailed({ ...aborted, stderr: detailOf(aborted.stderr) });
  throw gitFailed(merged);
}
