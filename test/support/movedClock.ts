import type { Clock } from '../../src/tasks/ports.ts';

export const START = Date.parse('2026-03-28T00:00:00Z');

/** Timers fire when the test moves the time there. */
export function movedClock(at = START) {
  let now = at;
  const timers = new Set<{ at: number; fire: () => void }>();
  let sleeps = 0;
  const clock: Clock = {
    now: () => now,
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        sleeps++;
        const timer = { at: now + ms, fire: resolve };
        timers.add(timer);
        const end = (): void => {
          timers.delete(timer);
          resolve();
        };
        if (signal?.aborted) end();
        else signal?.addEventListener('abort', end, { once: true });
      }),
    after(ms, fire) {
      const timer = { at: now + ms, fire };
      timers.add(timer);
      return () => timers.delete(timer);
    },
  };
  return {
    clock,
    /** How often somebody began to wait. */
    sleeps: () => sleeps,
    /** When the next timer fires; null: there is none. */
    next: (): number | null => (timers.size === 0 ? null : Math.min(...[...timers].map((timer) => timer.at))),
    /** Sets the clock; the timers know nothing of it, as after a sleep of the machine. */
    set(t: number): void {
      now = t;
    },
    /** Moves there in one leap. */
    to(t: number): void {
      now = t;
      for (const timer of timers)
        if (timer.at <= now) {
          timers.delete(timer);
          timer.fire();
        }
    },
  };
}
