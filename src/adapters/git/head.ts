/** Is the worktree where it should be: on the task's branch, with nothing half done? Mends what loses nothing. */
import { readdir, readlink, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Task } from '../../tasks/task.ts';
import { commitOf } from './base.ts';
import { detailOf } from './classify.ts';
import type { Git } from './git.ts';
import { commonDirOf, gitDirOf, operationOf, readHead, readIfThere, statIfThere } from './layout.ts';
import type { Operation } from './layout.ts';

export type HeadState = { ok: true; notes: string[] } | { ok: false; detail: string };

const wrong = (detail: string): HeadState => ({ ok: false, detail });

/** Implements `TaskGit.verifyHead`. Without a fault it starts no process. */
export async function verifyHead(git: Git, task: Task): Promise<HeadState> {
  const { worktree, branch } = task;
  if (!worktree) return wrong('the task has no worktree');
  const gitDir = await gitDirOf(worktree);
  if (!gitDir) return wrong(`${worktree} is no longer a git worktree`);
  await clearStaleLocks(gitDir, worktree, branch);

  const operation = await operationOf(gitDir);
  const state: HeadState = operation ? await finishOperation(git, worktree, operation) : { ok: true, notes: [] };
  return state.ok ? onBranch(git, task, gitDir, state.notes) : state;
}

const NAMES: Record<Operation, [what: string, finish: string]> = {
  merge: ['a merge', 'commit it or run `git merge --abort`'],
  rebase: ['a rebase', 'run `git rebase --continue` or `git rebase --abort`'],
  am: ['a `git am`', 'run `git am --continue` or `git am --abort`'],
  'cherry-pick': ['a cherry-pick', 'run `git cherry-pick --continue` or `git cherry-pick --abort`'],
  revert: ['a revert', 'run `git revert --continue` or `git revert --abort`'],
  bisect: ['a bisect', 'run `git bisect reset`'],
};

/**
 * A merge, cherry-pick or revert whose conflicts are resolved is finished by the coming commit. A
 * rebase is continued if nothing is in its way. Nothing is ever aborted: that would throw away what
 * the agent resolved.
 */
async function finishOperation(git: Git, worktree: string, operation: Operation): Promise<HeadState> {
  const [what, finish] = NAMES[operation];
  if (operation === 'bisect' || operation === 'am') return wrong(`${what} is under way in the worktree: ${finish}`);
  const conflicted = await conflictedFiles(git, worktree);
  const marked = await withMarkers(worktree, conflicted);
  if (marked.length > 0)
    return wrong(
      `${what} is under way in the worktree and ${marked.join(', ')} still has conflict markers: resolve them, then ${finish}`,
    );
  if (operation !== 'rebase') return { ok: true, notes: [] };
  if (conflicted.length > 0) await git.text(worktree, ['add', '--', ...conflicted]);
  const continued = await git.run(worktree, ['rebase', '--continue'], { config: ['core.hooksPath=/dev/null'] });
  if (continued.code !== 0)
    return wrong(
      `${what} is under way in the worktree: ${finish} (${detailOf(continued.stderr || continued.stdout, 4)})`,
    );
  return { ok: true, notes: ['a rebase that the agent had left unfinished was continued to its end'] };
}

/** Paths that the index has in several versions. */
export async function conflictedFiles(git: Git, worktree: string): Promise<string[]> {
  const listing = await git.text(worktree, ['diff', '--name-only', '--diff-filter=U', '-z']);
  return [...new Set(listing.split('\0').filter(Boolean))];
}

async function withMarkers(worktree: string, files: readonly string[]): Promise<string[]> {
  const marked: string[] = [];
  for (const file of files) {
    const text = await readIfThere(join(worktree, file));
    if (text !== null && /^<{7} /m.test(text) && /^>{7} /m.test(text)) marked.push(file);
  }
  return marked;
}

/** HEAD is the task's branch, or is led back to it where the branch loses nothing by it. */
async function onBranch(git: Git, task: Task, gitDir: string, notes: string[]): Promise<HeadState> {
  const worktree = task.worktree!;
  const ref = `refs/heads/${task.branch}`;
  const head = (await readHead(gitDir)) ?? (await askHead(git, worktree));
  if ('ref' in head && head.ref === ref) {
    const born =
      (await readIfThere(join(await commonDirOf(gitDir), ref))) !== null ||
      (await commitOf(git, worktree, ref)) !== null;
    if (born) return { ok: true, notes };
    return recreate(git, task, notes);
  }

  const where =
    'ref' in head ? `on the branch ${head.ref.replace(/^refs\/heads\//, '')}` : `detached at ${head.sha.slice(0, 10)}`;
  const at = await commitOf(git, worktree, 'HEAD');
  if (!at) return wrong(`the worktree is ${where}, which has no commit, instead of on ${task.branch}`);
  const tip = (await commitOf(git, worktree, ref)) ?? task.head_sha ?? task.base_sha;
  if (tip && (await isAncestor(git, worktree, tip, at))) {
    // The agent went on from the branch's tip: the branch follows; index and files stay as they are.
    await git.text(worktree, ['update-ref', '-m', 'ampa: taken up from where the agent left HEAD', ref, at]);
    await git.text(worktree, ['symbolic-ref', '-m', "ampa: back on the task's branch", 'HEAD', ref]);
    return { ok: true, notes: [...notes, `HEAD was ${where}; its commits are on ${task.branch} now`] };
  }
  if (tip && (await isAncestor(git, worktree, at, tip))) {
    // git itself refuses if that would touch a changed file.
    const back = await git.run(worktree, ['checkout', '--quiet', task.branch, '--'], {
      config: ['core.hooksPath=/dev/null'],
    });
    if (back.code === 0)
      return { ok: true, notes: [...notes, `HEAD was ${where}; the worktree is back on ${task.branch}`] };
    return wrong(
      `the worktree is ${where} with changes that do not fit on ${task.branch}: ${detailOf(back.stderr, 6)}`,
    );
  }
  return wrong(
    `the worktree is ${where}, with commits that do not continue ${task.branch}: merge or rebase them onto it`,
  );
}

/** The branch itself was deleted under HEAD: it is made again where it was last known to be. */
async function recreate(git: Git, task: Task, notes: string[]): Promise<HeadState> {
  const last = task.head_sha ?? task.base_sha;
  if (!last) return wrong(`the branch ${task.branch} is gone`);
  await git.text(task.worktree!, ['update-ref', '-m', 'ampa: made again', `refs/heads/${task.branch}`, last]);
  return {
    ok: true,
    notes: [...notes, `the branch ${task.branch} was gone and was made again at ${last.slice(0, 10)}`],
  };
}

async function askHead(git: Git, worktree: string): Promise<{ ref: string } | { sha: string }> {
  const ended = await git.run(worktree, ['symbolic-ref', '--quiet', 'HEAD']);
  return ended.code === 0 ? { ref: ended.stdout.trim() } : { sha: await git.text(worktree, ['rev-parse', 'HEAD']) };
}

/** Whether `older` is in the history of `newer` (or is it); a commit that is not there is in nobody's. */
export async function isAncestor(
  git: Git,
  repo: string,
  older: string,
  newer: string,
  signal?: AbortSignal,
): Promise<boolean> {
  const ended = await git.run(repo, ['merge-base', '--is-ancestor', older, newer], { signal });
  if (ended.code === 0) return true;
  if (ended.code === 1 || /Not a valid commit name|bad object/i.test(ended.stderr)) return false;
  throw new Error(`git merge-base failed: ${detailOf(ended.stderr)}`);
}

/**
 * Lock files that a killed git left in the task's own worktree would stop every later commit. One
 * goes if no git works in the worktree any more, or, where that cannot be seen, if it is a minute old.
 */
export async function clearStaleLocks(gitDir: string, worktree: string, branch: string): Promise<void> {
  const common = await commonDirOf(gitDir);
  const locks = [
    join(gitDir, 'index.lock'),
    join(gitDir, 'HEAD.lock'),
    join(common, 'refs', 'heads', `${branch}.lock`),
  ];
  for (const lock of locks) {
    const there = await statIfThere(lock);
    if (!there) continue;
    const age = Date.now() - there.mtimeMs;
    const abandoned =
      process.platform === 'linux' ? age > 1000 && !(await gitWorksIn([worktree, gitDir])) : age > 60_000;
    if (!abandoned) continue;
    await rm(lock, { force: true });
  }
}

/** Linux: whether a git process stands in one of these folders. One that ended meanwhile, or is another user's, does not count. */
async function gitWorksIn(dirs: readonly string[]): Promise<boolean> {
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const [name, cwd] = await Promise.all([
      readIfThere(`/proc/${entry}/comm`).catch(() => null),
      readlink(`/proc/${entry}/cwd`).catch(() => null),
    ]);
    if (cwd === null || !name || !basename(name.trim()).startsWith('git')) continue;
    if (dirs.some((dir) => cwd === dir || cwd.startsWith(`${dir}/`))) return true;
  }
  return false;
}
