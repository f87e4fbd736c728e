import type { ForgeRepo, CheckState, Task } from './task.ts';
import type { ForgeCheck } from './forge.ts';

/** What all checks of one commit add up to. */
export type ChecksVerdict = 'missing' | 'pending' | 'red' | 'rerun' | 'blocked' | 'green';

/**
 * Folds the states of all checks of one commit (tasks: "Fold of checks"). Pure and total.
 *
 * Order matters: as long as anything runs nothing is decided, since a commit's fate is that of all
 * its checks. Red outranks blocked: a failure is something the agent can mend. `rerunSpent` says
 * that cancelled or stale checks have had their one re-run.
 */
export function foldChecks(states: readonly CheckState[], rerunSpent = false): ChecksVerdict {
  const has = (...wanted: CheckState[]): boolean => states.some((state) => wanted.includes(state));
  if (states.length === 0) return 'missing';
  if (has('queued', 'running')) return 'pending';
  if (has('failure', 'timed_out')) return 'red';
  if (has('action_required', 'startup_failure')) return 'blocked';
  if (has('cancelled', 'stale')) return rerunSpent ? 'blocked' : 'rerun';
  return has('success') ? 'green' : 'missing';
}

/** The workflow run that people look at first: a red one, else the first; nulls where no workflow checks. */
export function workflowRun(
  { host, owner, name }: ForgeRepo,
  checks: readonly Pick<ForgeCheck, 'state' | 'runId'>[],
): Pick<Task, 'ci_run_id' | 'ci_url'> {
  const runs = checks.filter((check) => check.runId !== null);
  const id = (runs.find(({ state }) => state === 'failure' || state === 'timed_out') ?? runs[0])?.runId ?? null;
  return { ci_run_id: id, ci_url: id && `https://${host}/${owner}/${name}/actions/runs/${id}` };
}
