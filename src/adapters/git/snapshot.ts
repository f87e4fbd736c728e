/** A commit of everything uncommitted, made beside the index and the working tree. */
import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AmpaError } from '../../errors.ts';
import { snapshotRef } from './base.ts';
import { commitFailure, detailOf } from './classify.ts';
import { IDENTITY_COMMANDS, leftOut } from './commit.ts';
import { HANDS_OFF } from './environment.ts';
import { gitFailed } from './git.ts';
import type { Git } from './git.ts';
import { exists, gitDirOf } from './layout.ts';
import { parseStatus } from './status.ts';
import { lfsSettings } from './worktree.ts';

/**
 * Commits HEAD plus all uncommitted and untracked files that are not ignored, and returns the
 * commit. Index and working tree stay byte for byte as they are. Repositories within the tree and
 * files over 50 MB stay out.
 */
export async function snapshot(git: Git, searchPath: string, worktree: string): Promise<string> {
  const gitDir = await gitDirOf(worktree);
  if (!gitDir) throw new AmpaError('repository', `${worktree} is not the top of a working tree`);
  const lfs = await lfsSettings(worktree, searchPath);
  const status = await git.run(
    worktree,
    ['status', '--porcelain=v2', '-z', '--branch', '--untracked-files=all', '--no-renames'],
    {
      env: HANDS_OFF,
      config: lfs,
    },
  );
  if (status.code !== 0) throw gitFailed(status);
  const { oid, branch, entries } = parseStatus(status.stdout);
  if (!oid)
    throw new AmpaError('repository', `${worktree} has no commit yet`, 'Make a first commit, then start the task.');

  const without = await leftOut(git, [], worktree, entries, searchPath);
  const folder = await mkdtemp(join(tmpdir(), 'ampa-index-'));
  const env = { GIT_INDEX_FILE: join(folder, 'index') };
  try {
    const index = join(gitDir, 'index');
    if (await exists(index)) await copyFile(index, env.GIT_INDEX_FILE);
    const config = ['core.splitIndex=false', ...lfs];
    const pathspecs = ['.', ...without.map(({ path }) => `:(top,exclude,literal)${path}`)].join('\0');
    await git.text(worktree, ['add', '--all', '--pathspec-from-file=-', '--pathspec-file-nul'], {
      env,
      config,
      stdin: pathspecs,
    });
    const tree = await git.text(worktree, ['write-tree'], { env });
    const made = await git.run(worktree, [
      'commit-tree',
      tree,
      '-p',
      oid,
      '-m',
      `Uncommitted changes${branch ? ` on ${branch}` : ''}`,
    ]);
    if (made.code !== 0) {
      if (commitFailure(made.stderr) !== 'identity') throw gitFailed(made);
      throw new AmpaError('git', 'git does not know who you are', `Run ${IDENTITY_COMMANDS}.`);
    }
    const sha = made.stdout.trim();
    await git.text(worktree, ['update-ref', snapshotRef(sha), sha]);
    return sha;
  } catch (error) {
    if (error instanceof AmpaError)
      throw new AmpaError(
        error.code,
        `your uncommitted changes could not be included: ${detailOf(error.message)}`,
        error.hint,
        error,
      );
    throw error;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
