/** Commits what a turn left in the worktree. */
import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf } from '../../errors.ts';
import type { CommitOutcome, TaskProcesses } from '../../tasks/ports.ts';
import type { Task } from '../../tasks/task.ts';
import { commitFailure, detailOf, isLockError } from './classify.ts';
import { hookEnvironment } from './environment.ts';
import type { Git } from './git.ts';
import { gitFailed } from './git.ts';
import { exists, gitDirOf, operationOf, readIfThere } from './layout.ts';
import { anyHook, missingHooks } from './hooks.ts';
import { runOwned } from './owned.ts';
import type { OwnedResult } from './owned.ts';
import { readSettings } from './settings.ts';
import type { Settings } from './settings.ts';
import { parseStatus } from './status.ts';
import type { StatusEntry } from './status.ts';
import { hasLfs, lfsSettings } from './worktree.ts';

export interface CommitDependencies {
  git: Git;
  /** Where programs are looked up. */
  path: string;
  /** For `~` in `core.hooksPath`. */
  home: string;
}

/** What tells git who commits. */
export const IDENTITY_COMMANDS =
  '`git config --global user.name "Your Name"` and `git config --global user.email you@example.com`';
const NO_IDENTITY = `git does not know who you are: run ${IDENTITY_COMMANDS}`;

/** Files above this are never added. */
const MAX_FILE_BYTES = 50 * 1024 * 1024;
const HOOK_TIMEOUT_MS = 30 * 60_000;
const SIGNING_TIMEOUT_MS = 60_000;

/** Implements `TaskGit.commitAll`. */
export async function commitAll(
  { git, path, home }: CommitDependencies,
  task: Task,
  message: string,
  coAuthor: string,
  processes: TaskProcesses,
  signal: AbortSignal,
): Promise<CommitOutcome> {
  const worktree = task.worktree;
  if (!worktree) return { kind: 'failed', detail: 'the task has no worktree' };
  const config = await lfsSettings(worktree, path);
  const [settings, status, underWay] = await Promise.all([
    readSettings(git, worktree, signal),
    git.run(worktree, ['status', '--porcelain=v2', '-z', '--branch', '--untracked-files=all', '--no-renames'], {
      signal,
      config,
    }),
    gitDirOf(worktree).then((gitDir) => (gitDir ? operationOf(gitDir) : null)),
  ]);
  if (status.code !== 0) throw gitFailed(status);
  const { oid, entries } = parseStatus(status.stdout);

  const without = await leftOut(git, task.copied_files, worktree, entries, path, signal);
  const notes = without.map(({ note }) => note);
  const kept = new Set(without.map((entry) => entry.path));
  if (!underWay && entries.every((entry) => kept.has(bare(entry.path)))) return { kind: 'nothing', sha: oid, notes };

  const staged = without.filter((entry) => entry.staged).map((entry) => entry.path);
  if (staged.length > 0)
    await git.text(worktree, ['reset', '--quiet', '--', ...staged.map((file) => `:(top,literal)${file}`)], { signal });
  const pathspecs = ['.', ...without.map((entry) => `:(top,exclude,literal)${entry.path}`)].join('\0');
  const added = await (without.length === 0
    ? git.run(worktree, ['add', '--all'], { signal, config })
    : git.run(worktree, ['add', '--all', '--pathspec-from-file=-', '--pathspec-file-nul'], {
        signal,
        config,
        stdin: pathspecs,
      }));
  if (added.code !== 0) return { kind: 'failed', detail: `git add failed: ${detailOf(added.stderr)}` };

  if (settings.signs) {
    const detail = await cannotSign(git, worktree, signal);
    if (detail) return { kind: 'failed', detail };
  }
  const missing = await missingHooks(settings.hooksPath, worktree, home);
  if (missing) notes.push(missing);

  const text = `${message.trim()}\n${coAuthor ? `\nCo-authored-by: ${withAddress(coAuthor)}\n` : ''}`;
  const commit = (extra: readonly string[]): Promise<OwnedResult> => {
    const flags = config.flatMap((setting) => ['-c', setting]);
    const argv = ['git', ...flags, 'commit', '--quiet', '--cleanup=whitespace', ...extra, '-F', '-'];
    return owned(processes, { argv, cwd: worktree, stdin: text, signal });
  };
  let ended = await commit([]);
  if (ended.code !== 0 && /husky\.sh/.test(ended.output) && !(await exists(join(worktree, '.husky', '_')))) {
    notes.push(
      "the hooks in .husky need .husky/_, which is not in the worktree (the project's install command makes it): committed without them",
    );
    ended = await commit(['--no-verify']);
  }
  if (ended.code !== 0) return notCommitted(git, worktree, ended, { settings, config, home, oid, notes, signal });
  return { kind: 'committed', sha: await git.text(worktree, ['rev-parse', 'HEAD'], { signal }), notes };
}

/** A trailer wants `Name <address>`; an agent without an address gets one that belongs to nobody. */
const withAddress = (name: string): string =>
  /<.+>/.test(name) ? name : `${name} <${name.toLowerCase().replace(/[^a-z0-9]+/g, '-')}@agents.invalid>`;

async function owned(
  processes: TaskProcesses,
  call: { argv: string[]; cwd: string; stdin: string; signal: AbortSignal },
): Promise<OwnedResult> {
  const { argv, ...rest } = call;
  for (let tries = 1; ; tries++) {
    const ended = await runOwned(processes, {
      ...rest,
      command: { argv },
      env: hookEnvironment(),
      timeoutMs: HOOK_TIMEOUT_MS,
    });
    if (ended.code === 0 || tries === 8 || !isLockError(ended.output)) return ended;
    await new Promise((resolve) => setTimeout(resolve, tries * 50 * (0.5 + Math.random())));
  }
}

/** Tells a hook's refusal from git's own failures. */
async function notCommitted(
  git: Git,
  worktree: string,
  ended: OwnedResult,
  {
    settings,
    config,
    home,
    oid,
    notes,
    signal,
  }: { settings: Settings; config: readonly string[]; home: string; oid: string; notes: string[]; signal: AbortSignal },
): Promise<CommitOutcome> {
  const { output, timedOut } = ended;
  if (timedOut)
    return {
      kind: 'hook_failed',
      output: `${output}\nThe commit hook did not end within ${HOOK_TIMEOUT_MS / 60_000} minutes and was stopped.`,
    };
  switch (commitFailure(output)) {
    case 'identity':
      return {
        kind: 'failed',
        detail: NO_IDENTITY,
      };
    case 'signing':
      return { kind: 'failed', detail: `the commit could not be signed (commit.gpgSign): ${detailOf(output, 4)}` };
    case 'disk_full':
      return { kind: 'failed', detail: `the disk is full: ${detailOf(output, 4)}` };
    case 'nothing':
    case 'other':
  }
  // What was to be added may be the same as before once filters (line ends, LFS) have been at it.
  const staged = await git.run(worktree, ['diff', '--cached', '--quiet'], { signal, config });
  if (staged.code === 0) return { kind: 'nothing', sha: oid, notes };
  const hooked = await anyHook(
    ['pre-commit', 'pre-merge-commit', 'prepare-commit-msg', 'commit-msg'],
    settings.hooksPath,
    worktree,
    home,
  );
  if (!hooked) return { kind: 'failed', detail: detailOf(output) };
  return { kind: 'hook_failed', output };
}

/** Signs a commit that nobody will see, within a time in which no person is needed. Returns what went wrong. */
async function cannotSign(git: Git, worktree: string, signal: AbortSignal): Promise<string | null> {
  const probe = await git.run(worktree, ['commit-tree', '-S', 'HEAD^{tree}', '-m', 'signing probe'], {
    signal,
    timeoutMs: SIGNING_TIMEOUT_MS,
  });
  if (probe.code === 0) return null;
  if (commitFailure(probe.stderr) === 'identity') {
    return NO_IDENTITY;
  }
  const why = probe.timedOut ? 'the signing program waited for a person' : detailOf(probe.stderr, 4);
  return `commits are signed here (commit.gpgSign), and signing failed: ${why}. Unlock the key or switch signing off for this repository`;
}

/** A repository within the worktree is listed with a slash at its end. */
const bare = (path: string): string => path.replace(/\/$/, '');

interface LeftOut {
  path: string;
  note: string;
  /** The agent has staged it: it has to leave the index again. */
  staged: boolean;
}

/** What is never added: copied files, repositories within the worktree, and very large files. */
export async function leftOut(
  git: Git,
  copiedFiles: readonly string[],
  worktree: string,
  entries: readonly StatusEntry[],
  path: string,
  signal?: AbortSignal,
): Promise<LeftOut[]> {
  const copied = new Set(copiedFiles);
  const found: LeftOut[] = [];
  const rest: StatusEntry[] = [];
  for (const entry of entries) {
    const name = bare(entry.path);
    if (copied.has(name))
      found.push({
        path: name,
        staged: entry.staged,
        note: `not committed: ${name}, which was copied from your checkout`,
      });
    else if (entry.kind === 'untracked' && entry.path.endsWith('/')) {
      found.push({ path: name, staged: false, note: `not committed: ${name}, which is a repository of its own` });
    } else if (entry.gitlink && entry.added) {
      if (await isSubmodule(worktree, name)) continue;
      found.push({ path: name, staged: true, note: `not committed: ${name}, which is a repository of its own` });
    } else if (!entry.gitlink) rest.push(entry);
  }
  for (let start = 0; start < rest.length; start += 64) {
    const batch = rest.slice(start, start + 64);
    const sizes = await Promise.all(batch.map((entry) => sizeOf(join(worktree, entry.path))));
    for (const [index, entry] of batch.entries()) {
      const size = sizes[index]!;
      if (size <= MAX_FILE_BYTES || (await isLfsFile(git, worktree, entry.path, path, signal))) continue;
      found.push({
        path: entry.path,
        staged: entry.staged,
        note: `not committed: ${entry.path}, which is ${Math.round(size / 1024 / 1024)} MB large (the limit is 50 MB)`,
      });
    }
  }
  return found;
}

async function sizeOf(path: string): Promise<number> {
  try {
    const there = await lstat(path);
    return there.isFile() ? there.size : 0;
  } catch (error) {
    // Deleted files are changes, too.
    if (['ENOENT', 'ENOTDIR'].includes(codeOf(error))) return 0;
    throw error;
  }
}

async function isSubmodule(worktree: string, name: string): Promise<boolean> {
  const modules = (await readIfThere(join(worktree, '.gitmodules'))) ?? '';
  return modules.split('\n').some((line) => /^\s*path\s*=\s*(.+?)\s*$/.exec(line)?.[1] === name);
}

async function isLfsFile(
  git: Git,
  worktree: string,
  file: string,
  path: string,
  signal?: AbortSignal,
): Promise<boolean> {
  if (!(await hasLfs(path))) return false;
  return /: filter: lfs$/m.test(await git.text(worktree, ['check-attr', 'filter', '--', file], { signal }));
}
