import type { CarryRunDeps } from './carryRun.ts';
import type { Run, ScheduleStore } from './ports.ts';

export interface ClearDeps extends Omit<CarryRunDeps, 'store'> {
  store: Pick<ScheduleStore, 'running' | 'finish'>;
  isDead(owner: string, leaseExpiresAt: number): Promise<boolean>;
  /** Ends what a run whose host died has left. */
  reap(run: Run): Promise<void>;
}

/**
 * Ends on paper what dead hosts have left, and its processes: also runs of commands that were removed
 * meanwhile. Returns how many runs are still under way elsewhere than `here`.
 */
export async function clearDead(deps: ClearDeps, here: (runId: string) => boolean): Promise<number> {
  const { store, clock } = deps;
  let others = 0;
  for (const run of await store.running()) {
    if (here(run.id)) continue;
    if (!(await deps.isDead(run.owner, run.lease_expires_at))) {
      others++;
      continue;
    }
    // A process that resists is said; the mark must not wait for it.
    await deps.reap(run).catch(deps.onError);
    const end = { status: 'interrupted', exit_code: null, at: clock.now(), owner: run.owner } as const;
    await store.finish(run.id, end, deps.keepRuns());
    await deps.afterRun(run).catch(deps.onError);
  }
  return others;
}
