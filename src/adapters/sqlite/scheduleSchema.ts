import type { Generated } from 'kysely';
import type { CommandSpec, RunStatus, StoredCommand } from '../../scheduler/spec.ts';
import type { RecordedProcess, Run } from '../../scheduler/ports.ts';

/** Times are ms since the epoch; specs and what is not ours are JSON. */
export interface CommandRow {
  id: string;
  rev: Generated<number>;
  /** Null in a tombstone. */
  spec: string | null;
  created_at: number;
  removed_at: number | null;
  note: string | null;
  running: string | null;
  last_start: number | null;
  last_run: number | null;
  served: number | null;
  last_duration: number | null;
  last_exit_code: number | null;
  last_status: RunStatus | null;
  last_task: string | null;
  extra: string;
  /** 1: a default whose frequency nobody has edited. */
  pristine: Generated<number>;
}

export interface RunRow extends Omit<Run, 'spec' | 'stop_requested' | 'manual'> {
  spec: string;
  stop_requested: number;
  manual: number;
}

export interface ScheduleSchema {
  schedule_commands: CommandRow;
  schedule_runs: RunRow;
  schedule_processes: RecordedProcess & { run_id: string };
  schedule_globals: {
    id: number;
    rev: number;
    last_start: number | null;
    alive_at: number;
    dispatches: string;
    extra: string;
  };
  schedule_gaps: { begins: number; ends: number };
  schedule_imports: { hash: string; file: string; at: number };
}

type StoredRow = Omit<CommandRow, 'rev' | 'pristine'>;

/** A command as the domain sees it; not for tombstones. */
export const decodeCommand = (row: StoredRow): StoredCommand => ({
  spec: JSON.parse(row.spec ?? '{}') as CommandSpec,
  created_at: row.created_at,
  note: row.note,
  state: {
    running: row.running,
    last_start: row.last_start,
    last_run: row.last_run,
    served: row.served,
    last_duration_seconds: row.last_duration,
    last_exit_code: row.last_exit_code,
    last_status: row.last_status,
    extra: JSON.parse(row.extra) as Record<string, unknown>,
  },
});

export const decodeRun = (row: RunRow): Run => ({
  ...row,
  spec: JSON.parse(row.spec) as CommandSpec,
  stop_requested: row.stop_requested === 1,
  manual: row.manual === 1,
});
