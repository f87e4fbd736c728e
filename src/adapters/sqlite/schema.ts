import type { Generated } from 'kysely';
import type { Attempt, Check, Message, Task, TaskEvent } from '../../tasks/task.ts';

/** Columns hold what both SQLite and PostgreSQL know: text, integers, JSON as text, booleans as 0 and 1. */
type JsonColumns = 'copied_files' | 'copy_patterns' | 'agent_spec' | 'checks' | 'limits' | 'flags';
type BooleanColumns = 'worktree_ready' | 'denied' | 'slot';

export type TaskRow = Omit<Task, JsonColumns | BooleanColumns | 'rev'> &
  Record<JsonColumns, string> &
  Record<BooleanColumns, number> & { rev: Generated<number>; note: string | null };

const JSON_COLUMNS: ReadonlySet<string> = new Set<JsonColumns>([
  'copied_files',
  'copy_patterns',
  'agent_spec',
  'checks',
  'limits',
  'flags',
]);
const BOOLEAN_COLUMNS: ReadonlySet<string> = new Set<BooleanColumns>(['worktree_ready', 'denied', 'slot']);

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

export interface Schema {
  tasks: TaskRow;
  attempts: Attempt;
  checks: Check;
  messages: Omit<Message, 'id'> & { id: Generated<number> };
  events: Omit<TaskEvent, 'id'> & { id: Generated<number> };
  hosts: HostRow;
  processes: ProcessRow;
  prompts: PromptRow;
}

/** A row as the domain sees it. */
export function decodeTask(row: Record<string, unknown>): Task {
  const task: Record<string, unknown> = {};
  for (const key in row) {
    if (key === 'note') continue;
    const value = row[key];
    task[key] = JSON_COLUMNS.has(key) ? JSON.parse(String(value)) : BOOLEAN_COLUMNS.has(key) ? value === 1 : value;
  }
  return task as unknown as Task;
}

/** A task or a patch as the database stores it. */
export function encodeTask(task: Partial<Task>): Record<string, string | number | null> {
  const row: Record<string, string | number | null> = {};
  for (const [key, value] of Object.entries(task)) {
    if (value === undefined) continue;
    row[key] = JSON_COLUMNS.has(key)
      ? JSON.stringify(value)
      : typeof value === 'boolean'
        ? Number(value)
        : (value as string | number | null);
  }
  return row;
}
