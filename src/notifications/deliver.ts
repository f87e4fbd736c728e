/**
 * The loop that brings what is to be said to the channels. Any number of hosts run it side by side:
 * each message is claimed for each channel, and each channel takes one at a time, in order.
 */
import { describeError } from '../errors.ts';
import type { Clock } from '../tasks/ports.ts';
import { LONGEST_SLEEP_MS } from '../tasks/timings.ts';
import { writeSurely } from '../tasks/waiting.ts';
import {
  SendError,
  type Channel,
  type ChannelName,
  type DeadLetter,
  type Delivery,
  type DeliveryStore,
  type FanOut,
  type LastSent,
  type Sent,
} from './ports.ts';
import { afterFailure, type RetryPolicy } from './retry.ts';

export interface DeliverDeps {
  store: DeliveryStore;
  clock: Clock;
  /** This host. */
  owner: string;
  /** The channels that are configured, whoever serves them. */
  configured(): readonly ChannelName[];
  /** Those that this process serves now. */
  channels(): readonly Channel[];
  policy(): RetryPolicy;
  /** A number in [0, 1). */
  random(): number;
  rendering: Pick<FanOut, 'newId' | 'ring' | 'mask'>;
  /** Asked only where there is something to do: false leaves it to others for now. */
  mayAct(): Promise<boolean>;
  /** Whether what has no deliveries yet gets them from this process; else it is left to others. */
  mayFanOut(): Promise<boolean>;
  isDead(owner: string, leaseExpiresAt: number): Promise<boolean>;
  /** Writes a line to the dead letter file. */
  bury(letter: DeadLetter): Promise<void>;
  /** A message was given up, here or by another process. */
  onBuried(channel: ChannelName, error: string): void;
  /** What a try has come to. */
  onTried(delivery: Delivery, outcome: 'sent' | 'skipped' | 'failed'): void;
  /** The store or the settings have changed. */
  onChange(listener: () => void): () => void;
  /** Now and then: whoever waits for a time sees here that the clock was set, or that the machine slept. */
  onLook(listener: () => void): () => void;
  onError(error: unknown): void;
  /** Masks what no log may show. */
  hide(text: string): string;
}

export interface DeliveryLoop {
  /** Starts everything that is due; resolves to when to look again, ms since the epoch or Infinity. */
  pass(): Promise<number>;
  /** Until it is stopped; resolves when nothing of this process is on its way any more. */
  loop(): Promise<void>;
  /** Resolves when nothing of this process is on its way. */
  settled(): Promise<void>;
}

/** A try may take so long. */
const SEND_MS = 30_000;
/** How long a claim holds where its holder cannot be looked up: longer than a try. */
const DELIVERY_LEASE_MS = 60_000;
/** The death of another process changes nothing in the store that would wake us. */
const LOOK_AGAIN_MS = 5_000;
const RETRY_MS = 5_000;
const UPKEEP_MS = 3600_000;
/** What nobody could send for so long is given up. */
const STALE_MS = 7 * 24 * 3600_000;
/** A process that ends lets a try finish for so long: otherwise it would have to be repeated. */
const GRACE_MS = 3_000;
/** A message that is given up, and cannot be written down either, is tried again after this. */
const UNBURIED_MS = 60_000;

export function createDelivery(deps: DeliverDeps, stop: AbortSignal): DeliveryLoop {
  const { store, clock, owner } = deps;
  const sequences = new Map<ChannelName, Promise<void>>();
  /** A sequence that failed for a reason of ours is not begun again before. */
  const notBefore = new Map<ChannelName, number>();
  let upkeepAt = clock.now();
  /** How many messages of each channel had been given up at the last look. */
  let buried: ReadonlyMap<ChannelName, number> | undefined;
  /** Why the last message that was given up could not be written down. */
  let unburied = '';
  let changed = false;
  let wake = (): void => {};

  async function pass(): Promise<number> {
    const now = clock.now();
    await sayBuried();
    const listening = deps.configured();
    const news = listening.length > 0 && (await store.hasNews(listening));
    const next = await store.next(now);
    const upkeep = now >= upkeepAt;
    if (!news && !upkeep && next.size === 0) return upkeepAt;
    if (upkeep) upkeepAt = now + UPKEEP_MS;
    if (!(await deps.mayAct())) return news || next.size > 0 ? now + LOOK_AGAIN_MS : upkeepAt;
    if (upkeep) {
      await store.prune(now);
      // Of a channel that is off nobody else looks at what a dead process was sending.
      for (const [name, step] of next) if (step.kind === 'held' && !sequences.has(name)) await takeBack(step);
      for (;;) {
        const stale = await store.claimStale(now - STALE_MS, owner, now + DELIVERY_LEASE_MS);
        if (!stale) break;
        if (!(await giveUp(stale, new SendError('it could not be sent for a week')))) {
          await store.giveBack(stale.id, stale.token, 'untried');
          break;
        }
      }
    }
    const fans = news && (await deps.mayFanOut());
    if (fans) await store.fanOut({ ...deps.rendering, channels: listening, now });
    let at = news && !fans ? Math.min(upkeepAt, now + LOOK_AGAIN_MS) : upkeepAt;
    const steps = fans ? await store.next(now) : next;
    for (const channel of deps.channels()) {
      const step = steps.get(channel.name);
      if (!step || sequences.has(channel.name)) continue;
      const resting = notBefore.get(channel.name) ?? 0;
      if (resting > now) at = Math.min(at, resting);
      else if (step.kind === 'wait') at = Math.min(at, step.until);
      else if (step.kind === 'due' || (await takeBack(step))) begin(channel);
      else at = Math.min(at, now + LOOK_AGAIN_MS);
    }
    return at;
  }

  /** Says what was given up since the last look, whichever process did it. */
  async function sayBuried(): Promise<void> {
    const before = buried;
    const now = await store.burials();
    buried = new Map(now.map(({ channel, count }) => [channel, count]));
    if (before === undefined) return;
    for (const { channel, error, count } of now) if (count > (before.get(channel) ?? 0)) deps.onBuried(channel, error);
  }

  /** What a dead process was sending may have arrived: it is sent again, and says so. */
  async function takeBack(held: { id: number; token: number; owner: string; leaseExpiresAt: number }) {
    // Ours, and yet not under way: it comes from a restored backup.
    const mine = held.owner === owner;
    if (!mine && !(await deps.isDead(held.owner, held.leaseExpiresAt))) return false;
    await store.giveBack(held.id, held.token);
    return true;
  }

  function begin(channel: Channel): void {
    const sequence = run(channel.name)
      .catch((error: unknown) => {
        notBefore.set(channel.name, clock.now() + RETRY_MS);
        deps.onError(error);
      })
      .finally(() => {
        sequences.delete(channel.name);
        changed = true;
        wake();
      });
    sequences.set(channel.name, sequence);
  }

  /** Sends what is due in a channel, one after the other, each by the settings of its time. */
  async function run(name: ChannelName): Promise<void> {
    while (!stop.aborted) {
      const channel = deps.channels().find((it) => it.name === name);
      if (!channel) return;
      const now = clock.now();
      const claimed = await store.claim(name, owner, { now, leaseUntil: now + DELIVERY_LEASE_MS });
      if (!claimed) return;
      await attempt(channel, claimed.delivery, claimed.last);
    }
  }

  async function attempt(channel: Channel, delivery: Delivery, last: LastSent | null): Promise<void> {
    const { message, key, repeat } = delivery;
    const out = new AbortController();
    const cancel = clock.after(SEND_MS, () => out.abort());
    let cancelGrace = (): void => {};
    const onStop = (): void => void (cancelGrace = clock.after(GRACE_MS, () => out.abort()));
    stop.addEventListener('abort', onStop, { once: true });
    if (stop.aborted) onStop();
    let result: Sent | SendError;
    try {
      result = await Promise.race([
        channel.send(message, { key, repeat, last, signal: out.signal }),
        // One that does not heed its signal must not hold up the others for ever.
        new Promise<never>((_, reject) =>
          out.signal.addEventListener('abort', () => reject(new SendError('it took too long', { unsure: true })), {
            once: true,
          }),
        ),
      ]);
    } catch (error) {
      // What is no answer of the channel may have happened after it had taken the message.
      result = error instanceof SendError ? error : new SendError(describeError(error), { unsure: true, cause: error });
    } finally {
      cancel();
      cancelGrace();
      stop.removeEventListener('abort', onStop);
    }
    if (result instanceof SendError) await onFailure(delivery, result, result.unsure || out.signal.aborted);
    else {
      const sent = result;
      await surely(() => store.sent(delivery, sent, clock.now()));
    }
    const outcome = result instanceof SendError ? 'failed' : result.sent ? 'sent' : 'skipped';
    deps.onTried(delivery, outcome);
  }

  async function onFailure(delivery: Delivery, error: SendError, unsure: boolean): Promise<void> {
    const { tries } = delivery;
    const { permanent, retryAfterMs } = error;
    const verdict = afterFailure(deps.policy(), { tries, permanent, retryAfterMs }, deps.random());
    if (!verdict.again && (await giveUp(delivery, error))) return;
    const now = clock.now();
    const at = now + (verdict.again ? verdict.inMs : UNBURIED_MS);
    const failure = {
      error: deps.hide(error.message),
      at,
      holdUntil: retryAfterMs === null ? null : at,
      repeat: unsure,
      now,
    };
    await surely(() => store.failed(delivery, failure));
  }

  /** False: the dead letter file could not be written, so the message stays. */
  async function giveUp(delivery: Delivery, error: SendError): Promise<boolean> {
    const reason = deps.hide(error.message);
    const now = clock.now();
    try {
      await deps.bury({
        ts: new Date(now).toISOString(),
        reason,
        channel: delivery.channel,
        payload: { ...delivery.message, key: delivery.key },
      });
    } catch (problem) {
      // It is tried again and again: the same trouble is said once.
      const why = describeError(problem);
      if (why !== unburied) deps.onError(problem);
      unburied = why;
      return false;
    }
    unburied = '';
    const state = error.stopped ? 'stopped' : 'failing';
    await surely(() => store.buried(delivery, { error: reason, state, now }));
    return true;
  }

  const surely = (write: () => Promise<unknown>): Promise<void> => writeSurely(write, clock, stop, deps.onError);

  async function wait(at: number): Promise<void> {
    if (changed || stop.aborted) return;
    const begun = clock.now();
    const woken = new AbortController();
    wake = () => woken.abort();
    const off = deps.onLook(() => {
      const now = clock.now();
      if (now >= at || now < begun) woken.abort();
    });
    const ms = Math.max(1, Math.min(at - begun, LONGEST_SLEEP_MS));
    await clock.sleep(ms, AbortSignal.any([stop, woken.signal]));
    off();
  }

  const settled = async (): Promise<void> => {
    while (sequences.size > 0) await Promise.allSettled(sequences.values());
  };

  return {
    pass,
    settled,
    async loop() {
      const off = deps.onChange(() => {
        changed = true;
        wake();
      });
      while (!stop.aborted) {
        changed = false;
        try {
          await wait(await pass());
        } catch (error) {
          if (stop.aborted) break;
          deps.onError(error);
          await clock.sleep(RETRY_MS, stop);
        }
      }
      off();
      await settled();
    },
  };
}
