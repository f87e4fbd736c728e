import { unsupported } from '../scheduler/types.ts';
import type { Rules, StoredCommand } from '../scheduler/spec.ts';
import { dueFrom, latenessOf, type Schedule } from '../scheduler/choose.ts';
import { timingOf } from '../scheduler/command.ts';
import type { Run } from '../scheduler/ports.ts';
import type { RunReport, ScheduledCommand } from './scheduleApi.ts';

const iso = (at: number | null): string | null => (at === null ? null : new Date(at).toISOString());

/** `waits`: what a command waits for that has nobody to talk to; null: nothing. */
export function viewCommand(
  stored: StoredCommand,
  schedule: Schedule,
  now: number,
  rules: Rules,
  waits: string | null,
): ScheduledCommand {
  const { spec, state } = stored;
  const ready = schedule.active && !schedule.running && waits === null;
  const { extra: _extra, ...fields } = spec;
  const due = ready ? dueFrom(schedule) : Infinity;
  const late = ready ? latenessOf(schedule, now, rules) : null;
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
    waits_for: waits,
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
