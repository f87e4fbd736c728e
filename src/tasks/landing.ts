/** How a task lands on its base, and whether it still may as the person saw it who asked for that. Pure. */
import { AmpaError } from '../errors.ts';
import { isActive, type Task } from './task.ts';
import { transition } from './transition.ts';

export const MERGE_METHODS = ['merge', 'squash', 'rebase'] as const;
export type MergeMethod = (typeof MERGE_METHODS)[number];

/** Why what was `confirmed` must not be merged, the task being as `now`; null: it still may. */
export function whyNotLand(confirmed: Task, now: Task): AmpaError | null {
  const same = now.token === confirmed.token && now.head_sha === confirmed.head_sha;
  if (!isActive(now.status) && (now.merged_at !== null || same)) {
    const verdict = transition(now, { type: 'merge', at: '' });
    return verdict.ok ? null : verdict.error;
  }
  return new AmpaError(
    'merge',
    `task ${now.id} has changed since its merge was asked for`,
    'See what has become of it; it can be merged when it has ended.',
  );
}

/** Somebody merges it right now: what would change it has to wait for that. */
export const isLanding = (id: string, hint: string): AmpaError =>
  new AmpaError('illegal_transition', `task ${id} is being merged at this moment`, hint);
