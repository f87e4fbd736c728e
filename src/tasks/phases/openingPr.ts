import type { Carry } from './phase.ts';
import { AmpaError, describeError } from '../../errors.ts';
import type { Forge, PullRequest } from '../forge.ts';
import { isUntouched, pullRequestText } from '../pullRequestText.ts';
import type { Task, TaskForge } from '../task.ts';
import { withForge } from './forgeFailure.ts';
import { endMerged } from './merged.ts';

/**
 * One pull request for the branch, and never a second: the one that is known is read; else it is found
 * by its head, else opened as a draft. It is looked up before it is opened, so a crash between opening
 * and recording opens no second one. What a person has closed is for that person to go on with; what a
 * person has merged is done.
 */
export async function openingPrPhase(carry: Carry, task: Task): Promise<Task> {
  const { deps, claim, signal } = carry;
  const { store, git } = deps;
  const green = task.checked_sha !== null && task.checked_sha === task.head_sha;
  const next = (patch: Partial<Pick<Task, 'pr_number' | 'pr_url' | 'base'>>, note?: string): Promise<Task> =>
    green
      ? store.apply(claim, { type: 'succeed' }, patch, note)
      : store.apply(claim, { type: 'advance', phase: 'checks' }, patch, note);
  const target = task.forge;
  if (!target || target.pullRequest === 'never') return next({});

  return withForge(carry, 'pr_failed', async () => {
    const forge = await deps.forge(task);
    const known = task.pr_number === null ? null : await forge.pullRequest(target, task.pr_number, signal);
    signal.throwIfAborted();
    if (known?.state === 'merged') return endMerged(carry, task, known);
    if (known?.state === 'closed') {
      const detail = `Pull request #${known.number} was closed by a person: ${known.url}\nReopen it, then continue.`;
      return store.apply(claim, { type: 'stop', reason: 'pr_failed', detail });
    }
    if (known && !isUntouched(known.body)) return next({});
    const base = task.base ?? (await forge.defaultBranch(target, signal));
    const changed = await git.changedFiles(task, task.head_sha!);
    const template = await forge.pullRequestTemplate(target, signal);
    const text = pullRequestText(
      task,
      await store.attemptsOf(task.id),
      await store.checksOf(task.id),
      changed,
      template,
    );
    if (known) {
      const problem = known.body === text.body ? undefined : await retell(carry, forge, target, known, text.body);
      return next({}, problem);
    }
    const outcome = await forge.openPullRequest(target, { ...text, head: task.branch, base, draft: !green }, signal);
    signal.throwIfAborted();
    switch (outcome.kind) {
      case 'open':
        // A task that started from a commit has a base from now on: what moves there concerns it.
        return next({ pr_number: outcome.number, pr_url: outcome.url, base });
      case 'ended':
        // An earlier carrier opened it and died; what its end means is decided as for one that is known.
        return openingPrPhase(carry, await store.patch(claim, { pr_number: outcome.number, pr_url: outcome.url }));
      case 'unsupported':
        return next({}, 'Pull requests are switched off in this repository.');
      case 'failed':
        return store.apply(claim, { type: 'stop', reason: 'pr_failed', detail: carry.mask(outcome.detail) });
    }
  });
}

/** Brings the body up to date; why that failed is only a remark, since the pull request itself is there. */
async function retell(
  carry: Carry,
  forge: Forge,
  target: TaskForge,
  { number }: PullRequest,
  body: string,
): Promise<string | undefined> {
  try {
    await forge.updatePullRequest(target, number, { body }, carry.signal);
    return undefined;
  } catch (error) {
    if (carry.signal.aborted || !(error instanceof AmpaError)) throw error;
    return `The text of pull request #${number} is not up to date: ${carry.mask(describeError(error))}`;
  }
}
