/** Time that passes only while nobody works: hours of waiting in seconds, with real requests in between. */
import type { Clock } from '../src/tasks/ports.ts';

export interface SimulatedTime extends Clock {
  /** Runs one who lives by this clock: while any of them does something, time stands still. */
  live(work: () => Promise<void>): void;
  /** Resolves when all of them have ended; rejects with the first failure. */
  ended(): Promise<void>;
}

interface Due {
  at: number;
  fire(): void;
}

/** Each of those who live by it may wait for one thing at a time. `begin` is ms since the epoch. */
export function simulatedTime(begin: number): SimulatedTime {
  let now = begin;
  let alive = 0;
  let busy = 0;
  const due = new Set<Due>();
  const end = Promise.withResolvers<void>();

  const idle = (): void => {
    if (--busy < 0) end.reject(new Error('one of them waits for two things at once'));
    // What a wake-up has set going may not have shown yet.
    if (busy === 0) setImmediate(pass);
  };
  function pass(): void {
    if (busy > 0 || alive === 0) return;
    let next: Due | undefined;
    for (const it of due) if (!next || it.at < next.at) next = it;
    if (!next) return end.reject(new Error('all wait, and nothing will wake them'));
    due.delete(next);
    now = Math.max(now, next.at);
    next.fire();
    setImmediate(pass);
  }

  return {
    now: () => now,
    sleep(ms, signal) {
      if (signal?.aborted) return Promise.resolve();
      const { promise, resolve } = Promise.withResolvers<void>();
      const wake = (): void => {
        if (!due.delete(it) && it.at > now) return;
        signal?.removeEventListener('abort', wake);
        busy++;
        resolve();
      };
      const it: Due = { at: now + Math.round(ms), fire: wake };
      due.add(it);
      signal?.addEventListener('abort', wake, { once: true });
      idle();
      return promise;
    },
    after(ms, fn) {
      const it: Due = { at: now + Math.round(ms), fire: fn };
      due.add(it);
      return () => void due.delete(it);
    },
    live(work) {
      alive++;
      busy++;
      work().then(() => {
        if (--alive === 0) end.resolve();
        idle();
      }, end.reject);
    },
    ended: () => end.promise,
  };
}
