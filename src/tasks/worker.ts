import type { Claim, Clock, Pulse, QueuedTask, WorkQueue } from './ports.ts';
import { needsKey, tryOrLeave, type Missing, type NeedsSource, type Reported } from './capabilities.ts';
import { whyGivenUp } from './takeover.ts';
import type { Task } from './task.ts';

/** What this host is capable of, and what the others have said of themselves. */
export interface Capabilities {
  /** Names of needs that are known to be met here. */
  able(): string[];
  /** What is lacking here of the needs of that name; null: nothing. Remembered for some seconds. */
  missingFor(key: string, task: NeedsSource): Promise<Missing | null>;
  /** Tells the other hosts what is known here, `left` being what is lacking and wanted; resolves to what each live one has said. */
  exchange(left: ReadonlySet<string>): Promise<Readonly<Record<string, Reported>>[]>;
  /** What was known does not count any more. */
  onChange(listener: () => void): () => void;
}

export interface WorkerDeps {
  queue: WorkQueue;
  capabilities: Capabilities;
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
    const offs = [deps.onChange, deps.capabilities.onChange].map((on) => on(() => wake.abort()));
    try {
      deps.pulse?.begins();
      await workOnce(deps);
      deps.pulse?.done(deps.clock.now() + LOOK_MS);
    } catch (error) {
      deps.onError(error);
    }
    // The listener stood before the look at the store, so a change in between is not missed.
    await deps.clock.sleep(LOOK_MS, AbortSignal.any([stop, wake.signal]));
    for (const off of offs) off();
  }
}

/** A task that this host lacks something for. */
interface Left {
  task: Pick<QueuedTask, 'id' | 'token' | 'waits_for' | 'updated_at'>;
  key: string;
  missing: Missing;
  /** Its carrier has died. */
  begun: boolean;
  carry(): Promise<void>;
}

/** One pass: takeovers first, then new work, then what this host is not capable of. */
export async function workOnce(deps: WorkerDeps): Promise<void> {
  const left: Left[] = [];
  for (const task of await deps.queue.running()) {
    if (!(await deps.isDead(task.owner, task.lease_expires_at))) continue;
    const carry = (): Promise<void> => takeOver(deps, task);
    const key = needsKey(task);
    const missing = await deps.capabilities.missingFor(key, task);
    if (missing) left.push({ task, key, missing, begun: true, carry });
    else await carry();
  }
  left.push(...(await takeNew(deps)));
  await settle(deps, left);
}

async function takeOver(deps: WorkerDeps, task: Task): Promise<void> {
  const claim = await deps.queue.takeOver(task.id, task.token, deps.newOwner());
  if (!claim) return;
  const why = whyGivenUp(task);
  if (why === null) await start(deps, claim);
  else await deps.giveUp(claim, why);
}

/** Claims what this host is capable of, as long as slots are free; resolves to the queued tasks that it is not. */
async function takeNew(deps: WorkerDeps): Promise<Left[]> {
  const { queue, capabilities } = deps;
  const able = new Set(capabilities.able());
  for (;;) {
    const claim = await queue.claimNext(deps.newOwner(), deps.slots(), [...able]);
    if (claim) {
      await start(deps, claim);
      continue;
    }
    const left: Left[] = [];
    let gained = false;
    for (const task of await queue.queuedBeside([...able])) {
      const key = task.needs;
      const missing = await capabilities.missingFor(key, task);
      if (missing) {
        const carry = async (): Promise<void> => {
          const taken = await queue.claimQueued(task.id, deps.newOwner(), deps.slots());
          if (taken) await start(deps, taken);
        };
        left.push({ task, key, missing, begun: false, carry });
      } else {
        gained = true;
        able.add(key);
      }
    }
    if (!gained) return left;
  }
}

/** What other hosts may be capable of is left to them; the rest is tried here, to end in words that help. */
async function settle(deps: WorkerDeps, left: readonly Left[]): Promise<void> {
  const others = await deps.capabilities.exchange(new Set(left.map((it) => it.key)));
  for (const { task, key, missing, begun, carry } of left) {
    const unchangedMs = deps.clock.now() - Date.parse(task.updated_at);
    const said = others.map((other) => other[key]);
    const next = tryOrLeave(missing, said, { begun, unchangedMs });
    if (next.do === 'try') await carry();
    else if (next.words !== null && next.words !== task.waits_for) await deps.queue.sayWaiting(task, next.words);
  }
}

async function start(deps: WorkerDeps, claim: Claim): Promise<void> {
  try {
    await deps.startCarrier(claim);
  } catch (error) {
    await deps.failed(claim, error);
  }
}
