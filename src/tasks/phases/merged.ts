import type { Carry } from './phase.ts';
import { AmpaError, describeError } from '../../errors.ts';
import { undelivered } from '../continuing.ts';
import type { PullRequest } from '../forge.ts';
import type { Task } from '../task.ts';

/** A person who merged the pull request has decided: the task is done, whatever its checks would have said. */
export async function endMerged(carry: Carry, task: Task, pull: PullRequest): Promise<Task> {
  const { store } = carry.deps;
  const at = pull.mergedAt ?? new Date(carry.deps.clock.now()).toISOString();
  const rest =
    pull.sha === task.head_sha
      ? ''
      : ` What came after is on the branch ${task.branch}; start a new task for what is left.`;
  const waits =
    (await store.messagesOf(task.id)).some((message) => message.delivered_in === null) ||
    (task.phase === 'preparing' && undelivered(task, (await store.attemptsOf(task.id)).at(-1)) !== null);
  const unheard = waits ? ' A message had not reached the agent: start a new task with it.' : '';
  const note = `Pull request #${pull.number} was merged by a person.${rest}${unheard}`;
  return store.apply(carry.claim, { type: 'succeed' }, { merged_at: at }, note);
}

/** The task's end, where its pull request was merged meanwhile; undefined where it was not, or that cannot be told now. */
export async function ifMerged(carry: Carry, task: Task): Promise<Task | undefined> {
  if (!task.forge || task.pr_number === null) return undefined;
  try {
    const forge = await carry.deps.forge(task);
    const pull = await forge.pullRequest(task.forge, task.pr_number, carry.signal);
    return pull.state === 'merged' ? await endMerged(carry, task, pull) : undefined;
  } catch (error) {
    if (carry.signal.aborted || !(error instanceof AmpaError) || error.code !== 'external') throw error;
    // What follows asks for it again, and stops where it has to.
    (await carry.log(task.attempts)).note(carry.mask(describeError(error)));
    return undefined;
  }
}
