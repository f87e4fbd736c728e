/**
 * The fields of a cron expression, read by cron-parser, and matched here: what its own matcher needs
 * is some kilobytes an expression, and a schedule may hold thousands of them.
 */
import { CronExpressionParser } from 'cron-parser';

const MINUTE = 60_000;
const DAY_MINUTES = 24 * 60;
const DAY = DAY_MINUTES * MINUTE;
/** The rarest day there is, a fifth weekday of a February, comes again within forty years. */
const SEARCH_DAYS = 41 * 366;

/**
 * The next match after a moment, on a calendar without time zones: ms since the epoch as if local
 * time were UTC. Throws for an expression that cannot be read; the search, where nothing ever matches.
 */
export function cronCalendar(expression: string): (wall: number) => number {
  const { fields } = CronExpressionParser.parse(expression, { tz: 'UTC', currentDate: new Date(0) });
  const { minute, hour, month, dayOfMonth, dayOfWeek } = fields;
  const earlyMinutes = bits(minute.values.filter((value) => value < 30));
  const lateMinutes = bits(minute.values.filter((value) => value >= 30).map((value) => value - 30));
  const hours = bits(hour.values);
  const months = bits(month.values);
  const days = bits(numbers(dayOfMonth.values).map((day) => day - 1));
  const lastDay = dayOfMonth.hasLastChar;
  const weekdays = bits(numbers(dayOfWeek.values).map((day) => day % 7));
  const nth = dayOfWeek.nthDay;
  /** Of `5L`, the last Friday. */
  const lastWeekdays = bits(
    dayOfWeek.values.filter((day) => typeof day === 'string').map((day) => Number.parseInt(day) % 7),
  );
  const anyDay = dayOfMonth.isWildcard;
  const anyWeekday = dayOfWeek.isWildcard;

  const isDay = (date: Date): boolean => {
    const day = date.getUTCDate();
    const inMonth = has(days, day - 1) || (lastDay && day === lengthOfMonth(date));
    if (anyWeekday) return inMonth;
    const weekday = date.getUTCDay();
    const inWeek =
      (has(weekdays, weekday) && (nth <= 0 || Math.ceil(day / 7) === nth)) ||
      (has(lastWeekdays, weekday) && day + 7 > lengthOfMonth(date));
    // Where both are named, either will do.
    return inWeek || (!anyDay && inMonth);
  };
  const minuteFrom = (from: number): number => {
    const early = from < 30 ? lowest(earlyMinutes, from) : -1;
    if (early >= 0) return early;
    const late = lowest(lateMinutes, Math.max(0, from - 30));
    return late < 0 ? -1 : late + 30;
  };
  /** The first match of a day at or after a minute of it; -1: there is none. */
  const timeFrom = (from: number): number => {
    const begun = Math.floor(from / 60);
    if (has(hours, begun)) {
      const rest = minuteFrom(from % 60);
      if (rest >= 0) return begun * 60 + rest;
    }
    const later = begun < 23 ? lowest(hours, begun + 1) : -1;
    return later < 0 ? -1 : later * 60 + minuteFrom(0);
  };

  return (wall) => {
    const first = Math.floor(wall / MINUTE) + 1;
    let day = Math.floor(first / DAY_MINUTES);
    let from = first - day * DAY_MINUTES;
    for (const end = day + SEARCH_DAYS; day < end; from = 0) {
      const date = new Date(day * DAY);
      if (!has(months, date.getUTCMonth() + 1)) {
        day = Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 1) / DAY;
        continue;
      }
      const time = isDay(date) ? timeFrom(from) : -1;
      if (time >= 0) return (day * DAY_MINUTES + time) * MINUTE;
      day++;
    }
    throw new Error('no day of any year matches');
  };
}

const lengthOfMonth = (date: Date): number =>
  new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 0)).getUTCDate();

const numbers = (values: readonly (number | string)[]): number[] =>
  values.filter((value): value is number => typeof value === 'number');

// Sets of numbers from 0 to 30.
const bits = (values: readonly number[]): number => values.reduce((set, value) => set | (1 << value), 0);
const has = (set: number, value: number): boolean => ((set >>> value) & 1) === 1;
/** The lowest member at or above `from`; -1: there is none. */
function lowest(set: number, from: number): number {
  const rest = set & (-1 << from);
  return rest === 0 ? -1 : 31 - Math.clz32(rest & -rest);
}
