import { codeOf } from '../../errors.ts';
/** Where a repository keeps its things, read from the file system: no git process is spent on it. */
import { readFile, stat } from 'node:fs/promises';
import { isAbsolute, join, resolve } from 'node:path';

/** A file's text, or null if there is none. Other failures are thrown. */
export async function readIfThere(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'EISDIR'].includes(codeOf(error))) return null;
    throw error;
  }
}

/** What is at a path: nothing is null, a broken link too. */
export async function statIfThere(path: string) {
  try {
    return await stat(path);
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(codeOf(error))) return null;
    throw error;
  }
}

export const exists = async (path: string): Promise<boolean> => (await statIfThere(path)) !== null;

/** The git directory of a working tree or bare repository; null if the folder is the top of neither. */
export async function gitDirOf(dir: string): Promise<string | null> {
  const dotGit = join(dir, '.git');
  const there = await statIfThere(dotGit);
  if (there?.isDirectory()) return dotGit;
  if (there?.isFile()) {
    const pointed = /^gitdir: (.+?)\r?\n?$/.exec((await readIfThere(dotGit)) ?? '')?.[1];
    if (!pointed) return null;
    const gitDir = isAbsolute(pointed) ? pointed : resolve(dir, pointed);
    return (await exists(gitDir)) ? gitDir : null;
  }
  return (await exists(join(dir, 'HEAD'))) && (await exists(join(dir, 'objects'))) ? dir : null;
}

/** The directory that all worktrees of a repository share. */
export async function commonDirOf(gitDir: string): Promise<string> {
  const common = (await readIfThere(join(gitDir, 'commondir')))?.trim();
  return common ? resolve(gitDir, common) : gitDir;
}

/** The branch HEAD names (`refs/heads/…`), a detached commit, or null if only git itself can tell (reftable). */
export async function readHead(gitDir: string): Promise<{ ref: string } | { sha: string } | null> {
  const text = (await readIfThere(join(gitDir, 'HEAD')))?.trim() ?? '';
  const ref = /^ref: (refs\/.+)$/.exec(text)?.[1];
  if (ref) return ref === 'refs/heads/.invalid' ? null : { ref };
  return /^[0-9a-f]{40,64}$/.test(text) ? { sha: text } : null;
}

export type Operation = 'merge' | 'rebase' | 'am' | 'cherry-pick' | 'revert' | 'bisect';

const OPERATIONS: readonly [string, Operation][] = [
  ['rebase-merge', 'rebase'],
  ['rebase-apply/applying', 'am'],
  ['rebase-apply', 'rebase'],
  ['MERGE_HEAD', 'merge'],
  ['CHERRY_PICK_HEAD', 'cherry-pick'],
  ['REVERT_HEAD', 'revert'],
  ['BISECT_LOG', 'bisect'],
];

/** What is under way in a worktree, or null. */
export async function operationOf(gitDir: string): Promise<Operation | null> {
  const found = await Promise.all(OPERATIONS.map(async ([file]) => exists(join(gitDir, file))));
  return OPERATIONS.find((_, index) => found[index])?.[1] ?? null;
}
