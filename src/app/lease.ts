import type { HostStore } from '../adapters/sqlite/hostStore.ts';
import type { LeaseStore } from '../adapters/sqlite/leaseStore.ts';
import type { Clock } from '../tasks/ports.ts';
import { BEAT_MS, LEASE_MS } from '../tasks/timings.ts';
import { isOwnerDead } from './hosts.ts';

export interface LeaseDeps {
  leases: LeaseStore;
  hosts: HostStore;
  clock: Clock;
  /** Id of this host. */
  owner: string;
  onError(error: unknown): void;
}

const RELEASE_TRIES = 3;
const RELEASE_RETRY_MS = 200;

/**
 * Does what a workspace has one of, while this host holds its lease: `run` is called with a signal
 * that aborts when the lease is lost or `stop` does, and again when the lease is had again. A dead
 * holder on this machine is succeeded at once, another's after its lease. Resolves after `stop`, and never rejects.
 */
export async function withLease(
  deps: LeaseDeps,
  name: string,
  stop: AbortSignal,
  run: (held: AbortSignal) => Promise<void>,
): Promise<void> {
  const { leases, clock, owner } = deps;
  const until = (): number => clock.now() + LEASE_MS;
  const take = async (): Promise<boolean> => {
    if (await leases.take(name, owner, until())) return true;
    const holder = await leases.holder(name);
    if (!holder || !(await isOwnerDead(deps.hosts, holder.owner, holder.expires_at, clock.now))) return false;
    return leases.takeFrom(name, holder.owner, owner, until());
  };
  let lost = new AbortController();
  let running: Promise<void> | undefined;
  let heldUntil = 0;
  while (!stop.aborted) {
    try {
      if (await take()) heldUntil = until();
      else heldUntil = 0;
    } catch (error) {
      // Until our time is up nobody else may take it.
      deps.onError(error);
    }
    if (clock.now() >= heldUntil) lost.abort();
    else if (!running) {
      lost = new AbortController();
      running = run(AbortSignal.any([stop, lost.signal]))
        .catch(deps.onError)
        .finally(() => (running = undefined));
    }
    await clock.sleep(BEAT_MS, stop);
  }
  await running;
  // Kept in the name of a live process, it would keep the others out until that one ends or takes it up again.
  for (let left = RELEASE_TRIES; ;) {
    try {
      return await leases.release(name, owner);
    } catch (error) {
      deps.onError(error);
      if (--left === 0) return;
      await clock.sleep(RELEASE_RETRY_MS);
    }
  }
}
