/** What another process has locked is tried again. */
import { AmpaError, codeOf } from '../../errors.ts';

/** How long a locked database is retried before it is an error, ms. */
const BUSY_LIMIT_MS = 10_000;

/** Runs now, and again as long as another process has locked the database: only then is there a promise. */
export function whenFree<R>(run: () => R): R | Promise<R> {
  try {
    return run();
  } catch (error) {
    return retryBusy(run, error);
  }
}

async function retryBusy<R>(run: () => R, first: unknown): Promise<R> {
  const deadline = performance.now() + BUSY_LIMIT_MS;
  for (let attempt = 0, error = first; ; attempt++) {
    if (codeOf(error) === 'SQLITE_FULL') {
      throw new AmpaError(
        'external',
        'the disk is full: the task database cannot be written',
        'Free some space and try again; nothing is lost.',
        error,
      );
    }
    if (!isBusy(error)) throw error;
    if (performance.now() > deadline) {
      throw new AmpaError(
        'store_busy',
        'the task database stayed locked for 10 s',
        'Look for a process that hangs: `ampa doctor`.',
        error,
      );
    }
    await new Promise((resolve) => setTimeout(resolve, Math.random() * Math.min(100, 2 ** attempt)));
    try {
      return run();
    } catch (again) {
      error = again;
    }
  }
}

/** Another process has the database for itself now. */
export function isBusy(error: unknown): boolean {
  const code = codeOf(error);
  return code.startsWith('SQLITE_BUSY') || code.startsWith('SQLITE_LOCKED');
}
