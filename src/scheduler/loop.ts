import type { Clock, Pulse } from '../tasks/ports.ts';
import { LONGEST_SLEEP_MS } from '../tasks/timings.ts';
import { aborted } from '../tasks/waiting.ts';
import { carryRun, type CarryRunDeps } from './carryRun.ts';
import { scheduleOf } from './choose.ts';
import { clearDead, type ClearDeps } from './clearDead.ts';
import { rememberCron } from './cron.ts';
import type { ScheduleStore } from './ports.ts';
import { createScheduleIndex } from './scheduleIndex.ts';
import type { Rules } from './spec.ts';

export interface SchedulerDeps extends CarryRunDeps, Omit<ClearDeps, 'store'> {
  store: ScheduleStore;
  clock: Clock;
  /** This host, and its computer. */
  owner: string;
  machine: string;
  newId(): string;
  rules(): Rules;
  /** Asked at most once a decision, and only if an eligible command needs it. */
  llmUp(): Promise<boolean>;
  /**
   * The longest wait for what nobody announces, ms: an LLM that is down, a run whose host may have died.
   * A due time needs no such looks.
   */
  pollMs(): number;
  /** Calls back every few seconds, by a timer that runs anyway: a chance to see that the clock was set. */
  onLook(listener: () => void): () => void;
  pulse?: Pulse;
  /** What `rules` say has changed. */
  onRules?(listener: () => void): () => void;
}

export interface Scheduler {
  /** Starts everything that is to be started now; resolves to when to look again, ms since the epoch or Infinity. */
  pass(): Promise<number>;
  /** Looks whenever it is time to, until it is stopped; resolves when the runs of this host have ended. */
  loop(): Promise<void>;
  /** Resolves when the runs that this host has started have ended. */
  settled(): Promise<void>;
}

const RETRY_MS = 5_000;

/**
 * The scheduler of one host. Any number of hosts run it side by side; each claim is one transaction
 * that looks again, so they need not know of one another.
 */
export function createScheduler(deps: SchedulerDeps, stop: AbortSignal): Scheduler {
  const { store, clock } = deps;
  const index = createScheduleIndex();
  const compile = rememberCron();
  const mine = new Map<string, Promise<unknown>>();
  let rev = -1;
  let lastStart: number | null = null;
  let lastLook = -Infinity;
  /** Ends the wait under way: a run of ours has ended. */
  let nudge = (): void => {};

  async function refresh(): Promise<boolean> {
    if (rev >= 0 && (await store.revision()) === rev) return false;
    const changes = await store.changedSince(Math.max(rev, 0));
    rev = changes.rev;
    lastStart = changes.lastStart;
    for (const id of changes.removed) index.delete(id);
    for (const command of changes.commands) index.set(scheduleOf(command, compile));
    return changes.hasGap;
  }

  async function pass(): Promise<number> {
    const begun = clock.now();
    const first = rev < 0;
    const hasGap = await refresh();
    const others = await clearDead(deps, (id) => mine.has(id));
    await refresh();
    if (first || hasGap || begun < lastLook) {
      await store.settle(begun);
      await refresh();
    }
    lastLook = begun;
    let refused = 0;
    while (!stop.aborted) {
      const now = clock.now();
      const rules = deps.rules();
      const asksLlm = index.needsLlm(now, lastStart, rules);
      const llmUp = asksLlm && (await deps.llmUp());
      const choice = index.choose(now, lastStart, rules, llmUp);
      if (!choice) {
        const look = index.nextLook(now, lastStart, rules);
        const asksAgain = (asksLlm && !llmUp) || others > 0;
        return Math.min(look, asksAgain ? now + deps.pollMs() : Infinity);
      }
      const { id } = choice;
      const { owner, machine } = deps;
      const claimed = await store.claim({
        commandId: id,
        runId: deps.newId(),
        owner,
        machine,
        now,
        rules,
        manual: false,
      });
      if (claimed) {
        const { run } = claimed;
        mine.set(
          run.id,
          carryRun(deps, claimed, stop)
            .catch(deps.onError)
            .finally(() => {
              mine.delete(run.id);
              nudge();
            }),
        );
      }
      await refresh();
      // Whoever was faster has changed the store; if nothing has changed, looking again at once would not help.
      refused = claimed ? 0 : refused + 1;
      if (refused > 10) return now + RETRY_MS;
    }
    return Infinity;
  }

  /** Resolves at `at`, when the store or the clock makes it worth to look earlier, or when it stops. */
  async function wait(at: number): Promise<void> {
    const begun = clock.now();
    const wake = new AbortController();
    nudge = () => wake.abort();
    const offChange = deps.onChange(() => {
      store.revision().then(
        (current) => current !== rev && wake.abort(),
        (error: unknown) => {
          if (!stop.aborted) deps.onError(error);
        },
      );
    });
    // A timer does not count the time that a machine sleeps, nor see that the clock is set.
    const offLook = deps.onLook(() => {
      const now = clock.now();
      if (now >= at || now < begun) wake.abort();
    });
    const offRules = deps.onRules?.(() => wake.abort());
    const signal = AbortSignal.any([stop, wake.signal]);
    try {
      if ((await store.revision()) !== rev || signal.aborted) return;
      const ms = Math.max(1, Math.min(at - clock.now(), LONGEST_SLEEP_MS));
      // With nothing to come there is no timer.
      if (at === Infinity) await aborted(signal);
      else await clock.sleep(ms, signal);
    } finally {
      offChange();
      offLook();
      offRules?.();
    }
  }

  return {
    pass,
    async loop() {
      while (!stop.aborted) {
        try {
          deps.pulse?.begins();
          const next = await pass();
          deps.pulse?.done(next);
          await wait(next);
        } catch (error) {
          if (stop.aborted) break;
          deps.onError(error);
          await clock.sleep(RETRY_MS, stop);
        }
      }
      await Promise.allSettled(mine.values());
    },
    async settled() {
      while (mine.size > 0) await Promise.allSettled(mine.values());
    },
  };
}
