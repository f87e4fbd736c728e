import type { Carry } from '../carry.ts';
import { pullRequestText } from '../pullRequestText.ts';
import type { Task } from '../task.ts';
import { withForge } from './forgeFailure.ts';

/**
 * One pull request for the branch: found by its head, else opened as a draft. It is looked up before
 * it is opened, so a crash between opening and recording opens no second one.
 */
export async function openingPrPhase(carry: Carry, task: Task): Promise<Task> {
  const { deps, claim, signal } = carry;
  const { store, git } = deps;
  const green = task.checked_sha !== null && task.checked_sha === task.head_sha;
  const next = (patch: Partial<Pick<Task, 'pr_number' | 'pr_url'>>, note?: string): Promise<Task> =>
    green
      ? store.apply(claim, { type: 'succeed' }, patch, note)
      : store.apply(claim, { type: 'advance', phase: 'checks' }, patch, note);
  const target = task.forge;
  if (!target || target.pullRequest === 'never') return next({});
  const { base } = task;
  if (!base)
    return next({}, 'The task started from a commit, not from a branch, so there is no base for a pull request.');

  return withForge(carry, 'pr_failed', async () => {
    const forge = await deps.forge(task);
    const changed = await git.changedFiles(task, task.head_sha!);
    const template = task.pr_number === null ? await forge.pullRequestTemplate(target, signal) : null;
    const text = pullRequestText(
      task,
      await store.attemptsOf(task.id),
      await store.checksOf(task.id),
      changed,
      template,
    );
    const outcome = await forge.openPullRequest(target, { ...text, head: task.branch, base, draft: !green }, signal);
    signal.throwIfAborted();
    switch (outcome.kind) {
      case 'open':
        return next({ pr_number: outcome.number, pr_url: outcome.url });
      case 'unsupported':
        return next({}, 'Pull requests are switched off in this repository.');
      case 'failed':
        return store.apply(claim, { type: 'stop', reason: 'pr_failed', detail: carry.mask(outcome.detail) });
    }
  });
}
