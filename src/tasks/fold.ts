import type { CheckState } from './task.ts';

/** What all checks of one commit add up to. */
export type Verdict = 'missing' | 'pending' | 'red' | 'rerun' | 'blocked' | 'green';

/**
 * Folds the states of all checks of one commit (tasks: "Fold of checks"). Pure and total.
 *
 * Order matters: as long as anything runs nothing is decided, since a commit's fate is that of all
 * its checks. Red outranks blocked: a failure is something the agent can mend. `rerunSpent` says
 * that cancelled or stale checks have had their one re-run.
 */
export function foldChecks(states: readonly CheckState[], rerunSpent = false): Verdict {
  const has = (...wanted: CheckState[]): boolean => states.some((state) => wanted.includes(state));
  if (states.length === 0) return 'missing';
  if (has('queued', 'running')) return 'pending';
  if (has('failure', 'timed_out')) return 'red';
  if (has('action_required', 'startup_failure')) return 'blocked';
  if (has('cancelled', 'stale')) return rerunSpent ? 'blocked' : 'rerun';
  return has('success') ? 'green' : 'missing';
}
