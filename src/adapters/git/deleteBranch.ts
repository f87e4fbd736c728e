/** Deletes a task's branch that has landed, here and at its remote, and never what came after. */
import type { Task } from '../../tasks/task.ts';
import { readRefs, type BaseDependencies } from './base.ts';
import { detailOf } from './classify.ts';
import type { Git } from './git.ts';
import { isAncestor } from './head.ts';
import { identityOf, peerOf, runNetwork } from './network.ts';
import { refusalOf } from './refusal.ts';
import { readSettings } from './settings.ts';
import { listWorktrees } from './worktree.ts';

export interface Landed {
  /** The newest commit of the branch here that has landed. */
  here: string;
  /** What the branch at the remote was when it landed; others may have added to it. */
  there: string;
}

/** Why the branch stays, for people: at its remote and here. Empty: it is gone. The merge itself stands. */
export async function deleteBranch(dependencies: BaseDependencies, task: Task, landed: Landed): Promise<string[]> {
  const there = task.remote === null ? null : await deleteThere(dependencies, task, task.remote, landed.there);
  const here = await deleteHere(dependencies.git, task, landed.here);
  return [
    ...(there === null ? [] : [`The branch ${task.branch} is kept at ${task.remote}, since ${there}.`]),
    ...(here === null ? [] : [`The branch ${task.branch} is kept here, since ${here}.`]),
  ];
}

const MORE = 'it holds commits that have not landed';

async function deleteHere(git: Git, { repo, branch }: Task, landed: string): Promise<string | null> {
  const ref = `refs/heads/${branch}`;
  const tip = (await readRefs(git, repo, [ref])).get(ref);
  if (!tip) return null;
  if (!(await isAncestor(git, repo, tip, landed))) return MORE;
  const checkout = (await listWorktrees(git, repo)).find((entry) => entry.branch === ref)?.path;
  if (checkout) return `it is checked out in ${checkout}`;
  // Of this tip only: what is committed meanwhile stays.
  const gone = await git.run(repo, ['update-ref', '-d', ref, tip]);
  return gone.code === 0 ? null : `it could not be deleted: ${detailOf(gone.stderr)}`;
}

async function deleteThere(
  { git, credentials, ...retrying }: BaseDependencies,
  task: Task,
  remote: string,
  landed: string,
): Promise<string | null> {
  const { repo } = task;
  const ref = `refs/heads/${task.branch}`;
  const settings = await readSettings(git, repo);
  if (!settings.remotes.has(remote)) return `the repository has no remote called ${remote} any more`;
  const peer = await peerOf(
    git,
    { repo, remote, settings, direction: 'push', identity: identityOf(task) },
    credentials,
  );
  const failed = (stderr: string): string => `it could not be deleted: ${detailOf(stderr.replace(/^remote: ?/gm, ''))}`;
  const listed = await runNetwork(git, repo, ['ls-remote', '--refs', peer.target, ref], { peer }, retrying);
  if (!listed.ok) return failed(listed.result.stderr);
  const tip = listed.result.stdout.split('\t')[0];
  if (!tip) return null;
  // A later push may have failed: what is there then is older. What others have landed may not be known here.
  if (tip !== landed && !(await isAncestor(git, repo, tip, landed))) return MORE;
  // The server compares once more: what somebody pushes meanwhile stays.
  const args = ['push', '--porcelain', '--no-verify', `--force-with-lease=${ref}:${tip}`, peer.target, `:${ref}`];
  const deleted = await runNetwork(git, repo, args, { peer }, retrying);
  return deleted.ok ? null : failed([refusalOf(deleted.result.stdout), deleted.result.stderr].join('\n'));
}
