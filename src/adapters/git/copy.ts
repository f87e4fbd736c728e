/** Brings ignored files a project needs (`.env` and its like) from the checkout into the worktree. */
import { constants } from 'node:fs';
import { copyFile, lstat, mkdir, readdir, readlink, realpath, symlink } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';
import { codeOf } from '../../errors.ts';
import type { Git } from './git.ts';
import { isChosen, parsePatterns, reachesInto } from './ignorePatterns.ts';
import type { IgnorePattern } from './ignorePatterns.ts';
import { exists, readIfThere } from './layout.ts';

/**
 * Implements `TaskGit.copyIgnored`. `.worktreeinclude` in the checkout takes the place of `patterns`.
 * Only what git ignores there is copied; what is in the worktree already stays as it is. A pattern
 * without a slash is not looked for inside ignored folders: nobody means the `.env` files of
 * `node_modules`.
 */
export async function copyIgnored(
  git: Git,
  repo: string,
  worktree: string,
  configured: readonly string[],
): Promise<string[]> {
  if (!(await exists(join(repo, '.git')))) return [];
  const include = await readIfThere(join(repo, '.worktreeinclude'));
  const patterns = parsePatterns(include === null ? configured : include.split('\n'));
  if (patterns.every((pattern) => pattern.negated)) return [];

  const listing = await git.text(repo, [
    'ls-files',
    '-z',
    '--others',
    '--ignored',
    '--exclude-standard',
    '--directory',
  ]);
  const chosen: string[] = [];
  for (const entry of listing.split('\0').filter(Boolean)) {
    const path = entry.replace(/\/$/, '');
    if (await leadsOutside(repo, worktree, path)) continue;
    await choose(repo, path, patterns, chosen);
  }

  const root = await realpath(worktree);
  const there: string[] = [];
  const copied: string[] = [];
  for (const path of chosen) {
    const outcome = await copyOne(repo, root, path);
    if (outcome === 'copied') copied.push(path);
    if (outcome === 'exists') there.push(path);
  }
  if (there.length === 0) return copied;
  // A copy from before an interruption counts; a file that the branch itself has does not.
  const listed = await git.text(worktree, ['ls-files', '-z', '--', ...there.map((path) => `:(top,literal)${path}`)]);
  const tracked = new Set(listed.split('\0'));
  return [...copied, ...there.filter((path) => !tracked.has(path))].sort();
}

/** Worktrees that lie inside the checkout, and their state, are nothing to copy. */
async function leadsOutside(repo: string, worktree: string, path: string): Promise<boolean> {
  const from = relative(join(repo, path), worktree);
  return path === '.git' || path.startsWith('.worklog') || (!from.startsWith('..') && from !== '');
}

async function choose(repo: string, path: string, patterns: readonly IgnorePattern[], chosen: string[]): Promise<void> {
  const there = await lstat(join(repo, path));
  const folder = there.isDirectory();
  const wanted = isChosen(path, folder, patterns);
  if (!folder) {
    if (wanted) chosen.push(path);
    return;
  }
  if (!wanted && !reachesInto(path, patterns)) return;
  for (const name of (await readdir(join(repo, path))).sort()) {
    if (name !== '.git') await choose(repo, `${path}/${name}`, patterns, chosen);
  }
}

/** Copies a file with its mode, or a link as a link, never through a link that leads out of the worktree. */
async function copyOne(repo: string, root: string, path: string): Promise<'copied' | 'exists' | 'passed over'> {
  const from = join(repo, path);
  const to = join(root, path);
  const source = await lstat(from);
  if (!source.isFile() && !source.isSymbolicLink()) return 'passed over';
  if (!(await staysInside(root, dirname(to)))) return 'passed over';
  await mkdir(dirname(to), { recursive: true });
  if (await lexists(to)) return 'exists';
  if (source.isSymbolicLink()) await symlink(await readlink(from), to);
  else await copyFile(from, to, constants.COPYFILE_FICLONE | constants.COPYFILE_EXCL);
  return 'copied';
}

/** The nearest folder that exists on the way to `dir` is within `root`, links resolved. */
async function staysInside(root: string, dir: string): Promise<boolean> {
  let at = dir;
  while (!(await lexists(at)) && at !== root) at = dirname(at);
  try {
    const real = await realpath(at);
    return real === root || real.startsWith(root + sep);
  } catch (error) {
    if (['ENOENT', 'ELOOP'].includes(codeOf(error))) return false;
    throw error;
  }
}

async function lexists(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(codeOf(error))) return false;
    throw error;
  }
}
