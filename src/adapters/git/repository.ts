/** What the use cases ask of a repository. */
import { createHash } from 'node:crypto';
import { basename, join } from 'node:path';
import type { MergeMethod } from '../../tasks/landing.ts';
import type { Task } from '../../tasks/task.ts';
import type { BaseDependencies } from './base.ts';
import { clearPartialClones, cloneBare, fetchBare } from './clone.ts';
import { conflictsWithBase } from './conflicts.ts';
import { deleteBranch } from './deleteBranch.ts';
import type { Landed } from './deleteBranch.ts';
import { diffBase, show, unifiedDiff } from './diff.ts';
import { identity, inspect, locate, resolveBase } from './facts.ts';
import type { Located, RepositoryFacts, ResolvedBase } from './facts.ts';
import { exists } from './layout.ts';
import { mergeToBase } from './merge.ts';
import { removeWorktree, worktreeState } from './remove.ts';
import type { Removal, WorktreeState } from './remove.ts';
import { snapshot } from './snapshot.ts';

export interface Repository {
  /** `git --version`, without the words; rejects with code `repository` if git is not there. */
  version(): Promise<string>;
  /** Root and remote of the folder's repository, or null; `tracks` knows what is under `.worklog`, and `.env`, or under `under`. */
  locate(dir: string, under?: readonly string[]): Promise<Located | null>;
  inspect(dir: string): Promise<RepositoryFacts>;
  resolveBase(root: string, name: string): Promise<ResolvedBase | null>;
  /** A commit of HEAD and everything uncommitted; touches neither index nor files. */
  snapshot(worktree: string): Promise<string>;
  /** `name <email>` as git would write it; null if it knows none. */
  identity(root: string): Promise<string | null>;
  /** Clones a URL below `folder`, or brings the clone that is there up to date; returns the bare repository. */
  cloneBare(url: string, folder: string): Promise<string>;
  /** Removes what killed processes have left of clones below `folder`. */
  clearPartialClones(folder: string): Promise<void>;
  /** The commit that `head` is compared with; base branch's later merges taken into account. */
  mergeBaseOf(task: Task, head: string): Promise<string>;
  unifiedDiff(task: Task, head: string): Promise<string>;
  /** A file as it was in a commit; empty if it was not there. */
  show(root: string, commit: string, path: string): Promise<Uint8Array>;
  /** Files in which the branch conflicts with its base as the remote has it; null where that cannot be told. */
  conflicts(task: Task): Promise<string[] | null>;
  worktreeState(task: Task): Promise<WorktreeState>;
  removeWorktree(task: Task, options: { force: boolean }): Promise<Removal>;
  /** Lands the branch on its base; returns the commit the base is at then. */
  mergeToBase(task: Task, method: MergeMethod): Promise<string>;
  /** Deletes the branch here and at the remote where it holds nothing but what has landed; why it stays, for people. */
  deleteBranch(task: Task, landed: Landed): Promise<string[]>;
}

export interface RepositoryDependencies extends BaseDependencies {
  /** Where programs are looked up. */
  path: string;
}

/** A person waits for these: an unreachable remote is tried for 10 s at most. */
const PATIENCE_MS = 10_000;

export function createRepository({ path, ...base }: RepositoryDependencies): Repository {
  const { git } = base;
  const dependencies = { ...base, retryMs: Math.min(base.retryMs, PATIENCE_MS) };
  return {
    version: async () => (await git.text(process.cwd(), ['--version'])).replace(/^git version /, ''),
    locate: (dir, under = ['.worklog', '.env']) => locate(git, dir, under),
    inspect: (dir) => inspect(git, dir),
    resolveBase: (root, name) => resolveBase(dependencies, root, name),
    snapshot: (worktree) => snapshot(git, path, worktree),
    identity: (root) => identity(git, root),
    cloneBare: async (url, folder) => {
      const dir = join(folder, cloneName(url));
      if (await exists(join(dir, 'HEAD'))) await fetchBare(base, dir);
      else await cloneBare(base, url, dir);
      return dir;
    },
    clearPartialClones,
    mergeBaseOf: (task, head) => diffBase(git, task, head),
    unifiedDiff: (task, head) => unifiedDiff(git, task, head),
    show: async (root, commit, file) => (await show(git, root, commit, file)) ?? new Uint8Array(),
    conflicts: (task) => conflictsWithBase(dependencies, task),
    worktreeState: (task) => worktreeState(git, path, task),
    removeWorktree: (task, options) => removeWorktree(git, path, task, options),
    mergeToBase: (task, method) => mergeToBase(dependencies, task, method),
    deleteBranch: (task, landed) => deleteBranch(dependencies, task, landed),
  };
}

/** A folder name that people recognize and that no two addresses share. */
function cloneName(url: string): string {
  const name =
    basename(
      url
        .replace(/[/\\]+$/, '')
        .replace(/\.git$/, '')
        .replace(/^.*:/, ''),
    ).replace(/[^\w.-]+/g, '-') || 'repository';
  return `${name}-${createHash('sha256').update(url).digest('hex').slice(0, 8)}.git`;
}
