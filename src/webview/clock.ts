/** Moments in words, the same on all pages and in all trees. Pure. */

/** A moment in words of the reader's time zone: "02:15", "yesterday at 02:15", "Mon 16 Nov at 02:15". */
export type Clock = (at: number) => string;

const DAY = 24 * 60 * 60_000;

export function createClock(now: number, timeZone: string): Clock {
  const time = new Intl.DateTimeFormat('en-GB', { timeZone, hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
  const day = new Intl.DateTimeFormat('en-GB', { timeZone, weekday: 'short', day: 'numeric', month: 'short' });
  return (at) => {
    const on = day.format(at);
    if (on === day.format(now)) return time.format(at);
    return `${on === day.format(now - DAY) ? 'yesterday' : on.replace(',', '')} at ${time.format(at)}`;
  };
}

/** The same inside of a sentence: "at 02:15", "yesterday at 02:15", "on Mon 16 Nov at 02:15". */
export function whenWords(clock: Clock, at: number): string {
  const words = clock(at);
  if (/^\d/.test(words)) return `at ${words}`;
  return words.startsWith('yesterday') ? words : `on ${words}`;
}

/** "Fri 20 Nov, 14:40", in that time zone, else in this machine's. */
export const dateTime = (at: number, timeZone?: string): string =>
  new Intl.DateTimeFormat('en-GB', {
    timeZone,
    weekday: 'short',
    day: 'numeric',
    month: 'short',
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  })
    .format(at)
    .replace(/^(\w+),/, '$1');
