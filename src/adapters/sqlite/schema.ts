import type { Generated } from 'kysely';
import type { DeliverySchema } from './deliverySchema.ts';
import type { ScheduleSchema } from './scheduleSchema.ts';
import type { Prompt } from '../../conversations/prompt.ts';
import type { Attempt, Check, Message, Task, TaskEvent } from '../../tasks/task.ts';

/** Columns hold what both SQLite and PostgreSQL know: text, integers, JSON as text, booleans as 0 and 1. */
type JsonColumns =
  | 'copied_files'
  | 'copy_patterns'
  | 'agent_spec'
  | 'checks'
  | 'limits'
  | 'flags'
  | 'forge'
  | 'allowed';
type BooleanColumns = 'worktree_ready' | 'denied' | 'slot';

export type TaskRow = Omit<Task, JsonColumns | BooleanColumns | 'rev' | 'prompt'> &
  Record<JsonColumns, string> &
  Record<BooleanColumns, number> & {
    rev: Generated<number>;
    /** null: it is the request itself. A row is written whole, so nothing lies in it twice. */
    prompt: string | null;
    /** Said with the latest change of this row; the log of changes keeps them all. */
    note: string | null;
    /** Names what the task needs of its host (`needsKey`). */
    needs: string;
  };

const JSON_COLUMNS: ReadonlySet<string> = new Set<JsonColumns>([
  'copied_files',
  'copy_patterns',
  'agent_spec',
  'checks',
  'limits',
  'flags',
  'forge',
  'allowed',
]);
/** Columns that are the store's own. */
const UNSEEN: ReadonlySet<string> = new Set(['note', 'needs']);
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

/** A question, with its lists as JSON. */
export type PromptRow = Omit<Prompt, 'choices' | 'context' | 'metadata' | 'automatic'> &
  Record<'choices' | 'context' | 'metadata', string> & {
    /** Owner of the claim whose process holds the agent; null: nobody has to deliver the answer. */
    holder: string | null;
    /** Fencing token of that claim; 0 where there is none. */
    token: number;
    /** Number of the turn that asks; 0 where there is none. */
    attempt: number;
    /** Of the answer that is on its way, or has arrived: two by the same name differ. */
    answer_id: string | null;
    /** 1: the agent has the answer. */
    delivered: number;
    mode: string | null;
    rule: string | null;
  };

/** One change of a task; its id is the revision that the change made. Written by triggers only. */
export interface EventRow extends TaskEvent {
  /** The change of the same task before this one; 0: none. */
  prev: number;
  /** 1: it says something to people. */
  shown: number;
}

/** A commit that waits for its checks on a forge, and what was last seen of them. */
export interface WatchRow {
  task_id: string;
  /** `host/owner/name`: one look serves all of a repository. */
  repo: string;
  sha: string;
  pull_request: number | null;
  /** When it was pushed, ms since the epoch. */
  since: number;
  /** JSON of a ForgeSnapshot; null before the first look. */
  snapshot: string | null;
  /** When it was last looked at, ms; null before the first look. */
  seen_at: number | null;
  /** Why the last look failed; null when it did not. */
  error: string | null;
  /** 1: cancelled or stale checks have had their one re-run. */
  rerun: number;
}

/** Who looks at a repository, and when next: one process for all that wait. */
export interface WatcherRow {
  repo: string;
  owner: string;
  lease_expires_at: number;
  next_at: number;
  /** JSON of the Allowance. */
  allowance: string;
  /** When a webhook last asked for a look before its time, ms; null: never. */
  woken_at: Generated<number | null>;
}

/** A webhook that has come. */
export interface WebhookRow {
  id: string;
  /** ms since the epoch. */
  at: number;
}

/** How long the checks of a workflow usually take. */
export interface DurationRow {
  repo: string;
  workflow: string;
  ms: number;
}

/** One of what a workspace has one of, and the host that holds it. */
export interface LeaseRow {
  name: string;
  owner: string;
  /** ms since the epoch. */
  expires_at: number;
}

/** A figure for `/metrics` that outlives its host; labels as JSON with sorted names. */
export interface CounterRow {
  name: string;
  labels: string;
  value: number;
}

/** Something that is to be said outside the editor. */
export interface OutboxRow {
  id: string;
  /** Says it once. */
  key: string;
  /** JSON of the Message. */
  message: string;
  /** ms since the epoch. */
  created_at: number;
  /** When deliveries of it were made last, ms; null: none were yet. */
  fanned_at: Generated<number | null>;
  /** Counts what was said; a trigger does. */
  seq: Generated<number>;
}

interface BaseCheckRow {
  repo: string;
  sha: string;
  command: string;
  red: number;
  /** ms since the epoch. */
  at: number;
}

export interface Schema extends ScheduleSchema, DeliverySchema {
  tasks: TaskRow;
  attempts: Attempt;
  checks: Check;
  messages: Omit<Message, 'id'> & { id: Generated<number> };
  events: EventRow;
  /** `powers`: its capabilities, in a column that keeps its name for hosts of earlier versions that have the file open. */
  hosts: HostRow & { powers: Generated<string>; loops: Generated<string> };
  processes: ProcessRow;
  prompts: PromptRow;
  watches: WatchRow;
  watchers: WatcherRow;
  webhooks: WebhookRow;
  durations: DurationRow;
  base_checks: BaseCheckRow;
  leases: LeaseRow;
  counters: CounterRow;
  outbox: OutboxRow;
}

/** Rows as SQLite hands them out: values in the order of `columns`, which is the same array each time. */
export interface Table {
  columns: readonly string[];
  rows: readonly (readonly unknown[])[];
}

/** What becomes of a stored value; without one it is taken as it is. */
type Decode = ((value: unknown) => unknown) | undefined;

/**
 * Most tasks of a workspace have the same agent, limits and checks, and a task has the same ones
 * each time it is read: a column's last text is not parsed again. What is shared so is frozen.
 */
function rememberJson(): Decode {
  let text: unknown;
  let parsed: unknown;
  return (value) => {
    if (value === text) return parsed;
    parsed = deepFreeze(JSON.parse(String(value)));
    text = value;
    return parsed;
  };
}

function deepFreeze(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  for (const inner of Object.values(value)) deepFreeze(inner);
  return Object.freeze(value);
}

/** Reads rows as the domain sees them. */
export interface TaskDecoder {
  row(row: Readonly<Record<string, unknown>>): Task;
  /** The same for the rows of a compiled query. */
  table(table: Table): Task[];
}

export function createTaskDecoder(): TaskDecoder {
  const decoders = new Map<string, Decode>();
  for (const name of JSON_COLUMNS) decoders.set(name, rememberJson());
  for (const name of BOOLEAN_COLUMNS) decoders.set(name, (value) => value === 1);
  const plans = new Map<readonly string[], Decode[]>();
  return {
    row(row) {
      const task: Record<string, unknown> = {};
      for (const name in row) {
        if (UNSEEN.has(name)) continue;
        const decode = decoders.get(name);
        task[name] = decode ? decode(row[name]) : row[name];
      }
      task['prompt'] ??= task['request'];
      return task as unknown as Task;
    },
    table({ columns, rows }) {
      let plan = plans.get(columns);
      if (!plan) plans.set(columns, (plan = columns.map((name) => decoders.get(name))));
      const decodes = plan;
      return rows.map((values) => {
        const task: Record<string, unknown> = {};
        for (let i = 0; i < columns.length; i++) {
          const name = columns[i]!;
          if (UNSEEN.has(name)) continue;
          const decode = decodes[i];
          task[name] = decode ? decode(values[i]) : values[i];
        }
        task['prompt'] ??= task['request'];
        return task as unknown as Task;
      });
    },
  };
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
