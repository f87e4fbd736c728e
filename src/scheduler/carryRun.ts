import { describeError } from '../errors.ts';
import type { Clock } from '../tasks/ports.ts';
import { BEAT_MS, LEASE_MS } from '../tasks/timings.ts';
import { writeSurely } from '../tasks/waiting.ts';
import type { Claimed, Run, RunEnd, ScheduleStore } from './ports.ts';

export interface CarryRunDeps {
  store: Pick<ScheduleStore, 'renew' | 'run' | 'finish'>;
  clock: Clock;
  /** Does what the command's type does, and ends its processes. Rejections end the run as failed. */
  execute(claimed: Claimed, signal: AbortSignal): Promise<RunEnd>;
  /** Another process has changed the store, perhaps asked the run to stop. */
  onChange(listener: () => void): () => void;
  keepRuns(): number;
  /** After a run's end is recorded: old outputs go. */
  afterRun(run: Run): Promise<void>;
  onError(error: unknown): void;
}

/**
 * Carries a claimed run to its end. The running mark is cleared whatever happens: a store that is
 * away is tried again until it is there.
 */
export async function carryRun(deps: CarryRunDeps, claimed: Claimed, shutdown: AbortSignal): Promise<RunEnd> {
  const { store, clock } = deps;
  const { run } = claimed;
  const stop = new AbortController();
  const onShutdown = (): void => stop.abort();
  shutdown.addEventListener('abort', onShutdown);
  if (shutdown.aborted) onShutdown();
  const beat = startBeat(deps, claimed, () => stop.abort());
  let end: RunEnd;
  try {
    end = await deps.execute(claimed, stop.signal);
  } catch (error) {
    deps.onError(error);
    end = { status: 'failed', exit_code: 1 };
  } finally {
    beat();
    shutdown.removeEventListener('abort', onShutdown);
  }
  if (stop.signal.aborted && end.status !== 'succeeded') end = { ...end, status: 'interrupted', exit_code: null };
  const ended = { ...end, at: clock.now(), owner: run.owner };
  await writeSurely(
    () => store.finish(run.id, ended, deps.keepRuns()),
    clock,
    shutdown,
    (error) => deps.onError(new Error(`The end of ${run.command_id} could not be recorded: ${describeError(error)}`)),
  );
  await deps.afterRun(run).catch(deps.onError);
  return end;
}

/** Renews the lease; calls `onStop` when the run was asked to stop, or is not ours any more. */
function startBeat(deps: CarryRunDeps, { run }: Claimed, onStop: () => void): () => void {
  const { store, clock } = deps;
  let stopped = false;
  let cancel = (): void => {};
  const judge = (goesOn: boolean): void => {
    if (!stopped && !goesOn) onStop();
  };
  const beat = async (): Promise<void> => {
    const state = await store.renew(run.id, run.owner, clock.now() + LEASE_MS);
    judge(state !== null && !state.stop);
  };
  // Only reads: a write here would be the change that the next look sees.
  const look = async (): Promise<void> => {
    const now = await store.run(run.id);
    judge(now?.status === 'running' && now.owner === run.owner && !now.stop_requested);
  };
  const schedule = (): void => {
    if (stopped) return;
    // A beat that fails is tried again at the next: the lease allows three.
    cancel = clock.after(BEAT_MS, () => void beat().then(schedule, schedule));
  };
  schedule();
  // The beat asks the same again.
  const off = deps.onChange(() => void look().catch(() => undefined));
  return () => {
    stopped = true;
    cancel();
    off();
  };
}
