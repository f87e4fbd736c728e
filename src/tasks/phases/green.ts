import type { Carry } from './phase.ts';
import type { Task } from '../task.ts';
import { withForge } from './forgeFailure.ts';
import { ifMerged } from './merged.ts';

/** Green: the pull request is marked ready, or opened now where that waits for the checks; then the task is done. */
export async function finishGreen(carry: Carry, task: Task, sha: string): Promise<Task> {
  const { store, forge } = carry.deps;
  if (task.forge?.pullRequest === 'afterChecks' && task.pr_number === null) {
    return store.apply(carry.claim, { type: 'advance', phase: 'opening_pr' }, { checked_sha: sha });
  }
  return withForge(carry, 'pr_failed', async () => {
    if (task.forge && task.pr_number !== null) {
      const hub = await forge(task);
      const merged = await ifMerged(carry, task);
      if (merged) return merged;
      await hub.markReady(task.forge, task.pr_number, carry.signal);
    }
    return store.apply(carry.claim, { type: 'succeed' }, { checked_sha: sha });
  });
}
