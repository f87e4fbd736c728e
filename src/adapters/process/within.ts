import { setTimeout as sleep } from 'node:timers/promises';

/** Resolves when the promise does, or after `ms`; leaves no timer behind. Rejects as the promise does. */
export async function within(ms: number, promise: Promise<unknown>): Promise<void> {
  const waiting = new AbortController();
  try {
    // The timer rejects when it is cancelled: by then nobody waits for it.
    await Promise.race([promise, sleep(ms, undefined, { signal: waiting.signal }).catch(() => undefined)]);
  } finally {
    waiting.abort();
  }
}
