/** How loops wait: for an abort, for a change of the store, for a store that is away. */
import type { Clock } from './ports.ts';

/** Resolves when the signal aborts. */
export const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });

/** Resolves at the next change, when the signal aborts, or after `ms`. */
export async function nextChange(
  onChange: (listener: () => void) => () => void,
  clock: Clock,
  ms: number,
  signal?: AbortSignal,
): Promise<void> {
  const wake = new AbortController();
  const off = onChange(() => wake.abort());
  await clock.sleep(ms, signal ? AbortSignal.any([wake.signal, signal]) : wake.signal);
  off();
}

const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 10_000;

/**
 * Writes down what has happened already, however long the store is away: what is not written would be
 * done again. Rejects only when `stop` has aborted: whoever finds this process dead sees to the rest.
 */
export async function writeSurely(
  write: () => Promise<unknown>,
  clock: Clock,
  stop: AbortSignal,
  onError: (error: unknown) => void,
): Promise<void> {
  for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(pause * 2, LONGEST_PAUSE_MS)) {
    try {
      await write();
      return;
    } catch (error) {
      if (stop.aborted) throw error;
      onError(error);
      await clock.sleep(pause, stop);
    }
  }
}
