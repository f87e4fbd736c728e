/** How people say when a command runs. Pure. */
import type { Timing } from '../scheduler/preview.ts';
import { dateTime } from '../webview/clock.ts';

export interface Preset {
  label: string;
  timing: Timing;
}

const every = (minutes: number): Timing => ({ frequency_minutes: minutes, cron: null, timezone: null });
const cron = (expression: string): Timing => ({ frequency_minutes: null, cron: expression, timezone: null });

export const PRESETS: readonly Preset[] = [
  { label: 'Every night at 02:00', timing: cron('0 2 * * *') },
  { label: 'Every weekday at 08:00', timing: cron('0 8 * * 1-5') },
  { label: 'Every Monday at 07:00', timing: cron('0 7 * * 1') },
  { label: 'Every 15 minutes', timing: every(15) },
  { label: 'Every hour', timing: every(60) },
];

/** Minutes as typed, or what is wrong with them. */
export function parseMinutes(text: string): { minutes: number } | { error: string } {
  const trimmed = text.trim().replace(',', '.');
  if (trimmed === '') return { error: 'Enter a number of minutes, for example 30.' };
  const minutes = Number(trimmed);
  if (!/^[\d.]+$/.test(trimmed) || !Number.isFinite(minutes))
    return { error: `${JSON.stringify(text)} is not a number of minutes` };
  if (minutes <= 0) return { error: 'Enter more than 0 minutes.' };
  return minutes > 525_600 ? { error: 'Enter 525600 minutes (a year) at most.' } : { minutes };
}

const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday'];

/** A cron expression in words where it is a plain one, else null. */
export function cronWords(expression: string): string | null {
  const [minute = '', hour = '', day, month, weekday = ''] = expression.trim().split(/\s+/);
  if (day !== '*' || month !== '*' || !/^[0-5]?\d$/.test(minute)) return null;
  if (hour === '*')
    return weekday === '*' ? (Number(minute) === 0 ? 'every hour' : `every hour at :${minute.padStart(2, '0')}`) : null;
  if (!/^(?:1?\d|2[0-3])$/.test(hour)) return null;
  const at = `at ${hour.padStart(2, '0')}:${minute.padStart(2, '0')}`;
  if (weekday === '*') return `every ${Number(hour) < 5 ? 'night' : 'day'} ${at}`;
  if (weekday === '1-5') return `every weekday ${at}`;
  return /^[0-7]$/.test(weekday) ? `every ${DAYS[Number(weekday)]} ${at}` : null;
}

/** "every 2 hours", "every night at 02:00", or the expression itself. */
export function timingWords({ frequency_minutes: minutes, cron: expression }: Timing): string {
  if (expression !== null) return cronWords(expression) ?? expression;
  if (minutes === null) return 'never';
  if (minutes === 1) return 'every minute';
  if (minutes === 60) return 'every hour';
  return minutes % 60 === 0 ? `every ${minutes / 60} hours` : `every ${minutes} minutes`;
}

/** The time zone of this machine, IANA. */
export const machineZone = (): string => new Intl.DateTimeFormat().resolvedOptions().timeZone;

/** A due time as a row: "Sat 21 Nov, 02:00" in the command's time zone, and how long until then. */
export function dueRow(iso: string, now: number, timezone: string | null): { label: string; description: string } {
  const at = Date.parse(iso);
  const here = machineZone();
  const zone = timezone ?? here;
  const time = (timeZone: string): string =>
    new Intl.DateTimeFormat('en-GB', { timeZone, hour: '2-digit', minute: '2-digit', hourCycle: 'h23' }).format(at);
  const local = time(here) === time(zone) ? '' : ` · ${time(here)} here`;
  return { label: dateTime(at, zone), description: `${untilWords(at - now)}${local}` };
}

/** "now", "in 17 h 5 min" */
function untilWords(ms: number): string {
  if (ms < 1000) return 'now';
  const minutes = Math.round(ms / 60_000);
  if (minutes < 1) return `in ${Math.round(ms / 1000)} s`;
  if (minutes < 60) return `in ${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return minutes % 60 === 0 ? `in ${hours} h` : `in ${hours} h ${minutes % 60} min`;
  return `in ${Math.floor(hours / 24)} days`;
}

/** All due times in one line, for a box that tells while somebody types. */
export function dueLine(times: readonly string[], now: number, timezone: string | null): string {
  return `Next: ${times
    .slice(0, 3)
    .map((iso) => dueRow(iso, now, timezone).label)
    .join(' · ')}`;
}
