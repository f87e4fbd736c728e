/** Reports as the host would send them: a bad night, a busy workspace, a good one, an empty folder. */
import { foldReport, type Report, type ReportRange, type ReportRun, type TaskEnd } from '../../src/scheduler/report.ts';

const REPORT_NOW = Date.parse('2026-03-02T07:20:00Z');
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

interface Made {
  id: string;
  title: string;
  /** Minutes between two runs, and how long one takes, seconds. */
  every: number;
  takes: number;
  /** Hours before now at which runs fail. */
  failsAt?: (hoursAgo: number) => boolean;
  status?: ReportRun['status'];
}

const COMMANDS: readonly Made[] = [
  { id: 'backup', title: 'Back up the database', every: 60, takes: 90, failsAt: (h) => h < 6 && h > 4 },
  { id: 'lint', title: 'Nightly lint', every: 1440, takes: 240, failsAt: () => true },
  { id: 'sync', title: 'Issues from GitHub', every: 30, takes: 4, failsAt: (h) => h > 7 && h < 8 },
  { id: 'deps', title: 'Outdated packages', every: 720, takes: 30 },
  { id: 'heartbeat', title: 'Heartbeat', every: 5, takes: 1 },
  { id: 'e2e', title: 'Browser tests of the shop with every payment provider', every: 360, takes: 5400 },
  { id: 'tidy', title: 'Remove dead code', every: 10_080, takes: 3 },
];

function runsOf(it: Made, range: ReportRange): ReportRun[] {
  const hours = range === 'day' ? 24 : 168;
  const count = Math.min(50, Math.floor((hours * 60) / it.every) + 1);
  return Array.from({ length: count }, (_, n) => {
    const ago = ((count - 1 - n) * it.every * MINUTE + (it.id.length * 7 + 5) * MINUTE) % (hours * HOUR);
    const started = REPORT_NOW - ago;
    const failed = it.failsAt?.(ago / HOUR) ?? false;
    const late = (ago > 2 * HOUR && ago < 3 * HOUR ? 20 * MINUTE : 1000) + ((n * 37) % 61) * 1000;
    return {
      id: `${it.id}-${n}`,
      command_id: it.id,
      status: failed ? ('failed' as const) : (it.status ?? ('succeeded' as const)),
      due_at: started - late,
      started_at: started,
      ended_at: started + it.takes * 1000,
      exit_code: failed ? 2 : 0,
    };
  });
}

const end = (n: number, hoursAgo: number, over: Partial<TaskEnd> = {}): TaskEnd => ({
  ...{ task_id: `t${n}`, title: `Task ${n}`, at: REPORT_NOW - hoursAgo * HOUR },
  ...{ status: 'success', reason: null, now: 'success', ...over },
});
const ENDS: readonly TaskEnd[] = [
  ...Array.from({ length: 9 }, (_, n) => end(n, 30 + n * 14)),
  end(20, 100, { status: 'error', reason: 'push_auth', now: 'success' }),
  end(21, 52, { status: 'aborted', reason: 'user', now: 'aborted' }),
  end(22, 51, { status: 'needs_review', reason: 'no_changes', now: 'aborted' }),
  end(23, 4, { title: 'Update the dependencies', status: 'needs_review', reason: 'max_attempts', now: 'needs_review' }),
  end(24, 5, { title: 'Translate the error messages', status: 'error', reason: 'agent_auth', now: 'error' }),
  end(25, 3),
];

function reportOf(made: readonly Made[], ends: readonly TaskEnd[], range: ReportRange): Report {
  const commands = made.map(({ id, title }) => ({ id, title, enabled: true }));
  const fold = foldReport({ range, now: REPORT_NOW, timeZone: 'UTC', commands, keepRuns: 50 });
  const runs = made.flatMap((it) => runsOf(it, range)).sort((a, b) => a.started_at - b.started_at);
  for (const run of runs) fold.addRun(run);
  for (const it of ends.toSorted((a, b) => a.at - b.at)) fold.addTaskEnd(it);
  return fold.result();
}

const many = Array.from({ length: 60 }, (_, n) => ({
  ...{ id: `c${n}`, title: `Command number ${n}`, every: 45 + n * 3, takes: 20 },
  failsAt: (hours: number) => n % 5 === 0 && hours > n && hours < n + 3,
}));

export const REPORTS: Readonly<Record<string, Report>> = {
  night: reportOf(COMMANDS, ENDS, 'day'),
  week: reportOf(COMMANDS, ENDS, 'week'),
  many: reportOf(many, ENDS, 'day'),
  good: reportOf(COMMANDS.slice(3, 6), ENDS.slice(0, 9), 'day'),
  idle: reportOf([], ENDS.slice(0, 3), 'day'),
  empty: reportOf([], [], 'day'),
};
