/** What the report page says, and where its plots put things. Pure: components only draw. */
import type { RunStatus } from '../scheduler/spec.ts';
import type { CommandFailure, Day, Lane, Mark, Outcome, Report, TaskFailure } from '../scheduler/report.ts';
import { reasonText } from '../tasks/reasons.ts';
import type { Tone } from './attempts.ts';
import { whenWords, type Clock } from './clock.ts';
import { duration } from './duration.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

const count = (n: number, one: string, many = `${one}s`): string => `${n.toLocaleString('en')} ${n === 1 ? one : many}`;
const sum = (tasks: Record<Outcome, number>): number =>
  tasks.success + tasks.needs_review + tasks.error + tasks.aborted;
const SPAN: Record<Report['range'], string> = { day: 'in the last 24 hours', week: 'in the last 7 days' };

/** Nothing was ever there to report on. */
export const isEmpty = (report: Report): boolean =>
  report.commands === 0 && report.runs.total === 0 && report.days.every((day) => sum(day) === 0);

export interface Headline {
  tone: Tone;
  text: string;
}

/** The sentence that the page begins with. */
export function headline(report: Report): Headline {
  const span = SPAN[report.range];
  const { broken, mended, stopped } = report.counts;
  const parts = [
    broken > 0 ? `${count(broken, 'command')} failed` : '',
    stopped > 0 ? `${count(stopped, 'task')} ${stopped === 1 ? 'needs' : 'need'} you` : '',
  ].filter(Boolean);
  const again = mended === 0 ? '' : ` ${count(mended, 'command')} failed and recovered.`;
  if (parts.length > 0) {
    const bad = broken > 0 || report.tasks.error > 0;
    return { tone: bad ? 'bad' : 'attention', text: `${parts.join(' and ')} ${span}.${again}` };
  }
  if (mended > 0)
    return {
      tone: 'good',
      text: `${count(mended, 'command')} failed ${span} and recovered.`,
    };
  const tasks = sum(report.tasks);
  const done = [
    report.runs.total > 0 ? count(report.runs.total, 'run') : '',
    tasks > 0 ? count(tasks, 'task') : '',
  ].filter(Boolean);
  if (done.length === 0) return { tone: 'idle', text: `Nothing ran ${span}.` };
  return { tone: 'good', text: `Nothing failed ${span}: ${done.join(' and ')}.` };
}

function resultWords(status: RunStatus, exitCode: number | null): string {
  if (status === 'timed_out') return 'took too long and was stopped';
  if (status === 'interrupted') return 'was interrupted';
  return exitCode === null ? status : `${status} with exit code ${exitCode}`;
}

/** "failed with exit code 3 at 02:15, and 4 times before; working again since 03:15" */
export function failureWords(it: CommandFailure, clock: Clock): string {
  const times = it.times - 1;
  const often = times === 1 && !it.orMore ? 'once' : `${count(times, 'time')}${it.orMore ? ' or more' : ''}`;
  const before = times === 0 ? '' : `, and ${often} before`;
  const fixed = it.fixedAt === null ? '' : `; working again since ${clock(it.fixedAt)}`;
  return `${resultWords(it.status, it.exit_code)} ${whenWords(clock, it.at)}${before}${fixed}`;
}

export const taskWords = (it: TaskFailure, clock: Clock): string =>
  `${reasonText(it.reason ?? it.status).sentence.replace(/\.$/, '')} (${clock(it.at)})`;

/** "12 runs, 1 failed" */
export function laneWords(lane: Lane): string {
  if (lane.runs === 0) return 'no run';
  return [count(lane.runs, 'run'), lane.failed > 0 ? `${lane.failed} failed` : ''].filter(Boolean).join(', ');
}

export function markWords(mark: Mark, clock: Clock): string {
  const what =
    mark.runs === 1
      ? mark.failed > 0
        ? 'failed'
        : mark.running
          ? 'running'
          : mark.skipped > 0
            ? 'skipped'
            : 'succeeded'
      : [count(mark.runs, 'run'), mark.failed > 0 ? `${mark.failed} failed` : '', mark.running ? 'one is running' : '']
          .filter(Boolean)
          .join(', ');
  const took = mark.runs === 1 && !mark.running ? ` after ${duration(mark.to - mark.from)}` : '';
  return `${clock(mark.from)}: ${what}${took}`;
}

export const markKind = (mark: Mark): 'bad' | 'running' | 'skipped' | 'good' =>
  mark.failed > 0 ? 'bad' : mark.running ? 'running' : mark.skipped === mark.runs ? 'skipped' : 'good';

export const OUTCOMES: readonly { key: Outcome; label: string }[] = [
  { key: 'success', label: 'green' },
  { key: 'needs_review', label: 'for review' },
  { key: 'error', label: 'error' },
  { key: 'aborted', label: 'aborted' },
];

export const dayWords = (day: Day): string =>
  OUTCOMES.flatMap(({ key, label }) => (day[key] > 0 ? [`${day[key]} ${label}`] : [])).join(', ') || 'none';

/** "12 tasks ended in the last 7 days, 75% of them green." */
export function daysWords(days: readonly Day[]): string {
  const ended = days.reduce((all, day) => all + sum(day), 0);
  const green = days.reduce((all, day) => all + day.success, 0);
  if (ended === 0) return 'No task has ended in the last 7 days.';
  const share =
    green === ended
      ? ended === 1
        ? 'green'
        : 'all of them green'
      : `${Math.round((100 * green) / ended)}% of them green`;
  return `${count(ended, 'task')} ended in the last 7 days, ${share}.`;
}

export function latenessWords({ median, worst }: Report['lateness'], clock: Clock): string {
  if (median === null || worst === null) return 'No run was due.';
  return `Half of the runs started at most ${roughly(median)} late; the worst was ${worst.title}, ${roughly(worst.ms)} late ${whenWords(clock, worst.at)}.`;
}

/** "4 s", "12 min", "3 h": one unit. */
export function roughly(ms: number): string {
  if (ms < MINUTE) return `${Math.round(ms / 1000)} s`;
  if (ms < HOUR) return `${Math.round(ms / MINUTE)} min`;
  return ms < 48 * HOUR ? `${Math.round(ms / HOUR)} h` : `${Math.round(ms / (24 * HOUR))} days`;
}

// ---------------------------------------------------------------- axes

export interface Tick {
  /** Fraction of the axis. */
  at: number;
  label: string;
}

/** Round times of the reader's clock on an axis, at most `most` of them. */
export function timeTicks(from: number, to: number, timeZone: string, most: number): Tick[] {
  const parts = new Intl.DateTimeFormat('en-GB', {
    timeZone,
    hourCycle: 'h23',
    weekday: 'short',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
  });
  const steps = [1, 2, 3, 6, 12, 24, 48, 96];
  const step = steps.find((hours) => (to - from) / (hours * HOUR) <= most) ?? 96;
  const ticks: Tick[] = [];
  let days = 0;
  // Offsets are quarter hours at the finest, so every full hour of any clock is met.
  for (let at = Math.ceil(from / (15 * MINUTE)) * 15 * MINUTE; at <= to; at += 15 * MINUTE) {
    const it = Object.fromEntries(parts.formatToParts(at).map(({ type, value }) => [type, value]));
    const hour = Number(it['hour']);
    if (it['minute'] !== '00') continue;
    if (step < 24 ? hour % step !== 0 : hour !== 0 || days++ % (step / 24) !== 0) continue;
    const label = hour === 0 ? `${it['weekday']} ${it['day']}` : `${String(hour).padStart(2, '0')}:00`;
    ticks.push({ at: (at - from) / (to - from), label });
  }
  return ticks;
}

const LATE_TICKS: readonly [ms: number, label: string][] = [
  [1000, '1 s'],
  [10_000, '10 s'],
  [MINUTE, '1 min'],
  [10 * MINUTE, '10 min'],
  [HOUR, '1 h'],
  [6 * HOUR, '6 h'],
  [24 * HOUR, '1 day'],
  [168 * HOUR, '7 days'],
];

/** Lateness runs from seconds to days: a logarithmic axis, up to the first mark above the worst. */
export function lateScale(worst: number): { y: (ms: number) => number; ticks: Tick[] } {
  const found = LATE_TICKS.findIndex(([ms]) => ms >= worst);
  const last = Math.max(2, found === -1 ? LATE_TICKS.length - 1 : found);
  const top = LATE_TICKS[last]?.[0] ?? worst;
  const log = (ms: number): number => Math.log10(1 + ms / 1000);
  const y = (ms: number): number => Math.min(1, log(ms) / log(top));
  const ticks = LATE_TICKS.slice(0, last + 1).map(([ms, label]) => ({ at: y(ms), label }));
  // Labels need room; the top one says the most.
  return { y, ticks: ticks.filter((_, i) => (last - i) % 2 === 0) };
}

/** The height of the days' columns: the largest, at least one. */
export const dayScale = (days: readonly Day[]): number => days.reduce((most, day) => Math.max(most, sum(day)), 1);

/** "Mon 16" */
export function dayLabel({ day }: Day): string {
  const at = new Date(`${day}T12:00:00Z`);
  return new Intl.DateTimeFormat('en-GB', { timeZone: 'UTC', weekday: 'short', day: 'numeric' })
    .format(at)
    .replace(',', '');
}
