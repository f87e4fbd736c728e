/** A task's worktree: made once, found again after a crash, never at the price of somebody's work. */
import { constants } from 'node:fs';
import { access, mkdir, readdir, realpath, rm, rmdir } from 'node:fs/promises';
import { dirname, join, normalize } from 'node:path';
import { AmpaError, codeOf } from '../../errors.ts';
import type { Task } from '../../tasks/task.ts';
import { findOnPath } from '../process/find.ts';
import { aheadBehind, commitOf } from './base.ts';
import { detailOf } from './classify.ts';
import { gitFailed } from './git.ts';
import type { Git, GitResult } from './git.ts';
import { exists, gitDirOf, readHead, readIfThere } from './layout.ts';

export interface WorktreeDependencies {
  git: Git;
  /** Where programs are looked up. */
  path: string;
}

export interface WorktreeOptions {
  signal?: AbortSignal;
  /** Told what a person should know about the new worktree. */
  note?: (text: string) => void;
}

/** What worktrees of ours are locked with. */
export const LOCK_REASON = 'in use by an AMPA task';
const CHECKOUT_TIMEOUT_MS = 60 * 60_000;

/** Without git-lfs its files stay pointers, instead of failing the checkout. */
const LFS_OFF = ['filter.lfs.process=', 'filter.lfs.smudge=', 'filter.lfs.clean=', 'filter.lfs.required=false'];

/** Implements `TaskGit.ensureWorktree`. */
export async function ensureWorktree(
  { git, path: searchPath }: WorktreeDependencies,
  task: Task,
  sha: string,
  parent: { preferred: string; fallback: string },
  { signal, note = () => {} }: WorktreeOptions = {},
): Promise<string> {
  const { repo, branch, worktree } = task;
  if (worktree && task.worktree_ready && (await isWhole(worktree))) return worktree;
  const wanted = worktree ?? (await placeOf(parent, branch.replace(/^amp\//, '').replaceAll('/', '-')));
  const adding = { git, searchPath, repo, signal, note };
  // Only a first try costs no question: anything there, or any refusal, is looked into.
  if (!worktree && !(await exists(wanted))) {
    const made = await addWorktree(adding, wanted, ['-b', branch], sha);
    if (made.code === 0) return finish(git, wanted, { signal, note });
    if (!isCollision(made)) throw worktreeFailed(made);
  }

  let place = wanted;
  const registered = (await listWorktrees(git, repo, signal)).find((entry) => entry.branch === `refs/heads/${branch}`);
  if (registered) {
    if (registered.path !== worktree && registered.lockReason !== LOCK_REASON) {
      throw new AmpaError(
        'git',
        `the branch ${branch} is checked out in ${registered.path}`,
        'Check out another branch there, then continue.',
      );
    }
    const there = await exists(registered.path);
    if (there && !(await isHalfMade(git, searchPath, registered.path, branch, signal))) {
      if (!task.worktree_ready) note(`kept the changes that were found in ${registered.path}`);
      return finish(git, registered.path, { signal, note });
    }
    // Also where the folder is gone: its record is locked, so `prune` leaves it and the branch counts as checked out.
    await removeWorktreeAt(git, repo, registered.path, signal);
    place = registered.path;
  }
  if (await exists(place)) place = await freePlace(place);
  await mkdir(dirname(place), { recursive: true });
  const made = await addWorktree(adding, place, ...(await branchArguments(git, task, sha, signal)));
  if (made.code !== 0) throw worktreeFailed(made);
  return finish(git, place, { signal, note });
}

/** Creates the branch, takes it up with the commits it has, or moves one that has none of its own to the new start. */
async function branchArguments(
  git: Git,
  { repo, branch, attempts }: Task,
  sha: string,
  signal?: AbortSignal,
): Promise<[string[], string]> {
  const tip = await commitOf(git, repo, `refs/heads/${branch}`, signal);
  if (tip === null) return [['-b', branch], sha];
  if (tip === sha || attempts > 0) return [[], branch];
  const { ahead } = await aheadBehind(git, repo, tip, sha, signal);
  if (ahead === 0) return [['-B', branch], sha];
  throw new AmpaError(
    'git',
    `there is a branch ${branch} already, with commits that are not this task's`,
    'Start the task again: it gets another name.',
  );
}

/** The first of the two parents that can be written to, made if need be, and the task's folder in it. */
async function placeOf(parent: { preferred: string; fallback: string }, name: string): Promise<string> {
  try {
    await mkdir(parent.preferred, { recursive: true });
    await access(parent.preferred, constants.W_OK | constants.X_OK);
    return join(await realpath(parent.preferred), name);
  } catch (error) {
    const code = codeOf(error);
    if (!['EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'EEXIST'].includes(code)) throw error;
  }
  await mkdir(parent.fallback, { recursive: true });
  return join(await realpath(parent.fallback), name);
}

async function freePlace(place: string): Promise<string> {
  for (let number = 2; ; number++) {
    const candidate = `${place}-${number}`;
    if (!(await exists(candidate))) return candidate;
  }
}

const isCollision = ({ stderr }: GitResult): boolean =>
  /already exists|already checked out|already used by worktree|is a missing but/i.test(stderr);

const worktreeFailed = (result: GitResult): AmpaError => {
  const full = /No space left on device|Disk quota exceeded/i.test(result.stderr);
  const hint = /exists; cannot create/.test(result.stderr) ? 'Rename the branch that is in the way.' : '';
  return new AmpaError(
    full ? 'external' : 'git',
    `the worktree could not be made: ${detailOf(result.stderr) || `exit code ${result.code}`}`,
    hint,
  );
};

interface Adding {
  git: Git;
  searchPath: string;
  repo: string;
  signal?: AbortSignal;
  note: (text: string) => void;
}

/** Adds it, locked (on no branch: detached): neither `git worktree prune` nor a careless `remove` takes it away. */
export async function addWorktree(
  adding: Adding,
  place: string,
  branch: readonly string[],
  commit: string,
): Promise<GitResult> {
  const { git, searchPath, repo, signal, note } = adding;
  const track = branch.length > 0 ? ['--no-track'] : [];
  const args = [
    'worktree',
    'add',
    '--quiet',
    ...track,
    '--lock',
    '--reason',
    LOCK_REASON,
    ...branch,
    '--',
    place,
    commit,
  ];
  const options = { signal, timeoutMs: CHECKOUT_TIMEOUT_MS };
  let made = await git.run(repo, args, options);
  let withoutLfs = false;
  if (made.code !== 0 && /filter|lfs/i.test(made.stderr) && !(await hasLfs(searchPath))) {
    withoutLfs = true;
    await removeWorktreeAt(git, repo, place, signal);
    const again = branch[0] === '-b' ? args.map((arg) => (arg === '-b' ? '-B' : arg)) : args;
    made = await git.run(repo, again, { ...options, config: LFS_OFF });
  }
  if (made.code !== 0 && (await isWhole(place))) {
    // What fails after the checkout is the user's own post-checkout hook.
    note(`the post-checkout hook failed in the new worktree: ${detailOf(made.stderr) || `exit code ${made.code}`}`);
    made.code = 0;
  }
  if (made.code === 0 && (withoutLfs || ((await usesLfs(place)) && !(await hasLfs(searchPath))))) {
    note(
      'this repository keeps files in git LFS, and git-lfs is not installed: in the worktree those files are pointers',
    );
  }
  return made;
}

/** Submodules, where the repository has them. */
export async function finish(
  git: Git,
  place: string,
  { signal, note }: { signal?: AbortSignal; note: (text: string) => void },
): Promise<string> {
  if (await exists(join(place, '.gitmodules'))) {
    // A remote of a submodule may be a path: `protocol.file.allow` of the user decides, as in a terminal.
    const updated = await git.run(place, ['submodule', 'update', '--init', '--recursive', '--quiet'], {
      signal,
      timeoutMs: CHECKOUT_TIMEOUT_MS,
    });
    if (updated.code !== 0)
      note(`the submodules could not be checked out: ${detailOf(updated.stderr) || `exit code ${updated.code}`}`);
  }
  return place;
}

interface WorktreeEntry {
  path: string;
  branch: string | null;
  bare: boolean;
  /** Why it is locked; null if it is not. */
  lockReason: string | null;
}

/** All worktrees; the first is the main one. */
export async function listWorktrees(git: Git, repo: string, signal?: AbortSignal): Promise<WorktreeEntry[]> {
  const listing = await git.text(repo, ['worktree', 'list', '--porcelain'], { signal });
  return listing
    .split('\n\n')
    .filter((block) => block.trim())
    .map((block) => {
      const field = (name: string): string | null => new RegExp(`^${name} (.+)$`, 'm').exec(block)?.[1] ?? null;
      return {
        // git writes it with slashes, on Windows too.
        path: normalize(field('worktree') ?? ''),
        branch: field('branch'),
        bare: /^bare$/m.test(block),
        lockReason: field('locked'),
      };
    });
}

/** The checkout came to its end: the index is written last. */
async function isWhole(place: string): Promise<boolean> {
  const gitDir = await gitDirOf(place);
  return (
    gitDir !== null &&
    gitDir !== place &&
    (await exists(join(gitDir, 'index'))) &&
    !(await exists(join(gitDir, 'index.lock')))
  );
}

/** Half-made, or untouched so far: remaking it loses nothing. */
async function isHalfMade(
  git: Git,
  searchPath: string,
  place: string,
  branch: string,
  signal?: AbortSignal,
): Promise<boolean> {
  if (!(await isWhole(place))) return true;
  const gitDir = (await gitDirOf(place))!;
  const head = await readHead(gitDir);
  if (head && !('ref' in head && head.ref === `refs/heads/${branch}`)) return false;
  const status = await git.run(place, ['status', '--porcelain', '-z'], {
    signal,
    config: await lfsSettings(place, searchPath),
  });
  if (status.code !== 0) throw gitFailed(status);
  return status.stdout === '';
}

/** Takes a worktree away whatever state it is in: unlocked, removed, and its record with it. The branch stays. */
export async function removeWorktreeAt(git: Git, repo: string, place: string, signal?: AbortSignal): Promise<void> {
  const removed = await git.run(repo, ['worktree', 'remove', '--force', '--force', '--', place], {
    signal,
    timeoutMs: CHECKOUT_TIMEOUT_MS,
  });
  if (removed.code !== 0) {
    // Not (or no longer) a worktree in git's eyes: the folder goes if it is one of this repository's.
    if (await belongsTo(repo, place)) await rm(place, { recursive: true, force: true });
    await git.run(repo, ['worktree', 'unlock', '--', place], { signal });
    await git.text(repo, ['worktree', 'prune'], { signal });
  }
  if (await exists(place)) {
    if ((await readdir(place)).length === 0) await rmdir(place);
    else if (removed.code !== 0) throw gitFailed(removed);
  }
}

/** The folder's `.git` file points into this repository. */
async function belongsTo(repo: string, place: string): Promise<boolean> {
  const pointed = /^gitdir: (.+)$/m.exec((await readIfThere(join(place, '.git'))) ?? '')?.[1];
  const gitDir = await gitDirOf(repo);
  return pointed !== undefined && gitDir !== null && pointed.startsWith(join(await realpath(gitDir), 'worktrees'));
}

/** The settings a call needs where the repository keeps files in LFS and git-lfs is missing; else none. */
export const lfsSettings = async (place: string, searchPath: string): Promise<readonly string[]> =>
  (await usesLfs(place)) && !(await hasLfs(searchPath)) ? LFS_OFF : [];

export async function usesLfs(place: string): Promise<boolean> {
  return /\bfilter=lfs\b/.test((await readIfThere(join(place, '.gitattributes'))) ?? '');
}

/** git-lfs is there to be run. */
export const hasLfs = async (searchPath: string): Promise<boolean> =>
  (await findOnPath('git-lfs', { PATH: searchPath })) !== null;
