import type { Carry } from './phase.ts';
import { AmpaError, describeError } from '../../errors.ts';
import type { Reason } from '../reasons.ts';
import type { Task } from '../task.ts';

/**
 * Runs the part of a phase that needs the forge. What it refuses, or a network that stays away, stops
 * the task with a reason that `continue` takes up at this phase; a bug stays one.
 */
export async function withForge(
  carry: Carry,
  reason: Extract<Reason, 'pr_failed' | 'checks_unknown' | 'checks_blocked'>,
  work: () => Promise<Task>,
): Promise<Task> {
  try {
    return await work();
  } catch (error) {
    if (carry.signal.aborted || !(error instanceof AmpaError) || error.code !== 'external') throw error;
    return carry.deps.store.apply(carry.claim, { type: 'stop', reason, detail: carry.mask(describeError(error)) });
  }
}
