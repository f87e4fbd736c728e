import { setTimeout as delay } from 'node:timers/promises';
import type { Clock } from '../tasks/ports.ts';

/** The time of this machine. */
export const wallClock: Clock = {
  now: () => Date.now(),
  // Only an abort rejects it, and ends the wait.
  sleep: (ms, signal) => delay(ms, undefined, signal ? { signal } : {}).catch(() => undefined),
  after(ms, fn) {
    const timer = setTimeout(fn, ms);
    return () => clearTimeout(timer);
  },
};
