import { setTimeout as delay } from 'node:timers/promises';
import type { Clock } from '../../src/tasks/ports.ts';

/** A clock that runs `factor` times as fast as the wall's, sleeps and timers included. */
export function fastClock(factor: number): Clock {
  const begin = Date.now();
  return {
    now: () => begin + (Date.now() - begin) * factor,
    sleep: (ms, signal) => delay(ms / factor, undefined, signal ? { signal } : {}).catch(() => undefined),
    after(ms, fn) {
      const timer = setTimeout(fn, ms / factor);
      return () => clearTimeout(timer);
    },
  };
}
