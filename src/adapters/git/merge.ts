/** Lands a task's branch on its base where there is no pull request to merge. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { AmpaError } from '../../errors.ts';
import type { Task } from '../../tasks/task.ts';
import { baseRef, fetchBranch, mergedRef, readRefs } from './base.ts';
import type { BaseDependencies } from './base.ts';
import { detailOf } from './classify.ts';
import { HANDS_OFF } from './environment.ts';
import type { Git, GitResult } from './git.ts';
import { conflictedFiles, isAncestor } from './head.ts';
import { exists } from './layout.ts';
import { identityOf, peerOf, runNetwork } from './network.ts';
import { readSettings } from './settings.ts';
import { listWorktrees, removeWorktreeAt } from './worktree.ts';

export type MergeMethod = 'merge' | 'squash' | 'rebase';

export interface MergeOptions {
  method: MergeMethod;
  deleteBranch: boolean;
}

/** The temporary worktree has no dependencies installed: hooks could only fail in it. */
const QUIET = ['core.hooksPath=/dev/null', 'rebase.autoStash=false', 'rebase.updateRefs=false', 'merge.ff=true'];

const cannot = (why: string, hint = ''): AmpaError => new AmpaError('merge', why, hint);

/**
 * Merges the branch into its base and returns the commit the base is at then. With a remote: in a
 * temporary worktree from the base as the remote has it now, pushed without force, once more if it
 * moved meanwhile. Without one: fast-forward, and only where nobody's working copy is in the way.
 * A merge that was made before is found and not made again, also where its branch is deleted by now.
 * `remark` for people: the branch that was to be deleted is still there, and why. Rejects with code `merge`.
 */
export async function mergeToBase(
  dependencies: BaseDependencies,
  task: Task,
  options: MergeOptions,
): Promise<{ sha: string; remark: string | null }> {
  const { git } = dependencies;
  const { repo, base, branch, remote } = task;
  if (base === null)
    throw cannot(
      'the task started from a commit, not from a branch',
      'Merge it by hand where you want it: git merge ' + branch,
    );
  const refs = await readRefs(git, repo, [`refs/heads/${branch}`, mergedRef(branch)]);
  const tip = refs.get(`refs/heads/${branch}`) ?? refs.get(mergedRef(branch));
  if (!tip) throw cannot(`the branch ${branch} does not exist any more`);
  const sha =
    remote === null
      ? await landLocally(git, task, base, tip, options.method)
      : await landRemotely(dependencies, task, remote, base, tip, options.method);
  await git.text(repo, ['update-ref', mergedRef(branch), tip]);
  return { sha, remark: options.deleteBranch ? await deleteBranch(dependencies, task) : null };
}

async function landRemotely(
  dependencies: BaseDependencies,
  task: Task,
  remote: string,
  base: string,
  tip: string,
  method: MergeMethod,
): Promise<string> {
  const { git, credentials, ...retrying } = dependencies;
  const { repo } = task;
  const settings = await readSettings(git, repo);
  const into = baseRef(remote, base);
  for (let again = false; ; again = true) {
    const fetched = await fetchBranch(dependencies, {
      repo,
      remote,
      branch: base,
      into,
      settings,
      identity: identityOf(task),
    });
    if (fetched.kind === 'failed') throw cannot(`${base} could not be fetched from ${remote}: ${fetched.detail}`);
    if (fetched.kind === 'absent') throw cannot(`${remote} has no branch ${base}`);
    const from = (await readRefs(git, repo, [into])).get(into)!;
    if (await isAncestor(git, repo, tip, from)) return from;
    const sha = await combine(git, task, base, from, tip, method);
    if (sha === from) return from;
    const peer = await peerOf(
      git,
      { repo, remote, settings, direction: 'push', identity: identityOf(task) },
      credentials,
    );
    const args = ['push', '--porcelain', '--no-verify', '--no-follow-tags', peer.target, `${sha}:refs/heads/${base}`];
    const pushed = await runNetwork(git, repo, args, { peer }, retrying);
    if (pushed.ok) {
      await git.text(repo, ['update-ref', into, sha]);
      return sha;
    }
    const refusal = refusalOf(pushed.result);
    if (!again && refusal && /^\[rejected\]|cannot lock ref|failed to update ref/.test(refusal)) continue;
    const detail = [refusal, detailOf(pushed.result.stderr.replace(/^remote: ?/gm, ''))].filter(Boolean).join('\n');
    throw cannot(
      `${base} could not be pushed to ${remote}: ${detail}`,
      refusal ? 'The remote may protect this branch: open a pull request instead.' : '',
    );
  }
}

async function landLocally(git: Git, task: Task, base: string, tip: string, method: MergeMethod): Promise<string> {
  const { repo, branch } = task;
  const ref = `refs/heads/${base}`;
  const from = (await readRefs(git, repo, [ref])).get(ref);
  if (!from) throw cannot(`the base branch ${base} does not exist any more`);
  if (await isAncestor(git, repo, tip, from)) return from;
  const checkout = (await listWorktrees(git, repo)).find((entry) => entry.branch === ref)?.path;
  const byHand = `git -C ${quote(checkout ?? repo)} ${method === 'squash' ? `merge --squash ${branch}` : `merge ${branch}`}`;
  if (checkout) {
    const status = await git.text(checkout, ['status', '--porcelain', '--untracked-files=no'], { env: HANDS_OFF });
    if (status)
      throw cannot(
        `${base} is checked out in ${checkout} with uncommitted changes`,
        `Commit or stash them and try again, or merge by hand: ${byHand}`,
      );
  }
  const straight = method !== 'squash' && (await isAncestor(git, repo, from, tip));
  const sha = straight ? tip : await combine(git, task, base, from, tip, method);
  if (!checkout) {
    await git.text(repo, ['update-ref', '-m', `ampa: merged ${branch}`, ref, sha, from]);
    return sha;
  }
  const merged = await git.run(checkout, ['merge', '--ff-only', '--quiet', sha], {
    config: [...QUIET, 'merge.autoStash=false'],
  });
  // git leaves the checkout alone when an untracked file is in the way.
  if (merged.code !== 0)
    throw cannot(
      `${base} in ${checkout} could not be moved forward: ${detailOf(merged.stderr, 6)}`,
      `By hand: ${byHand}`,
    );
  return sha;
}

/**
 * Makes the commit that the base is to become, in a worktree that is gone afterwards. It is `from`
 * itself if the base has all the changes already, as after a merge whose end was not recorded.
 */
async function combine(
  git: Git,
  task: Task,
  base: string,
  from: string,
  tip: string,
  method: MergeMethod,
): Promise<string> {
  const { repo, branch, title } = task;
  const beside = task.worktree ? dirname(task.worktree) : tmpdir();
  await mkdir(beside, { recursive: true });
  const folder = await mkdtemp(join(beside, 'ampa-merge-'));
  const place = join(folder, 'worktree');
  try {
    await git.text(repo, ['worktree', 'add', '--quiet', '--detach', '--', place, method === 'rebase' ? tip : from], {
      config: QUIET,
      timeoutMs: 60 * 60_000,
    });
    const steps =
      method === 'rebase'
        ? [['rebase', '--quiet', from]]
        : method === 'merge'
          ? [['merge', '--quiet', '--no-ff', '--no-edit', '-m', `Merge ${branch}: ${title}`, tip]]
          : [
              ['merge', '--quiet', '--squash', tip],
              ['commit', '--quiet', '--cleanup=whitespace', '-m', await squashMessage(git, task, from, tip)],
            ];
    for (const step of steps) {
      const ended = await git.run(place, step, { config: QUIET });
      if (ended.code === 0) continue;
      const files = await conflictedFiles(git, place);
      if (files.length > 0)
        throw cannot(
          `${branch} conflicts with ${base} in ${files.join(', ')}`,
          'Continue the task and ask the agent to merge the base, or resolve it in the worktree.',
        );
      if (/nothing to commit/i.test(ended.stdout)) return from;
      throw cannot(`${branch} could not be merged into ${base}: ${detailOf(ended.stderr || ended.stdout, 6)}`);
    }
    return await git.text(place, ['rev-parse', 'HEAD']);
  } finally {
    if (await exists(place)) await removeWorktreeAt(git, repo, place);
    await rm(folder, { recursive: true, force: true });
  }
}

/** The task's title, and everybody who is named as a co-author. */
async function squashMessage(git: Git, { repo, title }: Task, from: string, tip: string): Promise<string> {
  const trailers = await git.text(repo, ['log', '--format=%(trailers:key=Co-authored-by)', `${from}..${tip}`]);
  const authors = [...new Set(trailers.split('\n').filter((line) => line.trim()))];
  return authors.length > 0 ? `${title}\n\n${authors.join('\n')}` : title;
}

/**
 * Here and at the remote; the task's worktree keeps its files and lets go of the branch. Null when it is
 * gone, else why it stays: the merge itself stands.
 */
async function deleteBranch({ git, credentials, ...retrying }: BaseDependencies, task: Task): Promise<string | null> {
  const { repo, branch, remote, worktree } = task;
  const ref = `refs/heads/${branch}`;
  const checkout = (await listWorktrees(git, repo)).find((entry) => entry.branch === ref)?.path;
  if (checkout && checkout !== worktree)
    return `The branch ${branch} is not deleted: it is checked out in ${checkout}.`;
  const stays = (result: GitResult): string => `The branch ${branch} could not be deleted: ${detailOf(result.stderr)}`;
  if (checkout && (await exists(checkout))) {
    const detached = await git.run(checkout, ['checkout', '--quiet', '--detach'], { config: QUIET });
    if (detached.code !== 0) return stays(detached);
  }
  if ((await readRefs(git, repo, [ref])).has(ref)) {
    const gone = await git.run(repo, ['branch', '-D', '--quiet', '--', branch]);
    if (gone.code !== 0) return stays(gone);
  }
  if (remote === null) return null;
  const settings = await readSettings(git, repo);
  const peer = await peerOf(
    git,
    { repo, remote, settings, direction: 'push', identity: identityOf(task) },
    credentials,
  );
  const deleted = await runNetwork(
    git,
    repo,
    ['push', '--porcelain', '--no-verify', peer.target, `:${ref}`],
    { peer },
    retrying,
  );
  if (deleted.ok || /remote ref does not exist|unable to delete/i.test(deleted.result.stderr)) return null;
  const refusal = refusalOf(deleted.result);
  const why = [refusal, detailOf(deleted.result.stderr.replace(/^remote: ?/gm, ''))].filter(Boolean).join('\n');
  return `The branch ${branch} could not be deleted at ${remote}: ${why}\nBy hand: git push ${remote} --delete ${branch}`;
}

/** What the remote said of the one ref that was pushed, where it refused it. */
const refusalOf = ({ stdout }: GitResult): string | undefined => /^!\t[^\t]*\t(.+)$/m.exec(stdout)?.[1];

const quote = (path: string): string => (/^[\w@%+=:,./-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`);
