/** Where a worktree's hooks are. */
import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import { codeOf } from '../../errors.ts';
import { commonDirOf, exists, gitDirOf } from './layout.ts';

/** The folder git looks in: `core.hooksPath` (relative to the worktree's top), else the one all worktrees share. */
async function hooksDir(hooksPath: string | null, worktree: string, home: string): Promise<string | null> {
  if (hooksPath) {
    const expanded = hooksPath.startsWith('~/') ? join(home, hooksPath.slice(2)) : hooksPath;
    return isAbsolute(expanded) ? expanded : join(worktree, expanded);
  }
  const gitDir = await gitDirOf(worktree);
  return gitDir ? join(await commonDirOf(gitDir), 'hooks') : null;
}

/** The hook of that name if git would run it: it is there and may be executed. */
export async function findHook(
  name: string,
  hooksPath: string | null,
  worktree: string,
  home: string,
): Promise<string | null> {
  const dir = await hooksDir(hooksPath, worktree, home);
  if (!dir) return null;
  const hook = join(dir, name);
  try {
    await access(hook, constants.X_OK);
    return hook;
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'EACCES'].includes(codeOf(error))) return null;
    throw error;
  }
}

export async function anyHook(
  names: readonly string[],
  hooksPath: string | null,
  worktree: string,
  home: string,
): Promise<boolean> {
  const found = await Promise.all(names.map((name) => findHook(name, hooksPath, worktree, home)));
  return found.some((hook) => hook !== null);
}

/** A sentence if `core.hooksPath` names a folder that is not in the worktree: git then runs no hook at all, silently. */
export async function missingHooks(hooksPath: string | null, worktree: string, home: string): Promise<string | null> {
  if (!hooksPath || hooksPath === '/dev/null') return null;
  const dir = await hooksDir(hooksPath, worktree, home);
  if (dir && (await exists(dir))) return null;
  return `hooks are configured (core.hooksPath=${hooksPath}), but that folder is not in the worktree: they did not run`;
}
