import type { Task } from '../task.ts';
import type { Carry } from './phase.ts';

/**
 * Merges the base into the branch where it has moved, before the agent gets another turn. Resolves to the files with
 * conflicts, which are left in the worktree for the agent; none where nothing moved, or all went well.
 */
export async function mergeMovedBase(carry: Carry, task: Task): Promise<readonly string[]> {
  const { store, git } = carry.deps;
  const base = await git.mergeBase(task, carry.signal);
  carry.signal.throwIfAborted();
  if (base.kind === 'merged') await store.note(carry.claim, `The base ${task.base} had moved and was merged in.`);
  if (base.kind !== 'conflict') return [];
  await store.note(carry.claim, `The base ${task.base} had moved; its conflicts go to the agent.`);
  return base.files;
}
