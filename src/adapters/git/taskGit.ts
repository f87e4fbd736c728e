/** The loop's git, put together. */
import { AmpaError } from '../../errors.ts';
import type { Clock, TaskGit } from '../../tasks/ports.ts';
import type { Task } from '../../tasks/task.ts';
import { startPoint } from './base.ts';
import { withBase } from './baseCheckout.ts';
import { commitAll } from './commit.ts';
import { conflictsWithBase } from './conflicts.ts';
import { copyIgnored } from './copy.ts';
import { changedFiles, diffBase, flags } from './diff.ts';
import type { Git } from './git.ts';
import { verifyHead } from './head.ts';
import { mergeBase } from './mergeBase.ts';
import type { CredentialLookup } from './network.ts';
import { push } from './push.ts';
import { ensureWorktree } from './worktree.ts';

export interface TaskGitDependencies {
  git: Git;
  clock: Clock;
  /** The host's environment without AMPA's secrets: PATH and HOME are read from it. */
  env: Readonly<Record<string, string | undefined>>;
  /** How long an unreachable remote is tried again, ms; 60 s unless given. */
  retryMs?: number;
  /** AMPA's own access to a remote; without it the user's own ways are used. */
  credentials?: CredentialLookup;
}

export function createTaskGit({ git, clock, env, retryMs = 60_000, credentials }: TaskGitDependencies): TaskGit {
  const dependencies = { git, clock, retryMs, credentials, path: env.PATH ?? '', home: env.HOME ?? '' };
  return {
    startPoint: (task, signal) => startPoint(dependencies, task, signal),
    ensureWorktree: (task, sha, parent, options) => ensureWorktree(dependencies, task, sha, parent, options),
    copyIgnored: (task, worktree, patterns) => copyIgnored(git, task.repo, worktree, patterns),
    verifyHead: (task) => verifyHead(git, task),
    commitAll: (task, message, coAuthor, processes, signal) =>
      commitAll(dependencies, task, message, coAuthor, processes, signal),
    push: (task, processes, signal) => push(dependencies, task, processes, signal),
    mergeBase: (task, signal) => mergeBase(dependencies, task, signal),
    conflicts: (task, signal) => conflictsWithBase(dependencies, task, signal),
    head: (task) => git.text(worktreeOf(task), ['rev-parse', 'HEAD']),
    baseOf: (task, head) => diffBase(git, task, head),
    withBase: (task, sha, signal, use) => withBase(dependencies, task, sha, signal, use),
    changedFiles: (task, head) => changedFiles(git, task, head),
    flags: (changed, task) =>
      flags(changed, {
        checkCommand: task.checks.provider === 'local' ? task.checks.command : undefined,
        copiedFiles: task.copied_files,
      }),
  };
}

function worktreeOf(task: Task): string {
  if (task.worktree) return task.worktree;
  throw new AmpaError('git', `the task ${task.id} has no worktree`);
}
