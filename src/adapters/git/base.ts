/** Where a task starts: the base branch, freshly fetched into a ref of AMPA's own. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { IdentityKind, Task } from '../../tasks/task.ts';
import { AmpaError } from '../../errors.ts';
import type { StartPoint } from '../../tasks/ports.ts';
import { detailOf } from './classify.ts';
import { type Git, gitFailed } from './git.ts';
import { commonDirOf, gitDirOf, statIfThere } from './layout.ts';
import { withLock } from './lock.ts';
import { identityOf, peerOf, runNetwork, type CredentialLookup, type Retrying } from './network.ts';
import { readSettings, type Settings } from './settings.ts';

export interface BaseDependencies extends Retrying {
  git: Git;
  credentials?: CredentialLookup;
}

/** The private ref of a remote's branch. One level, so that `a` and `a/b` do not collide after a rename. */
export const baseRef = (remote: string, base: string): string => `refs/ampa/base/${flat(remote)}/${flat(base)}`;

/** The private ref of a task branch as the remote has it. */
export const remoteRef = (remote: string, branch: string): string => `refs/ampa/remote/${flat(remote)}/${flat(branch)}`;

/** Keeps a snapshot of uncommitted changes from being collected until its task is cleaned away. */
export const snapshotRef = (sha: string): string => `refs/ampa/snapshot/${sha}`;

/** The tip of a task branch that was merged: its commits have landed even if they were squashed. */
export const mergedRef = (branch: string): string => `refs/ampa/merged/${flat(branch)}`;

const flat = (name: string): string => name.replaceAll('%', '%25').replaceAll('/', '%2F');

export type Fetched =
  | { kind: 'fetched' }
  /** The remote has no such branch. */
  | { kind: 'absent' }
  | { kind: 'failed'; why: 'auth' | 'unreachable'; detail: string };

/**
 * Fetches one branch of a remote into `into`, touching no other ref. One fetch at a time in a
 * repository, whoever runs it: parallel ones fail on each other's locks.
 */
export async function fetchBranch(
  { git, credentials, ...retrying }: BaseDependencies,
  fetch: {
    repo: string;
    remote: string;
    branch: string;
    into: string;
    signal?: AbortSignal;
    settings?: Settings;
    /** Of the task it is fetched for. */
    identity?: IdentityKind;
    timeoutMs?: number;
  },
): Promise<Fetched> {
  const { repo, remote, branch, into, signal, identity } = fetch;
  const settings = fetch.settings ?? (await readSettings(git, repo, signal));
  const peer = await peerOf(git, { repo, remote, settings, direction: 'fetch', identity, signal }, credentials);
  const args = [
    'fetch',
    '--quiet',
    '--no-tags',
    '--no-prune',
    '--no-write-fetch-head',
    '--no-auto-maintenance',
    '--no-recurse-submodules',
    // Without it the user's own remote-tracking ref would be updated as well.
    '--refmap=',
    peer.target,
    `+refs/heads/${branch}:${into}`,
  ];
  const gitDir = await gitDirOf(repo);
  if (!gitDir) throw new AmpaError('repository', `${repo} is no longer a git repository`);
  const common = await commonDirOf(gitDir);
  const options = { peer, signal, ...(fetch.timeoutMs ? { timeoutMs: fetch.timeoutMs } : {}) };
  const work = async () => {
    await removeOldLock(join(common, `${into}.lock`));
    return runNetwork(git, repo, args, options, retrying);
  };
  const outcome = await withLock(join(common, 'ampa-fetch.lock'), work, { signal });
  if (outcome.ok) return { kind: 'fetched' };
  if (outcome.failure === 'no_ref') return { kind: 'absent' };
  const detail = detailOf(outcome.result.stderr) || `git fetch ended with exit code ${outcome.result.code}`;
  return { kind: 'failed', why: outcome.failure === 'auth' ? 'auth' : 'unreachable', detail };
}

/** A ref's lock is held for a moment; one that is a minute old was left by a git that was killed. */
async function removeOldLock(lock: string): Promise<void> {
  const there = await statIfThere(lock);
  if (there && Date.now() - there.mtimeMs > 60_000) await rm(lock, { force: true });
}

/** Commits of refs that exist, by full name. */
export async function readRefs(
  git: Git,
  repo: string,
  refs: readonly string[],
  signal?: AbortSignal,
): Promise<Map<string, string>> {
  const listing = await git.text(repo, ['for-each-ref', '--format=%(objectname) %(*objectname) %(refname)', ...refs], {
    signal,
  });
  const found = new Map<string, string>();
  for (const line of listing.split('\n')) {
    const [, object, peeled, name] = /^(\S+) (\S*) (.+)$/.exec(line) ?? [];
    // A pattern also matches what lies below it.
    if (object && name && refs.includes(name)) found.set(name, peeled || object);
  }
  return found;
}

/** How many commits `left` and `right` each have that the other has not. */
export async function aheadBehind(
  git: Git,
  repo: string,
  left: string,
  right: string,
  signal?: AbortSignal,
): Promise<{ ahead: number; behind: number }> {
  const counts = await git.text(repo, ['rev-list', '--left-right', '--count', `${left}...${right}`], { signal });
  const [ahead, behind] = counts.split(/\s+/).map(Number);
  return { ahead: ahead ?? 0, behind: behind ?? 0 };
}

/** Implements `TaskGit.startPoint`. */
export async function startPoint(dependencies: BaseDependencies, task: Task, signal: AbortSignal): Promise<StartPoint> {
  const { git } = dependencies;
  const { repo, base, remote } = task;
  if (task.snapshot_sha) return snapshotStart(git, task, signal);
  if (base === null) return detachedStart(git, task, signal);

  const notes: string[] = [];
  const local = `refs/heads/${base}`;
  const wanted = [local];
  let fetched: Fetched | null = null;
  if (remote !== null) {
    const settings = await readSettings(git, repo, signal);
    const into = baseRef(remote, base);
    fetched = settings.remotes.has(remote)
      ? await fetchBranch(dependencies, {
          repo,
          remote,
          branch: base,
          into,
          signal,
          settings,
          identity: identityOf(task),
        })
      : { kind: 'failed', why: 'unreachable', detail: `the repository no longer has a remote called ${remote}` };
    wanted.push(into, `refs/remotes/${remote}/${base}`);
  }
  const refs = await readRefs(git, repo, wanted, signal);
  const here = refs.get(local);

  if (remote === null || fetched?.kind === 'absent') {
    if (remote !== null && here) notes.push(`${remote} has no branch ${base}: started from the local one`);
    return here ? { kind: 'ok', sha: here, notes } : missing(task);
  }
  if (fetched?.kind === 'failed') {
    const why = fetched.why === 'auth' ? `${remote} refused our credentials` : `${remote} could not be reached`;
    const known = refs.get(baseRef(remote, base)) ?? refs.get(`refs/remotes/${remote}/${base}`);
    const sha = here ?? known;
    if (!sha)
      return {
        kind: 'stopped',
        reason: 'base_missing',
        detail: `there is no local branch ${base}, and ${why}: ${fetched.detail}`,
      };
    notes.push(
      `${why}, started from ${here ? `the local ${base}` : `${base} as it was last fetched`} (${fetched.detail})`,
    );
    return { kind: 'ok', sha, notes };
  }

  const there = refs.get(baseRef(remote, base));
  if (!there) throw new AmpaError('git', `${base} was fetched from ${remote}, but is not there`);
  if (!here || here === there) return { kind: 'ok', sha: there, notes };
  const { ahead, behind } = await aheadBehind(git, repo, here, there, signal);
  if (behind === 0) return { kind: 'ok', sha: here, notes };
  if (ahead > 0) {
    notes.push(
      `the local ${base} and ${remote}'s have diverged (${commits(ahead)} only here, ${commits(behind)} only there): started from ${remote}'s`,
    );
  }
  return { kind: 'ok', sha: there, notes };
}

const commits = (count: number): string => (count === 1 ? '1 commit' : `${count} commits`);

const missing = (task: Task): StartPoint => ({
  kind: 'stopped',
  reason: 'base_missing',
  detail: `there is no branch ${task.base ?? ''}${task.remote === null ? '' : `, neither here nor at ${task.remote}`}`,
});

async function snapshotStart(git: Git, task: Task, signal: AbortSignal): Promise<StartPoint> {
  const sha = await commitOf(git, task.repo, task.snapshot_sha!, signal);
  if (!sha)
    return {
      kind: 'stopped',
      reason: 'base_missing',
      detail: 'the snapshot of your uncommitted changes is no longer in the repository',
    };
  return { kind: 'ok', sha, notes: ['started from a snapshot of the working copy, uncommitted changes included'] };
}

async function detachedStart(git: Git, task: Task, signal: AbortSignal): Promise<StartPoint> {
  const sha = await commitOf(git, task.repo, task.base_sha ?? 'HEAD', signal);
  if (sha) return { kind: 'ok', sha, notes: [] };
  if (task.base_sha)
    return {
      kind: 'stopped',
      reason: 'base_missing',
      detail: `the commit ${task.base_sha} is no longer in the repository`,
    };
  return { kind: 'stopped', reason: 'repo_invalid', detail: 'the repository has no commit yet' };
}

/** The full id of a commit, or null if the repository has none of that name. */
export async function commitOf(git: Git, repo: string, name: string, signal?: AbortSignal): Promise<string | null> {
  // No commit is called like an option.
  if (name.startsWith('-')) return null;
  const ended = await git.run(repo, ['rev-parse', '--verify', '--quiet', `${name}^{commit}`], { signal });
  if (ended.code === 0) return ended.stdout.trim();
  // With --quiet a missing object is silence and 1; anything else is a failure of the query.
  if (ended.code === 1 || /Needed a single revision|unknown revision|ambiguous argument/.test(ended.stderr))
    return null;
  throw gitFailed(ended);
}
