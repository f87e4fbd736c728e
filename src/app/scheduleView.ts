import { dueFrom, latenessOf, type Rules, type Schedule } from '../scheduler/choose.ts';
import { timingOf, type StoredCommand } from '../scheduler/command.ts';
import { unsupported } from '../scheduler/layout.ts';
import type { Run } from '../scheduler/ports.ts';
import type { RunReport, ScheduledCommand } from './scheduleApi.ts';

const iso = (at: number | null): string | null => (at === null ? null : new Date(at).toISOString());

export function viewCommand(stored: StoredCommand, schedule: Schedule, now: number, rules: Rules): ScheduledCommand {
  const { spec, state } = stored;
  const { extra: _extra, ...fields } = spec;
  const due = schedule.active && !schedule.running ? dueFrom(schedule) : Infinity;
  const late = schedule.active && !schedule.running ? latenessOf(schedule, now, rules) : null;
  // A first run is due at once, not since the epoch.
  const first = state.last_run === null && spec.cron === null;
  return {
    ...fields,
    every: timingOf(spec),
    running: state.running !== null,
    last_start: iso(state.last_start),
    last_run: iso(state.last_run),
    last_status: state.running === null ? state.last_status : 'running',
    last_exit_code: state.last_exit_code,
    last_duration_seconds: state.last_duration_seconds,
    next_due: due === Infinity ? null : iso(first ? now : due),
    lateness: first ? 0 : (late?.normalized ?? 0),
    unsupported: unsupported(spec),
    note: stored.note,
  };
}

export const viewRun = (run: Run, output: string): RunReport => ({
  id: run.command_id,
  name: run.spec.title,
  status: run.status,
  started_at: new Date(run.started_at).toISOString(),
  finished_at: iso(run.ended_at),
  duration_seconds: run.ended_at === null ? null : Math.max(0, run.ended_at - run.started_at) / 1000,
  exit_code: run.exit_code,
  output,
  instance: run.machine,
});
