/** Lands a task's branch on its base where there is no pull request to merge. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { AmpaError } from '../../errors.ts';
import type { MergeMethod } from '../../tasks/landing.ts';
import type { Task } from '../../tasks/task.ts';
import { baseRef, fetchBranch, mergedRef, readRefs } from './base.ts';
import type { BaseDependencies } from './base.ts';
import { detailOf } from './classify.ts';
import { diffBase } from './diff.ts';
import { HANDS_OFF } from './environment.ts';
import type { Git } from './git.ts';
import { conflictedFiles, isAncestor } from './head.ts';
import { exists } from './layout.ts';
import { identityOf, peerOf, runNetwork } from './network.ts';
import { hasMoved, refusalOf } from './refusal.ts';
import { readSettings } from './settings.ts';
import { listWorktrees, removeWorktreeAt } from './worktree.ts';

/** The temporary worktree has no dependencies installed: hooks could only fail in it. */
const QUIET = ['core.hooksPath=/dev/null', 'rebase.autoStash=false', 'rebase.updateRefs=false', 'merge.ff=true'];

const OTHER_METHOD = 'Merge it with the method merge or squash.';

const cannot = (why: string, hint = ''): AmpaError => new AmpaError('merge', why, hint);

/**
 * Lands the commit that the task ended at on its base and returns the commit the base is at then. With a
 * remote: in a temporary worktree from the base as the remote has it now, pushed without force, once more
 * if it moved meanwhile. Without one: fast-forward, and only where nobody's working copy is in the way.
 * A merge that was made before is found and not made again, also where its branch is deleted by now.
 * Rejects with code `merge`, also where more would land than the task's diff shows.
 */
export async function mergeToBase(dependencies: BaseDependencies, task: Task, method: MergeMethod): Promise<string> {
  const { git } = dependencies;
  const { repo, base, branch, remote, head_sha: head } = task;
  if (base === null)
    throw cannot(
      'the task started from a commit, not from a branch',
      'Merge it by hand where you want it: git merge ' + branch,
    );
  const refs = await readRefs(git, repo, [`refs/heads/${branch}`, mergedRef(branch)]);
  const tip = refs.get(`refs/heads/${branch}`) ?? refs.get(mergedRef(branch));
  if (!tip) throw cannot(`the branch ${branch} does not exist any more`);
  if (tip !== head)
    throw cannot(
      `${branch} is at ${tip.slice(0, 10)}, and the task ended ${head ? `at ${head.slice(0, 10)}` : 'without a commit'}: the difference was neither checked nor shown`,
      'Continue the task: it goes on from what is there.',
    );
  const sha =
    remote === null
      ? await landLocally(git, task, base, tip, method)
      : await landRemotely(dependencies, task, remote, base, tip, method);
  await git.text(repo, ['update-ref', mergedRef(branch), tip]);
  return sha;
}

/** What the diff leaves out, since it was the base's when the task began, and is not in the base (any more). */
async function refuseUnseen(git: Git, task: Task, base: string, from: string, tip: string): Promise<void> {
  const shownFrom = await diffBase(git, task, tip);
  if (await isAncestor(git, task.repo, shownFrom, from)) return;
  const unseen = await git.text(task.repo, ['log', '--format=%h %s', '--max-count=5', shownFrom, '--not', from]);
  throw cannot(
    `${task.branch} began with commits that ${base}${task.remote === null ? '' : ` of ${task.remote}`} does not have, and its diff does not show: ${unseen.replaceAll('\n', ', ')}`,
    `Bring them into ${base} first if they belong there; else merge by hand what you want of the branch.`,
  );
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
    if (fetched.kind === 'absent')
      throw cannot(`${remote} has no branch ${base}`, `Push it if it belongs there: git push ${remote} ${base}`);
    const from = (await readRefs(git, repo, [into])).get(into)!;
    if (await isAncestor(git, repo, tip, from)) return from;
    await refuseUnseen(git, task, base, from, tip);
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
    const refusal = refusalOf(pushed.result.stdout);
    if (!again && refusal && hasMoved(refusal)) continue;
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
  await refuseUnseen(git, task, base, from, tip);
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
    await git.text(repo, ['worktree', 'add', '--quiet', '--detach', '--', place, from], {
      config: QUIET,
      timeoutMs: 60 * 60_000,
    });
    const merge = ['merge', '--quiet', '--no-ff', '--no-edit', '-m', `Merge ${branch}: ${title}`, tip];
    const steps = {
      merge: [merge],
      squash: [
        ['merge', '--quiet', '--squash', tip],
        ['commit', '--quiet', '--cleanup=whitespace', '-m', await squashMessage(git, task, from, tip)],
      ],
      // Merged first, to see what it has to come to.
      rebase: [merge, ['checkout', '--quiet', '--detach', tip], ['rebase', '--quiet', from]],
    }[method];
    let merged = '';
    for (const step of steps) {
      const ended = await git.run(place, step, { config: QUIET });
      if (ended.code === 0) {
        if (step === merge) merged = await git.text(place, ['rev-parse', 'HEAD^{tree}']);
        continue;
      }
      const files = await conflictedFiles(git, place);
      if (files.length > 0 && merged !== '')
        throw cannot(
          `merged, ${branch} fits onto ${base}; its commits one by one conflict in ${files.join(', ')}`,
          OTHER_METHOD,
        );
      if (files.length > 0)
        throw cannot(
          `${branch} conflicts with ${base} in ${files.join(', ')}`,
          'Continue the task and ask the agent to merge the base, or resolve it in the worktree.',
        );
      if (/nothing to commit/i.test(ended.stdout)) return from;
      throw cannot(`${branch} could not be merged into ${base}: ${detailOf(ended.stderr || ended.stdout, 6)}`);
    }
    // What a merge on the branch holds of its own, a rebase drops without a word.
    if (method === 'rebase' && (await git.text(place, ['rev-parse', 'HEAD^{tree}'])) !== merged)
      throw cannot(
        `rebased onto ${base}, ${branch} would not be what was checked: its merges hold changes of their own`,
        OTHER_METHOD,
      );
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

const quote = (path: string): string => (/^[\w@%+=:,./-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`);
