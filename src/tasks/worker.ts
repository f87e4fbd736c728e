import type { Claim, Clock, Pulse, WorkQueue } from './ports.ts';
import { whyGivenUp } from './takeover.ts';

export interface WorkerDeps {
  queue: WorkQueue;
  clock: Clock;
  /** A fresh id for the carrier to be. */
  newOwner(): string;
  /**
   * Starts the process that carries a claimed task, under its owner's name. Its first act is to end what
   * an earlier holder left running.
   */
  startCarrier(claim: Claim): Promise<void>;
  /** Ends what the dead carrier left, and the task with `why`: it is not taken up again by itself. */
  giveUp(claim: Claim, why: string): Promise<void>;
  /** It could not be started: the task says so instead of being tried for ever. */
  failed(claim: Claim, error: unknown): Promise<void>;
  /** Whether the holder of a claim is gone for good. */
  isDead(owner: string | null, leaseExpiresAt: number | null): Promise<boolean>;
  onChange(listener: () => void): () => void;
  slots(): number;
  pulse?: Pulse;
  /** A failure of the loop itself; it goes on. */
  onError(error: unknown): void;
}

/** How often dead owners are looked for: their death changes nothing in the store that could wake us. */
const LOOK_MS = 5_000;

/**
 * The loop of a host: claims queued tasks while slots are free, starts a carrier for each, and takes
 * over tasks whose carrier died. Any number of hosts run it side by side; each claim is one
 * conditional statement, so they need not know of one another.
 */
export async function runWorker(deps: WorkerDeps, stop: AbortSignal): Promise<void> {
  while (!stop.aborted) {
    const wake = new AbortController();
    const off = deps.onChange(() => wake.abort());
    try {
      deps.pulse?.begins();
      await workOnce(deps);
      deps.pulse?.done(deps.clock.now() + LOOK_MS);
    } catch (error) {
      deps.onError(error);
    }
    // The listener stood before the look at the store, so a change in between is not missed.
    await deps.clock.sleep(LOOK_MS, AbortSignal.any([stop, wake.signal]));
    off();
  }
}

/** One pass: takeovers first, then new work. */
export async function workOnce(deps: WorkerDeps): Promise<void> {
  for (const task of await deps.queue.running()) {
    if (!(await deps.isDead(task.owner, task.lease_expires_at))) continue;
    const claim = await deps.queue.takeOver(task.id, task.token, deps.newOwner());
    if (!claim) continue;
    const why = whyGivenUp(task);
    if (why === null) await start(deps, claim);
    else await deps.giveUp(claim, why);
  }
  for (;;) {
    const claim = await deps.queue.claimNext(deps.newOwner(), deps.slots());
    if (!claim) return;
    await start(deps, claim);
  }
}

async function start(deps: WorkerDeps, claim: Claim): Promise<void> {
  try {
    await deps.startCarrier(claim);
  } catch (error) {
    await deps.failed(claim, error);
  }
}
