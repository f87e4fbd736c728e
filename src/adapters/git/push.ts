/** Pushes a task's branch: never forced, at most once per commit. */
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { PushOutcome, TaskProcesses } from '../../tasks/ports.ts';
import type { Task } from '../../tasks/task.ts';
import { fetchBranch, readRefs, remoteRef } from './base.ts';
import type { BaseDependencies } from './base.ts';
import { detailOf } from './classify.ts';
import { hookEnvironment } from './environment.ts';
import type { Git, GitResult } from './git.ts';
import { clearStaleLocks, conflictedFiles, isAncestor } from './head.ts';
import { findHook } from './hooks.ts';
import { gitDirOf, operationOf, readIfThere } from './layout.ts';
import { identityOf, peerOf, runNetwork } from './network.ts';
import type { Peer } from './network.ts';
import { runOwned } from './owned.ts';
import { hasMoved, refusalOf } from './refusal.ts';
import { readSettings } from './settings.ts';
import type { Settings } from './settings.ts';
import { hasLfs, usesLfs } from './worktree.ts';

export interface PushDependencies extends BaseDependencies {
  /** Where programs are looked up. */
  path: string;
  /** For `~` in `core.hooksPath`. */
  home: string;
}

const HOOK_TIMEOUT_MS = 30 * 60_000;
const REBASE = [
  'core.hooksPath=/dev/null',
  'rebase.autoStash=false',
  'rebase.autoSquash=false',
  'rebase.updateRefs=false',
];

/** Implements `TaskGit.push`. */
export async function push(
  dependencies: PushDependencies,
  task: Task,
  processes: TaskProcesses,
  signal: AbortSignal,
): Promise<PushOutcome> {
  const { git } = dependencies;
  const { worktree, remote, repo } = task;
  if (!worktree) return { kind: 'rejected', detail: 'the task has no worktree' };
  const branchRef = `refs/heads/${task.branch}`;
  const [head, settings, rebase] = await Promise.all([
    git.text(worktree, ['rev-parse', '--verify', branchRef], { signal }),
    readSettings(git, repo, signal),
    undoOurRebase(git, task),
  ]);
  if (rebase) return { kind: 'rejected', detail: rebase };
  if (remote === null || task.pushed_sha === head) return { kind: 'up_to_date', sha: head };
  if (!settings.remotes.has(remote))
    return { kind: 'unreachable', detail: `the repository no longer has a remote called ${remote}` };

  const notes: string[] = [];
  let sha = head;
  if (task.pushed_sha && !(await isAncestor(git, worktree, task.pushed_sha, head, signal))) {
    const continued = await continuePushed(git, task, head, settings, signal);
    if (continued.kind === 'failed') return { kind: 'rejected', detail: continued.detail };
    sha = continued.sha;
    notes.push(
      'the agent had rewritten commits that were already pushed: its files were committed on top of the pushed ones instead',
    );
    if (sha === task.pushed_sha) return { kind: 'up_to_date', sha };
  }

  for (let rebased = false; ; rebased = true) {
    const refused =
      (await pushLfs(dependencies, task, settings, signal)) ??
      (await prePush(dependencies, task, sha, settings, processes, signal));
    if (refused) return refused;
    const answer = await pushCommit(dependencies, task, sha, settings, signal);
    if (answer.kind === 'pushed') {
      if (answer.withheld) notes.push(answer.withheld);
      return { kind: 'pushed', sha: answer.sha, notes };
    }
    if (answer.kind !== 'moved') return answer;
    if (rebased)
      return {
        kind: 'rejected',
        detail: `${remote} has commits on ${task.branch} that came in between twice: ${answer.detail}`,
      };
    const onto = await rebaseOntoRemote(dependencies, task, settings, signal);
    if (onto.kind !== 'rebased') return onto;
    sha = onto.sha;
    notes.push(`rebased onto what others had pushed to ${task.branch}`);
  }
}

/** Beside a rebase of our own: onto which commit. */
const MARK = 'ampa-rebase';

/**
 * A rebase of our own that was cut short with an earlier carrier is undone: the branch still has all
 * of the task's commits, and it begins anew. One that somebody else has begun since is their work.
 * Returns why the push must wait, or null.
 */
async function undoOurRebase(git: Git, { worktree, branch }: Task): Promise<string | null> {
  const gitDir = await gitDirOf(worktree!);
  if (!gitDir || (await operationOf(gitDir)) !== 'rebase') return null;
  const [ours, onto] = await Promise.all([
    readIfThere(join(gitDir, MARK)),
    readIfThere(join(gitDir, 'rebase-merge', 'onto')),
  ]);
  if (ours === null || ours.trim() !== onto?.trim())
    return 'a rebase is under way in the worktree: run `git rebase --continue` or `git rebase --abort` there, then continue the task';
  await clearStaleLocks(gitDir, worktree!, branch);
  await git.text(worktree!, ['rebase', '--abort'], { config: REBASE });
  return null;
}

type Answer =
  | Exclude<PushOutcome, { kind: 'pushed' }>
  | { kind: 'pushed'; sha: string; withheld?: string }
  | { kind: 'moved'; detail: string };

const peerFor = (
  { git, credentials }: PushDependencies,
  task: Task,
  settings: Settings,
  signal: AbortSignal,
): Promise<Peer> =>
  peerOf(
    git,
    { repo: task.repo, remote: task.remote!, settings, direction: 'push', identity: identityOf(task), signal },
    credentials,
  );

/** One `git push` of one commit. Hooks have run before and stay out of it: it may carry a credential. */
async function pushCommit(
  dependencies: PushDependencies,
  task: Task,
  sha: string,
  settings: Settings,
  signal: AbortSignal,
): Promise<Answer> {
  const { git, ...retrying } = dependencies;
  const peer = await peerFor(dependencies, task, settings, signal);
  const args = [
    'push',
    '--porcelain',
    '--no-verify',
    '--no-follow-tags',
    peer.target,
    `${sha}:refs/heads/${task.branch}`,
  ];
  const outcome = await runNetwork(git, task.repo, args, { peer, signal }, retrying);
  const { result } = outcome;
  if (outcome.ok)
    return /^=\t/m.test(result.stdout) ? { kind: 'up_to_date', sha } : { kind: 'pushed', sha, withheld: peer.withheld };
  const refusal = refusalOf(result.stdout);
  if (refusal) {
    const detail = [refusal, remoteLines(result)].filter(Boolean).join('\n');
    return { kind: hasMoved(refusal) ? 'moved' : 'rejected', detail };
  }
  const detail = detailOf(result.stderr) || `git push ended with exit code ${result.code}`;
  if (outcome.failure === 'auth') return { kind: 'auth', detail };
  return { kind: outcome.failure === 'other' ? 'rejected' : 'unreachable', detail };
}

/** What the server itself had to say. */
function remoteLines({ stderr }: GitResult): string {
  const lines = stderr.split(/[\r\n]+/).filter((line) => /^remote: +\S/.test(line));
  return detailOf(lines.map((line) => line.replace(/^remote: ?/, '').trimEnd()).join('\n'));
}

/**
 * The pushed commits stay: the agent's tree becomes one commit on top of them. Index and files are
 * those of the same tree before and after.
 */
async function continuePushed(
  git: Git,
  task: Task,
  head: string,
  settings: Settings,
  signal: AbortSignal,
): Promise<{ kind: 'ok'; sha: string } | { kind: 'failed'; detail: string }> {
  const { worktree, pushed_sha: pushed, branch } = task;
  const trees = (await git.text(worktree!, ['rev-parse', `${head}^{tree}`, `${pushed}^{tree}`], { signal })).split(
    '\n',
  );
  let sha = pushed!;
  if (trees[0] !== trees[1]) {
    const sign = settings.signs ? ['-S'] : [];
    const made = await git.run(worktree!, ['commit-tree', ...sign, trees[0]!, '-p', pushed!, '-F', '-'], {
      signal,
      stdin: `${task.title}\n`,
      timeoutMs: 60_000,
    });
    if (made.code !== 0)
      return {
        kind: 'failed',
        detail: `the agent rewrote pushed commits, and its work could not be committed on top of them: ${detailOf(made.stderr)}`,
      };
    sha = made.stdout.trim();
  }
  await git.text(
    worktree!,
    ['update-ref', '-m', 'ampa: on top of what was pushed', `refs/heads/${branch}`, sha, head],
    { signal },
  );
  return { kind: 'ok', sha };
}

type Rebased = { kind: 'rebased'; sha: string } | Extract<PushOutcome, { kind: 'rejected' | 'auth' | 'unreachable' }>;

async function rebaseOntoRemote(
  dependencies: PushDependencies,
  task: Task,
  settings: Settings,
  signal: AbortSignal,
): Promise<Rebased> {
  const { git } = dependencies;
  const { repo, branch, remote } = task;
  const worktree = task.worktree!;
  const into = remoteRef(remote!, branch);
  const fetched = await fetchBranch(dependencies, {
    repo,
    remote: remote!,
    branch,
    into,
    signal,
    settings,
    identity: identityOf(task),
  });
  if (fetched.kind === 'failed') return { kind: fetched.why, detail: fetched.detail };
  if (fetched.kind === 'absent')
    return { kind: 'rejected', detail: `${remote} refuses ${branch}, but has no such branch` };
  const theirs = (await readRefs(git, repo, [into], signal)).get(into);
  if (!theirs) return { kind: 'rejected', detail: `${branch} was fetched from ${remote}, but is not there` };
  const mark = join((await gitDirOf(worktree))!, MARK);
  await writeFile(mark, theirs);
  // Merges of the base stay merges: flattened, the base's own commits would be copied.
  const rebased = await git.run(worktree, ['rebase', '--quiet', '--rebase-merges', theirs], { signal, config: REBASE });
  if (rebased.code === 0) {
    await rm(mark);
    return { kind: 'rebased', sha: await git.text(worktree, ['rev-parse', 'HEAD'], { signal }) };
  }
  const files = await conflictedFiles(git, worktree);
  const aborted = await git.run(worktree, ['rebase', '--abort'], { config: REBASE });
  const left =
    aborted.code === 0 || /no rebase in progress/i.test(aborted.stderr)
      ? ''
      : ' (a rebase is still under way in the worktree)';
  const why =
    files.length > 0
      ? `ours conflict with them in ${files.join(', ')}`
      : `ours could not be rebased onto them: ${detailOf(rebased.stderr || rebased.stdout, 6)}`;
  return { kind: 'rejected', detail: `${remote} has other commits on ${branch}, and ${why}${left}` };
}

/** Runs the user's `pre-push` hook as git would, among the task's processes. Null: it has nothing against it. */
async function prePush(
  { home }: PushDependencies,
  task: Task,
  sha: string,
  settings: Settings,
  processes: TaskProcesses,
  signal: AbortSignal,
): Promise<PushOutcome | null> {
  const worktree = task.worktree!;
  const hook = await findHook('pre-push', settings.hooksPath, worktree, home);
  if (!hook) return null;
  const ref = `refs/heads/${task.branch}`;
  const ended = await runOwned(processes, {
    command: { argv: [hook, task.remote!, settings.remotes.get(task.remote!) ?? ''] },
    cwd: worktree,
    env: hookEnvironment(),
    stdin: `${ref} ${sha} ${ref} ${task.pushed_sha ?? '0'.repeat(sha.length)}\n`,
    signal,
    timeoutMs: HOOK_TIMEOUT_MS,
  });
  if (ended.code === 0) return null;
  const late = ended.timedOut
    ? `\nThe pre-push hook did not end within ${HOOK_TIMEOUT_MS / 60_000} minutes and was stopped.`
    : '';
  return { kind: 'hook_failed', output: `${ended.output}${late}` };
}

/** Uploads LFS objects where the repository has them and git-lfs's own hook does not do it. */
async function pushLfs(
  dependencies: PushDependencies,
  task: Task,
  settings: Settings,
  signal: AbortSignal,
): Promise<PushOutcome | null> {
  const { git, path, home, ...retrying } = dependencies;
  const worktree = task.worktree!;
  if (!(await usesLfs(worktree)) || !(await hasLfs(path))) return null;
  const hook = await findHook('pre-push', settings.hooksPath, worktree, home);
  if (hook && /git[ -]lfs/.test((await readIfThere(hook)) ?? '')) return null;
  const peer = await peerFor(dependencies, task, settings, signal);
  const outcome = await runNetwork(
    git,
    task.repo,
    ['lfs', 'push', peer.target, task.branch],
    { peer, signal },
    retrying,
  );
  if (outcome.ok) return null;
  const detail = `the LFS objects could not be pushed: ${detailOf(outcome.result.stderr || outcome.result.stdout)}`;
  if (outcome.failure === 'auth') return { kind: 'auth', detail };
  return { kind: outcome.failure === 'other' ? 'rejected' : 'unreachable', detail };
}
