/** How often a task is taken up again whose carriers die: a rule, and the words for its end. Pure. */
import type { Task } from './task.ts';

/** Carriers that died one after the other while the task did not change its phase. */
const MAX_DEATHS = 5;

/**
 * Why a task whose carrier has just died is given up, or null: it is taken over. `task` is as that
 * carrier left it. A turn of the agent is given up sooner, by the agent phase itself.
 */
export function whyGivenUp({ takeovers, phase }: Pick<Task, 'takeovers' | 'phase'>): string | null {
  if (takeovers + 1 < MAX_DEATHS) return null;
  return `Its process died ${takeovers + 1} times in a row in the phase ${phase}: something may have ended it from outside, as when memory runs out.`;
}
