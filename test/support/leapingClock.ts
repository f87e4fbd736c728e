import type { Clock } from '../../src/tasks/ports.ts';

/** The wall's clock, which leaps ahead when a test says so: what is due by then is due at once. */
export function leapingClock() {
  let ahead = 0;
  let begun = 0;
  const timers = new Set<{ at: number; fire(): void; handle?: NodeJS.Timeout }>();
  const now = (): number => Date.now() + ahead;
  const arm = (timer: typeof timers extends Set<infer T> ? T : never): void => {
    clearTimeout(timer.handle);
    timer.handle = setTimeout(timer.fire, Math.max(0, timer.at - now()));
  };
  const after = (ms: number, fn: () => void): (() => void) => {
    begun++;
    const cancel = (): void => {
      clearTimeout(timer.handle);
      timers.delete(timer);
    };
    const timer: Parameters<typeof arm>[0] = { at: now() + ms, fire: () => (cancel(), fn()) };
    timers.add(timer);
    arm(timer);
    return cancel;
  };
  const clock: Clock = {
    now,
    after,
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        const done = (): void => {
          cancel();
          signal?.removeEventListener('abort', done);
          resolve();
        };
        const cancel = after(ms, done);
        if (signal?.aborted) done();
        else signal?.addEventListener('abort', done);
      }),
  };
  return {
    clock,
    /** How many waits have begun so far. */
    begun: () => begun,
    leap(ms: number): void {
      ahead += ms;
      for (const timer of timers) arm(timer);
    },
  };
}
