/**
 * Due times of a cron expression. The expression is matched on a calendar without time zones
 * (cronCalendar.ts); the time zone is applied here, so that the due times of an expression are one
 * fixed set, whichever moment the search begins at:
 *
 * - Where the hour begins with `*`, every real hour counts: when clocks go back the repeated hour
 *   runs again, when they go forward the missing one is missing.
 * - Where hours are named, a time that happens twice is due the first time, and a time that is
 *   skipped is due as long after the jump as it lies behind its beginning (02:30 becomes 03:30).
 */
import { describeError, usageError } from '../errors.ts';
import { cronCalendar } from './cronCalendar.ts';

export interface Cron {
  /** The first due time after `t`; ms since the epoch, whole minutes. */
  next(t: number): number;
  /** The newest due time in (after, upTo], or null. */
  newest(after: number, upTo: number): number | null;
}

const MINUTE = 60_000;
const DAY = 24 * 3600_000;

/** Throws `usage` for an expression or a time zone that cannot be. `timezone` null: the machine's own. */
export function compileCron(expression: string, timezone: string | null, zoneOf = zone): Cron {
  const fields = expression.trim().split(/\s+/);
  const hint = 'Five fields: minute hour day month weekday, as in "0 3 * * 1-5".';
  if (fields.length !== 5)
    throw usageError(`${JSON.stringify(expression)} has ${fields.length} fields, not five`, hint);
  if (fields.some((field) => /(?:^|[,/-])H/i.test(field) || field.startsWith('@')))
    throw usageError(`${JSON.stringify(expression)} is not a cron expression`, hint);
  const offsetAt = zoneOf(timezone);
  const wall = readCalendar(fields.join(' '), expression, hint);
  const named = !fields[1]!.startsWith('*');

  const next = (t: number): number => {
    let from = t;
    // A change of the offset shortly before `t` still bends what comes.
    let change = changeIn(offsetAt, t - DAY, t);
    for (;;) {
      if (change !== null) {
        const before = offsetAt(change - 1);
        const behind = offsetAt(change);
        const end = change + Math.abs(behind - before);
        if (from < end) {
          const start = Math.max(from, change - 1);
          const usual = wall(start + behind) - behind;
          const moved = named && behind > before ? wall(start + before) - before : usual;
          // Named and repeated: it has been due the first time.
          const first = named && behind < before ? end : Math.min(usual, moved);
          if (first < end) return first;
          from = end - 1;
        }
      }
      const offset = offsetAt(from);
      const due = wall(from + offset) - offset;
      change = changeIn(offsetAt, from, due);
      if (change === null) return due;
      from = change - 1;
    }
  };

  return {
    next,
    newest(after, upTo) {
      let low = Math.floor(after / MINUTE) + 1;
      let high = Math.floor(upTo / MINUTE);
      if (low > high || next(low * MINUTE - 1) > upTo) return null;
      // Recent minutes first: a due time is mostly near.
      for (let width = 16; high - width > low; width *= 16) {
        if (next((high - width) * MINUTE - 1) <= upTo) {
          low = high - width;
          break;
        }
      }
      while (low < high) {
        const middle = Math.ceil((low + high) / 2);
        if (next(middle * MINUTE - 1) <= upTo) low = middle;
        else high = middle - 1;
      }
      return next(low * MINUTE - 1);
    },
  };
}

/** The calendar of an expression that matches at all. */
function readCalendar(fields: string, expression: string, hint: string): (wall: number) => number {
  let wall: (wall: number) => number;
  try {
    wall = cronCalendar(fields);
  } catch (error) {
    throw usageError(`${JSON.stringify(expression)} is not a cron expression: ${describeError(error)}`, hint);
  }
  try {
    wall(Date.UTC(2024, 0, 1));
  } catch (error) {
    throw usageError(`${JSON.stringify(expression)} is never due: ${describeError(error)}`, hint);
  }
  return wall;
}

/** Reads each expression and each time zone once. */
export function rememberCron(): (expression: string, timezone: string | null) => Cron {
  const known = new Map<string, Cron>();
  const zones = new Map<string | null, (t: number) => number>();
  const zoneOf = (name: string | null): ((t: number) => number) => {
    let offsetAt = zones.get(name);
    if (!offsetAt) zones.set(name, (offsetAt = zone(name)));
    return offsetAt;
  };
  return (expression, timezone) => {
    const key = `${timezone ?? ''} ${expression}`;
    let cron = known.get(key);
    if (!cron) known.set(key, (cron = compileCron(expression, timezone, zoneOf)));
    return cron;
  };
}

/** What is added to UTC at a moment, ms. */
function zone(name: string | null): (t: number) => number {
  if (name === 'UTC') return () => 0;
  let format: Intl.DateTimeFormat;
  try {
    format = new Intl.DateTimeFormat('en-US', {
      ...(name === null ? {} : { timeZone: name }),
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
  } catch {
    throw usageError(`there is no time zone ${JSON.stringify(name)}`, 'Give one such as Europe/Berlin or UTC.');
  }
  const known = new Map<number, number>();
  return (t) => {
    // Offsets change on quarter hours at the most.
    const quarter = Math.floor(t / (15 * MINUTE));
    let offset = known.get(quarter);
    if (offset === undefined) {
      const at = quarter * 15 * MINUTE;
      const part: Record<string, number> = {};
      for (const { type, value } of format.formatToParts(at)) part[type] = Number(value);
      offset =
        Date.UTC(part['year']!, part['month']! - 1, part['day'], part['hour'], part['minute'], part['second']) - at;
      if (known.size > 2000) known.clear();
      known.set(quarter, offset);
    }
    return offset;
  };
}

/** The first moment in (from, to] at which the offset is another one; null: it stays. */
function changeIn(offsetAt: (t: number) => number, from: number, to: number): number | null {
  const offset = offsetAt(from);
  let low = from;
  // No zone changes its offset and back within a week.
  for (let high = Math.min(from + 7 * DAY, to); ; high = Math.min(high + 7 * DAY, to)) {
    if (offsetAt(high) !== offset) return bisect(offsetAt, low, high);
    if (high >= to) return null;
    low = high;
  }
}

function bisect(offsetAt: (t: number) => number, from: number, to: number): number {
  const offset = offsetAt(from);
  let low = Math.floor(from / MINUTE);
  let high = Math.ceil(to / MINUTE);
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (offsetAt(middle * MINUTE) === offset) low = middle;
    else high = middle;
  }
  return high * MINUTE;
}
