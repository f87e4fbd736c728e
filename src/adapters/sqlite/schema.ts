import type { Generated } from 'kysely';
import type { ScheduleSchema } from './scheduleSchema.ts';
import type { Attempt, Check, Message, Task, TaskEvent } from '../../tasks/task.ts';

/** Columns hold what both SQLite and PostgreSQL know: text, integers, JSON as text, booleans as 0 and 1. */
type JsonColumns = 'copied_files' | 'copy_patterns' | 'agent_spec' | 'checks' | 'limits' | 'flags';
type BooleanColumns = 'worktree_ready' | 'denied' | 'slot';

export type TaskRow = Omit<Task, JsonColumns | BooleanColumns | 'rev'> &
  Record<JsonColumns, string> &
  Record<BooleanColumns, number> & {
    rev: Generated<number>;
    /** On its way into the log of changes; null at rest. */
    note: string | null;
  };

const json = (value: unknown): unknown => JSON.parse(String(value));
const boolean = (value: unknown): boolean => value === 1;
/** How columns that are not stored as they are become values. */
const DECODERS: ReadonlyMap<string, (value: unknown) => unknown> = new Map(
  Object.entries({
    copied_files: json,
    copy_patterns: json,
    agent_spec: json,
    checks: json,
    limits: json,
    flags: json,
    worktree_ready: boolean,
    denied: boolean,
    slot: boolean,
  } satisfies Record<JsonColumns | BooleanColumns, (value: unknown) => unknown>),
);

export interface HostRow {
  id: string;
  kind: 'vscode' | 'cli' | 'daemon' | 'carrier';
  pid: number;
  /** Kernel start time of the pid, opaque: guards against pid reuse. */
  start_time: string;
  boot_id: string;
  pid_namespace: string;
  machine: string;
  /** This host can show a question to a person. */
  asks: number;
  started_at: string;
  /** ms since the epoch. */
  beat_at: number;
}

export interface ProcessRow {
  task_id: string;
  pid: number;
  start_time: string;
  boot_id: string;
  pid_namespace: string;
  kind: string;
  token: number;
}

export interface PromptRow {
  id: string;
  task_id: string;
  kind: string;
  summary: string;
  detail: string;
  choices: string;
  state: 'waiting' | 'resumed' | 'withdrawn' | 'lost';
  response: string | null;
  answered_by: string | null;
  created_at: string;
  answered_at: string | null;
}

/** One change of a task; its id is the revision that the change made. Written by triggers only. */
export interface EventRow extends TaskEvent {
  /** The change of the same task before this one; 0: none. */
  prev: number;
  /** 1: it says something to people. */
  shown: number;
}

export interface Schema extends ScheduleSchema {
  tasks: TaskRow;
  attempts: Attempt;
  checks: Check;
  messages: Omit<Message, 'id'> & { id: Generated<number> };
  events: EventRow;
  hosts: HostRow;
  processes: ProcessRow;
  prompts: PromptRow;
}

/** A row as the domain sees it. */
export function decodeTask(row: Record<string, unknown>): Task {
  const task: Record<string, unknown> = {};
  for (const key in row) {
    if (key === 'note') continue;
    const decode = DECODERS.get(key);
    task[key] = decode ? decode(row[key]) : row[key];
  }
  return task as unknown as Task;
}

/** A task or a patch as the database stores it. */
export function encodeTask(task: Partial<Task>): Record<string, string | number | null> {
  const row: Record<string, string | number | null> = {};
  for (const [key, value] of Object.entries(task)) {
    if (value === undefined) continue;
    row[key] =
      DECODERS.get(key) === json
        ? JSON.stringify(value)
        : typeof value === 'boolean'
          ? Number(value)
          : (value as string | number | null);
  }
  return row;
}
