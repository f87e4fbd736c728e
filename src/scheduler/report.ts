/**
 * What a person reads in the morning: which commands ran when and with what result, how late they
 * were, and how tasks ended. Folded from runs and ends of tasks, one by one, so that a long history is
 * never held whole. Pure; times are ms since the epoch.
 */
import { hasFailed } from './retention.ts';
import type { RunStatus } from './spec.ts';
import type { Status } from '../tasks/task.ts';

export type ReportRange = 'day' | 'week';

const HOUR = 3600_000;
const DAY = 24 * HOUR;
/** `cell`: runs of a command that begin in the same one are one mark. */
const RANGES: Readonly<Record<ReportRange, { ms: number; cell: number }>> = {
  day: { ms: DAY, cell: HOUR / 4 },
  week: { ms: 7 * DAY, cell: 2 * HOUR },
};
/** Days that the tasks are shown for, whatever the range. */
const DAYS = 7;
const MAX_LANES = 100;
const MAX_FAILURES = 50;

export interface ReportRun {
  id: string;
  command_id: string;
  status: RunStatus;
  /** Null where a person started it. */
  due_at: number | null;
  started_at: number;
  ended_at: number | null;
  exit_code: number | null;
}

/** A task came to an end. */
export interface TaskEnd {
  task_id: string;
  title: string;
  at: number;
  status: Status;
  reason: string | null;
  /** Where the task stands by now. */
  now: Status;
}

export interface ReportCommand {
  id: string;
  title: string;
  enabled: boolean;
}

/** Runs of one command that began within the same cell of the time axis. */
export interface Mark {
  from: number;
  /** When the last of them ended; of one that runs, now. */
  to: number;
  runs: number;
  /** Failed, timed out or interrupted. */
  failed: number;
  skipped: number;
  running: boolean;
  /** The run to look at: the newest that failed, else the newest. */
  run: string;
}

export interface Lane {
  command: string;
  title: string;
  runs: number;
  failed: number;
  marks: Mark[];
  /** Of the runs before this one only failures are remembered; null where the range is whole. */
  keptSince: number | null;
}

export interface CommandFailure {
  command: string;
  title: string;
  /** Its newest run that failed. */
  run: string;
  status: RunStatus;
  exit_code: number | null;
  at: number;
  times: number;
  /** It may have been oftener: no more failures are remembered. */
  orMore: boolean;
  /** Since when it succeeds again; null: it has not. */
  fixedAt: number | null;
}

export type TaskFailure = Omit<TaskEnd, 'now'>;

export interface LateCell {
  from: number;
  to: number;
  /** ms behind the due time. */
  median: number;
  worst: number;
}

export type Outcome = 'success' | 'needs_review' | 'error' | 'aborted';

export interface Day extends Record<Outcome, number> {
  /** `2026-03-02` in the reader's time zone. */
  day: string;
}

export interface Report {
  range: ReportRange;
  from: number;
  to: number;
  /** Commands there are. */
  commands: number;
  /** By result; `failed` counts time-outs and interruptions. */
  runs: { total: number; failed: number; skipped: number; running: number };
  lanes: Lane[];
  /** Lanes that are left out. */
  moreLanes: number;
  /** The first of them. */
  failures: CommandFailure[];
  /** Commands that failed: still, and those that work again; tasks that stopped and need a person. */
  counts: { broken: number; mended: number; stopped: number };
  /** Ends of tasks within the range, the last of each task. */
  tasks: Record<Outcome, number>;
  taskFailures: TaskFailure[];
  lateness: { median: number | null; worst: { title: string; at: number; ms: number } | null; cells: LateCell[] };
  days: Day[];
}

export interface ReportOptions {
  range: ReportRange;
  now: number;
  /** IANA name: what a day is. */
  timeZone: string;
  commands: readonly ReportCommand[];
  /** The newest runs of each command, which are remembered whatever became of them. */
  keepRuns: number;
}

const isOutcome = (status: Status): status is Outcome =>
  status === 'success' || status === 'needs_review' || status === 'error' || status === 'aborted';

/** From when on runs belong to the report. */
export const runsFrom = (range: ReportRange, now: number): number => now - RANGES[range].ms;
/** From when on ends of tasks do: the beginning of the first day, wherever the reader is. */
export const tasksFrom = (now: number): number => now - (DAYS + 1) * DAY;

interface LaneFold {
  lane: Lane;
  /** When its last `keepRuns` runs began, each over the one that many before it. */
  starts: number[];
  failure: CommandFailure | null;
}

/** Add runs and ends of tasks in the order of their times, then ask for the result. */
export function foldReport({ range, now, timeZone, commands, keepRuns }: ReportOptions) {
  const { cell } = RANGES[range];
  const from = runsFrom(range, now);
  const titles = new Map(commands.map(({ id, title }) => [id, title]));
  const lanes = new Map<string, LaneFold>();
  const runs: Report['runs'] = { total: 0, failed: 0, skipped: 0, running: 0 };
  const late = new Map<number, number[]>();
  let worst: Report['lateness']['worst'] = null;
  const dayOf = calendar(timeZone);
  const byDay = new Map<string, Map<string, Outcome>>();
  const inRange = new Map<string, TaskEnd>();

  const laneOf = (command: string): LaneFold => {
    let it = lanes.get(command);
    if (!it) {
      const lane = {
        command,
        title: titles.get(command) ?? command,
        runs: 0,
        failed: 0,
        marks: [],
        keptSince: null,
      };
      lanes.set(command, (it = { lane, starts: [], failure: null }));
    }
    return it;
  };
  const mark = (lane: Lane, run: ReportRun): void => {
    const to = Math.max(run.started_at, run.ended_at ?? now);
    const failed = hasFailed(run.status) ? 1 : 0;
    const skipped = run.status === 'skipped' ? 1 : 0;
    const running = run.status === 'running';
    const last = lane.marks.at(-1);
    if (!last || Math.floor(last.from / cell) !== Math.floor(run.started_at / cell)) {
      lane.marks.push({ from: run.started_at, to, runs: 1, failed, skipped, running, run: run.id });
      return;
    }
    last.to = Math.max(last.to, to);
    if (failed > 0 || last.failed === 0) last.run = run.id;
    last.runs++;
    last.failed += failed;
    last.skipped += skipped;
    last.running ||= running;
  };

  return {
    addRun(run: ReportRun): void {
      const it = laneOf(run.command_id);
      const { lane } = it;
      it.starts[lane.runs++ % keepRuns] = run.started_at;
      runs.total++;
      mark(lane, run);
      if (hasFailed(run.status)) {
        runs.failed++;
        lane.failed++;
        it.failure = {
          command: lane.command,
          title: lane.title,
          run: run.id,
          status: run.status,
          exit_code: run.exit_code,
          at: run.ended_at ?? run.started_at,
          times: (it.failure?.times ?? 0) + 1,
          fixedAt: null,
          orMore: lane.failed >= keepRuns,
        };
      } else if (run.status === 'succeeded' && it.failure !== null)
        it.failure.fixedAt ??= run.ended_at ?? run.started_at;
      if (run.status === 'skipped') runs.skipped++;
      if (run.status === 'running') runs.running++;
      if (run.due_at === null) return;
      const ms = Math.max(0, run.started_at - run.due_at);
      const column = Math.floor(run.started_at / cell);
      const known = late.get(column);
      if (known) known.push(ms);
      else late.set(column, [ms]);
      if (worst === null || ms > worst.ms) worst = { title: lane.title, at: run.started_at, ms };
    },
    addTaskEnd(end: TaskEnd): void {
      if (!isOutcome(end.status)) return;
      const day = dayOf(end.at);
      const ended = byDay.get(day) ?? new Map<string, Outcome>();
      byDay.set(day, ended.set(end.task_id, end.status));
      if (end.at >= from) inRange.set(end.task_id, end);
    },
    result(): Report {
      for (const { id, enabled } of commands) if (enabled) laneOf(id);
      const all = [...lanes.values()];
      for (const { lane, starts } of all)
        if (lane.runs >= keepRuns) lane.keptSince = starts[lane.runs % keepRuns] ?? null;
      const sorted = all.map((it) => it.lane).sort(byUrgency);
      const ends = [...inRange.values()];
      const failures = all.flatMap((it) => it.failure ?? []);
      // Whoever has taken a task up again knows.
      const stopped = ends.filter(
        ({ status, now: current }) => (status === 'error' || status === 'needs_review') && current === status,
      );
      return {
        range,
        from,
        to: now,
        commands: commands.length,
        runs,
        lanes: sorted.slice(0, MAX_LANES),
        moreLanes: Math.max(0, sorted.length - MAX_LANES),
        failures: failures
          .toSorted((a, b) => Number(a.fixedAt !== null) - Number(b.fixedAt !== null) || b.at - a.at)
          .slice(0, MAX_FAILURES),
        counts: {
          broken: failures.filter((it) => it.fixedAt === null).length,
          mended: failures.filter((it) => it.fixedAt !== null).length,
          stopped: stopped.length,
        },
        tasks: tally(ends.flatMap(({ status }) => (isOutcome(status) ? [status] : []))),
        taskFailures: stopped
          .toSorted((a, b) => b.at - a.at)
          .slice(0, MAX_FAILURES)
          .map(({ now: _current, ...end }) => end),
        lateness: { median: median([...late.values()].flat()), worst, cells: lateCells(late, cell) },
        days: lastDays(dayOf(now)).map((day) => ({ day, ...tally([...(byDay.get(day)?.values() ?? [])]) })),
      };
    },
  };
}

const { compare } = new Intl.Collator('en', { numeric: true });

/** What failed last comes first, then by name. */
function byUrgency(a: Lane, b: Lane): number {
  const failedAt = (lane: Lane): number => lane.marks.findLast((it) => it.failed > 0)?.from ?? 0;
  return failedAt(b) - failedAt(a) || compare(a.title, b.title);
}

function tally(outcomes: readonly Outcome[]): Record<Outcome, number> {
  const counts = { success: 0, needs_review: 0, error: 0, aborted: 0 };
  for (const outcome of outcomes) counts[outcome]++;
  return counts;
}

function median(values: readonly number[]): number | null {
  // Tens of thousands are sorted here in the time that a comparing function takes for hundreds.
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.floor((sorted.length - 1) / 2)] ?? null;
}

const lateCells = (late: ReadonlyMap<number, readonly number[]>, cell: number): LateCell[] =>
  [...late]
    .toSorted(([a], [b]) => a - b)
    .map(([column, values]) => ({
      from: column * cell,
      to: (column + 1) * cell,
      median: median(values) ?? 0,
      worst: values.reduce((most, ms) => Math.max(most, ms), 0),
    }));

/** The day of a moment. Throws RangeError for a time zone that does not exist. */
function calendar(timeZone: string): (at: number) => string {
  const format = new Intl.DateTimeFormat('en-CA', { timeZone, year: 'numeric', month: '2-digit', day: '2-digit' });
  return (at) => format.format(at);
}

/** This day and those before it, oldest first. */
function lastDays(today: string): string[] {
  const [year = 0, month = 1, day = 1] = today.split('-').map(Number);
  return Array.from({ length: DAYS }, (_, i) =>
    new Date(Date.UTC(year, month - 1, day - (DAYS - 1 - i))).toISOString().slice(0, 10),
  );
}
