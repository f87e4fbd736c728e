/** When a command would run, before it is recorded. Pure. */
import { periodMs } from './command.ts';
import type { CommandSpec } from './spec.ts';
import { usageError } from '../errors.ts';
import { compileCron } from './cron.ts';

export type Timing = Pick<CommandSpec, 'frequency_minutes' | 'cron' | 'timezone'>;

/**
 * The next due times of a command that is recorded now, ms since the epoch: with a frequency the first
 * is now. Throws `usage` for a timing that cannot be.
 */
export function nextTimes({ frequency_minutes: every, cron, timezone }: Timing, now: number, count: number): number[] {
  if (cron !== null) {
    const due = compileCron(cron, timezone);
    const times: number[] = [];
    for (let at = now; times.length < count; times.push(at)) at = due.next(at);
    return times;
  }
  if (every === null || !(Number.isFinite(every) && every > 0))
    throw usageError(`${every} is not a number of minutes`, 'Give a number above 0.');
  const step = periodMs(every);
  return Array.from({ length: count }, (_, i) => now + i * step);
}
