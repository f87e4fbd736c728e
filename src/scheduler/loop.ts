import type { Clock } from '../tasks/ports.ts';
import { carryRun, type CarryRunDeps } from './carryRun.ts';
import { scheduleOf, type Rules } from './choose.ts';
import { rememberCron } from './cron.ts';
import type { Run, ScheduleStore } from './ports.ts';
import { createScheduleIndex } from './scheduleIndex.ts';

export interface SchedulerDeps extends CarryRunDeps {
  store: ScheduleStore;
  clock: Clock;
  /** This host, and its computer. */
  owner: string;
  machine: string;
  newId(): string;
  rules(): Rules;
  /** Asked at most once a decision, and only if an eligible command needs it. */
  llmUp(): Promise<boolean>;
  /** How long to wait before an LLM that is down is asked again. */
  pollMs(): number;
  isDead(owner: string, leaseExpiresAt: number): Promise<boolean>;
  /** Ends what a run whose host died has left. */
  reap(run: Run): Promise<void>;
}

export interface Scheduler {
  /** Starts everything that is to be started now; resolves to when to look again, ms since the epoch or Infinity. */
  pass(): Promise<number>;
  /** Looks whenever it is time to, until it is stopped; resolves when the runs of this host have ended. */
  loop(): Promise<void>;
  /** Resolves when the runs that this host has started have ended. */
  settled(): Promise<void>;
}

/** A run of another host may have lost it: its death changes nothing in the store that would wake us. */
const LOOK_FOR_DEAD_MS = 5_000;
const RETRY_MS = 5_000;
/** Timers run for no longer than about 24 days. */
const LONGEST_MS = 12 * 3600_000;

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

  /** Ends on paper what a dead host has left, and its processes. */
  async function clearDead(): Promise<void> {
    for (const run of await store.running()) {
      if (mine.has(run.id) || !(await deps.isDead(run.owner, run.lease_expires_at))) continue;
      // A process that resists is said; the mark must not wait for it.
      await deps.reap(run).catch(deps.onError);
      const end = { status: 'interrupted', exit_code: null, at: clock.now(), owner: run.owner } as const;
      await store.finish(run.id, end, deps.keepRuns());
      await deps.afterRun(run).catch(deps.onError);
    }
  }

  const othersRun = (): boolean => index.running > mine.size;

  async function pass(): Promise<number> {
    const begun = clock.now();
    const first = rev < 0;
    const hasGap = await refresh();
    if (index.size === 0 && !first) return Infinity;
    if (first || hasGap || begun < lastLook) {
      await store.settle(begun);
      await refresh();
    }
    lastLook = begun;
    if (othersRun()) {
      await clearDead();
      await refresh();
    }
    let refused = 0;
    while (!stop.aborted) {
      const now = clock.now();
      const rules = deps.rules();
      const asksLlm = index.needsLlm(now, lastStart, rules);
      const llmUp = asksLlm && (await deps.llmUp());
      const choice = index.choose(now, lastStart, rules, llmUp);
      if (!choice) {
        const look = index.nextLook(now, lastStart, rules);
        const soon = asksLlm && !llmUp ? now + deps.pollMs() : Infinity;
        return Math.min(look, soon, othersRun() ? now + LOOK_FOR_DEAD_MS : Infinity);
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

  const asleep = (): string => [...(deps.rules().dormant ?? [])].join();

  /** Resolves at `at`, when the store or the clock makes it worth to look earlier, or when it stops. */
  async function wait(at: number): Promise<void> {
    const begun = clock.now();
    const dormant = asleep();
    const wake = new AbortController();
    nudge = () => wake.abort();
    const off = deps.onChange(() => {
      // A machine that slept, or whose clock was set, has its timers wrong: every change is a chance to see it.
      const now = clock.now();
      if (now >= at || now < begun || asleep() !== dormant) return wake.abort();
      store.revision().then(
        (current) => current !== rev && wake.abort(),
        (error: unknown) => {
          if (!stop.aborted) deps.onError(error);
        },
      );
    });
    const signal = AbortSignal.any([stop, wake.signal]);
    try {
      if ((await store.revision()) !== rev || signal.aborted) return;
      const ms = Math.max(1, Math.min(at - clock.now(), LONGEST_MS));
      // With nothing to come there is no timer.
      if (at === Infinity) {
        await new Promise<void>((resolve) => {
          if (signal.aborted) resolve();
          else signal.addEventListener('abort', () => resolve(), { once: true });
        });
      } else await clock.sleep(ms, signal);
    } finally {
      off();
    }
  }

  return {
    pass,
    async loop() {
      while (!stop.aborted) {
        try {
          await wait(await pass());
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
