/** Facts about the repository a folder belongs to. */
import { join, resolve } from 'node:path';
import { AmpaError } from '../../errors.ts';
import { baseRef, commitOf, fetchBranch, readRefs } from './base.ts';
import type { BaseDependencies } from './base.ts';
import { detailOf } from './classify.ts';
import { HANDS_OFF } from './environment.ts';
import { gitFailed } from './git.ts';
import type { Git } from './git.ts';
import { exists } from './layout.ts';
import { readSettings } from './settings.ts';
import type { Settings } from './settings.ts';
import { parseStatus } from './status.ts';
import { listWorktrees } from './worktree.ts';

export interface RepositoryFacts {
  /** The main worktree, or the bare repository: absolute, links resolved. */
  root: string;
  /** The worktree the folder is in; null in a bare repository. */
  worktree: string | null;
  /** The git directory that all worktrees share. */
  gitDir: string;
  bare: boolean;
  /** Branch of HEAD in the folder's worktree; null when detached. */
  branch: string | null;
  /** Commit of HEAD; null before the first one. */
  head: string | null;
  /** The branch's upstream remote, else `origin`, else the only one, else null. */
  remote: string | null;
  remoteUrl: string | null;
  /** Uncommitted files of the folder's worktree, at most 200. */
  dirty: string[];
  isShallow: boolean;
  hasSubmodules: boolean;
}

const MAX_DIRTY = 200;

/** Looks at the repository that holds `dir`. Rejects with code `repository` if there is none that can be used. */
export async function inspect(git: Git, dir: string): Promise<RepositoryFacts> {
  const bare = await git.run(dir, [
    'rev-parse',
    '--path-format=absolute',
    '--git-common-dir',
    '--absolute-git-dir',
    '--is-bare-repository',
    '--is-shallow-repository',
    '--is-inside-work-tree',
  ]);
  if (bare.code !== 0) throw notUsable(dir, bare.stderr);
  const [commonDir, gitDir, isBare, isShallow, inside] = bare.stdout.trimEnd().split('\n') as [
    string,
    string,
    string,
    string,
    string,
  ];
  if (inside !== 'true' && isBare !== 'true') {
    throw new AmpaError(
      'repository',
      `${dir} is inside a repository's own git directory`,
      'Name the folder with the files instead.',
    );
  }
  const withTree = inside === 'true';
  const [settings, status, top, head] = await Promise.all([
    readSettings(git, dir),
    withTree
      ? git.run(dir, ['status', '--porcelain=v2', '-z', '--branch', '--untracked-files=normal'], { env: HANDS_OFF })
      : null,
    withTree ? git.text(dir, ['rev-parse', '--show-toplevel']) : null,
    withTree ? null : headOf(git, dir),
  ]);
  if (status && status.code !== 0) throw gitFailed(status);
  const state = status
    ? parseStatus(status.stdout)
    : { oid: head?.sha ?? '', branch: head?.branch ?? null, entries: [] };

  const linked = resolve(gitDir) !== resolve(commonDir);
  const root = linked ? (await listWorktrees(git, dir))[0]!.path : (top ?? gitDir);
  const remote = remoteOf(settings, state.branch);
  return {
    root,
    worktree: top,
    gitDir: commonDir,
    bare: isBare === 'true' && !linked,
    branch: state.branch,
    head: state.oid || null,
    remote,
    remoteUrl: remote === null ? null : settings.remotes.get(remote)!,
    dirty: state.entries.slice(0, MAX_DIRTY).map((entry) => entry.path),
    isShallow: isShallow === 'true',
    hasSubmodules: top !== null && (await exists(join(top, '.gitmodules'))),
  };
}

/** The branch's upstream remote, else `origin`, else the only one, else null. */
function remoteOf({ remotes, upstreams }: Settings, branch: string | null): string | null {
  const names = [...remotes.keys()];
  const upstream = branch === null ? undefined : upstreams.get(branch);
  return (
    [upstream, 'origin', names.length === 1 ? names[0] : undefined].find(
      (name) => name !== undefined && remotes.has(name),
    ) ?? null
  );
}

async function headOf(git: Git, dir: string): Promise<{ sha: string; branch: string | null }> {
  const [sha, symbolic] = await Promise.all([
    commitOf(git, dir, 'HEAD'),
    git.run(dir, ['symbolic-ref', '--quiet', '--short', 'HEAD']),
  ]);
  return { sha: sha ?? '', branch: symbolic.code === 0 ? symbolic.stdout.trim() : null };
}

function notUsable(dir: string, stderr: string): AmpaError {
  if (/dubious ownership/i.test(stderr)) {
    return new AmpaError(
      'repository',
      `${dir} belongs to another user, so git does not use it`,
      `If you trust it: git config --global --add safe.directory ${JSON.stringify(dir)}`,
    );
  }
  if (/not a git repository/i.test(stderr)) {
    return new AmpaError(
      'repository',
      `${dir} is not in a git repository`,
      'Run `git init` and make a first commit, or name another folder.',
    );
  }
  return new AmpaError('repository', `git cannot use ${dir}: ${detailOf(stderr)}`);
}

export interface ResolvedBase {
  /** Branch name; null when the task starts from a commit of its own (tag, id). */
  branch: string | null;
  sha: string;
}

/**
 * What `name` stands for: a branch here or at the remote (`origin/` in front is taken off), else a
 * tag or commit; null if it is nothing of these. A branch that only the remote has is fetched.
 */
export async function resolveBase(
  dependencies: BaseDependencies,
  root: string,
  name: string,
): Promise<ResolvedBase | null> {
  const { git } = dependencies;
  const settings = await readSettings(git, root);
  const remotes = [...settings.remotes.keys()];
  const owner = remotes.find((remote) => name.startsWith(`${remote}/`));
  const here = (await readRefs(git, root, [`refs/heads/${name}`])).get(`refs/heads/${name}`);
  if (here) return { branch: name, sha: here };
  const remote = owner ?? remoteOf(settings, null);
  const branch = owner ? name.slice(owner.length + 1) : name;
  const format = await git.run(root, ['check-ref-format', `refs/heads/${branch}`]);
  if (remote !== null && format.code === 0) {
    const known = [`refs/heads/${branch}`, `refs/remotes/${remote}/${branch}`, baseRef(remote, branch)];
    const refs = await readRefs(git, root, known);
    const found = known.find((ref) => refs.has(ref));
    if (found) return { branch, sha: refs.get(found)! };
  }
  const sha = await commitOf(git, root, name);
  if (sha) return { branch: null, sha };
  if (remote === null || format.code !== 0) return null;
  const into = baseRef(remote, branch);
  const fetched = await fetchBranch({ ...dependencies, retryMs: 0 }, { repo: root, remote, branch, into, settings });
  if (fetched.kind === 'failed') {
    throw new AmpaError(
      'repository',
      `there is no branch or commit ${JSON.stringify(name)} here, and ${remote} could not be asked: ${fetched.detail}`,
    );
  }
  const there = (await readRefs(git, root, [into])).get(into);
  return fetched.kind === 'fetched' && there ? { branch, sha: there } : null;
}

/** `name <email>` as git would write it into a commit; null if it knows none. */
export async function identity(git: Git, repo: string): Promise<string | null> {
  const ended = await git.run(repo, ['var', 'GIT_AUTHOR_IDENT']);
  if (ended.code !== 0) return null;
  return /^(.+>) \d+ [+-]\d+$/.exec(ended.stdout.trim())?.[1] ?? null;
}

/** Where a folder's repository is and what it is called, without a look at its files' state. */
export interface Located {
  root: string;
  remoteUrl: string | null;
  /** Whether git tracks a file; known for what lies under the asked folders only. */
  tracks(file: string): boolean;
}

/** Null if the folder is in no repository. `under`: the files and folders of `dir` that `tracks` will be asked about. */
export async function locate(git: Git, dir: string, under: readonly string[]): Promise<Located | null> {
  const specs = under.map((path) => `:(literal)${path}`);
  const [found, settings, tracked] = await Promise.all([
    git.run(dir, [
      'rev-parse',
      '--path-format=absolute',
      '--is-bare-repository',
      '--absolute-git-dir',
      '--git-common-dir',
      '--show-prefix',
    ]),
    readSettings(git, dir),
    git.run(dir, ['ls-files', '-z', '--', ...specs]),
  ]);
  if (found.code !== 0) {
    if (/not a git repository/i.test(found.stderr)) return null;
    throw notUsable(dir, found.stderr);
  }
  const [bare, gitDir, commonDir, prefix = ''] = found.stdout.split('\n') as [string, string, string, string?];
  const remote = remoteOf(settings, null);
  const linked = resolve(gitDir) !== resolve(commonDir);
  const top = prefix
    ? resolve(
        dir,
        ...prefix
          .split('/')
          .filter(Boolean)
          .map(() => '..'),
      )
    : dir;
  if (bare !== 'true' && tracked.code !== 0) throw gitFailed(tracked);
  const files = new Set(tracked.stdout.split('\0').map((file) => join(dir, file)));
  return {
    root: linked ? (await listWorktrees(git, dir))[0]!.path : bare === 'true' ? gitDir : top,
    remoteUrl: remote === null ? null : settings.remotes.get(remote)!,
    tracks: (file) => files.has(resolve(dir, file)),
  };
}
