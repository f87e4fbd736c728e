/** What the scheduler needs from outside. Times are ms since the epoch. */
import type * as z from 'zod';
import type { Task } from '../tasks/task.ts';
import type { Rules, CommandPatch, CommandSpec, RunStatus, StoredCommand } from './spec.ts';
import type { Message } from '../notifications/message.ts';
import type { Told } from '../notifications/ports.ts';
import type { ProcessResult } from '../tasks/ports.ts';

// ---------------------------------------------------------------- types of commands

/** How a run ends; `exit_code` 124 is a timeout, null an interruption. */
export interface RunEnd {
  status: Exclude<RunStatus, 'running'>;
  exit_code: number | null;
  /** What it has printed last, for those who are told of a failure. */
  tail?: string;
}

/** A background task that a run wants recorded. */
export interface TaskRequest {
  prompt: string;
  agent?: string;
  base?: string;
}

export type StartedTask = Pick<Task, 'id' | 'branch'>;

/** What a run may do. */
export interface RunContext {
  runId: string;
  spec: CommandSpec;
  signal: AbortSignal;
  /** The task that an earlier run of this command has recorded last. */
  previousTask: string | null;
  /** Adds to the run's output. */
  say(text: string): void;
  /** Runs shell text in the workspace to its end, its output added to the run's. */
  shell(text: string): Promise<ProcessResult>;
  /** The same for a program with its arguments, for `timeoutMs` at most. Rejects where there is no such program. */
  program(argv: readonly string[], timeoutMs: number): Promise<ProcessResult>;
  /** `owner/name` that the worklog belongs to. Rejects where nothing says it. */
  githubRepo(): Promise<string>;
  /** Records a background task; the same run records at most one. Returns what to tell about it. */
  startTask(request: TaskRequest): Promise<StartedTask>;
  isTaskActive(id: string): Promise<boolean>;
  /** Says it outside the editor; resolves to what the first try has come to on each channel. Empty: none is configured. */
  announce(message: Message): Promise<readonly Told[]>;
  /** The heartbeat of the workspace as it is now. */
  pulse(): Promise<Message>;
}

export interface CommandType {
  /** What `metadata` must hold; other fields are let through. */
  metadata: z.ZodType;
  run(context: RunContext): Promise<RunEnd>;
}

// ---------------------------------------------------------------- store

export interface Run {
  id: string;
  command_id: string;
  /** The command as it was when the run was claimed. */
  spec: CommandSpec;
  status: RunStatus;
  /** Host that carries it out, and until when its word counts. */
  owner: string;
  lease_expires_at: number;
  stop_requested: boolean;
  manual: boolean;
  /** Computer it ran on. */
  machine: string;
  /** When it should have started; null for manual and imported runs. */
  due_at: number | null;
  started_at: number;
  ended_at: number | null;
  exit_code: number | null;
}

export interface ClaimRequest {
  commandId: string;
  runId: string;
  owner: string;
  machine: string;
  now: number;
  rules: Rules;
  /** A person asked: neither switched off nor on time matters, nor the global interval. */
  manual: boolean;
}

export interface Claimed {
  run: Run;
  previousTask: string | null;
}

export interface Changes {
  rev: number;
  commands: StoredCommand[];
  removed: string[];
  lastStart: number | null;
  /** No host was there for a while, and nobody has drawn the conclusions yet. */
  hasGap: boolean;
}

export interface ScheduleStore {
  /** Rises with every change of a command or its state. */
  revision(): Promise<number>;
  /** What changed after a revision; 0 gives all. */
  changedSince(rev: number): Promise<Changes>;
  list(): Promise<StoredCommand[]>;
  get(id: string): Promise<StoredCommand | undefined>;
  add(spec: CommandSpec, now: number): Promise<void>;
  /**
   * Records those that were never here: what was removed stays removed. With `retime` the frequency of one that
   * is here follows, until somebody has edited it.
   */
  addDefaults(specs: readonly CommandSpec[], now: number, how: { retime: boolean }): Promise<void>;
  update(id: string, patch: CommandPatch, now: number): Promise<StoredCommand>;
  /** Leaves a tombstone; asks a run under way to stop. */
  remove(id: string, now: number): Promise<void>;

  /** Starts a run on paper: undefined when somebody else was faster, or it is not its time any more. */
  claim(request: ClaimRequest): Promise<Claimed | undefined>;
  /** Extends the lease; null: the run is not ours any more. */
  renew(runId: string, owner: string, until: number): Promise<{ stop: boolean } | null>;
  /** Clears the running mark and forgets what `retention.ts` says of all but the newest `keep` runs; false: it was not running. */
  finish(runId: string, end: RunEnd & { at: number; owner: string }, keep: number): Promise<boolean>;
  noteTask(commandId: string, taskId: string): Promise<void>;
  running(): Promise<Run[]>;
  /** Newest first. */
  runsOf(commandId: string, limit: number): Promise<Run[]>;
  /** All that are remembered. */
  runIds(commandId: string): Promise<string[]>;
  run(id: string): Promise<Run | undefined>;

  /** Times after `now` become `now`, and what gaps have swallowed counts as served where it is not made up for. */
  settle(now: number): Promise<void>;

  recordProcess(runId: string, process: RecordedProcess): Promise<void>;
  forgetProcess(runId: string, pid: number): Promise<void>;
  processesOf(runId: string): Promise<RecordedProcess[]>;
}

export interface RecordedProcess {
  pid: number;
  start_time: string;
  boot_id: string;
  pid_namespace: string;
}

// ---------------------------------------------------------------- output

/** The output of one run: at most 1 MiB, head and tail. */
export interface RunOutput {
  write(text: string): void;
  /** Resolves when everything is on the disk; never rejects. */
  close(): Promise<void>;
}

export interface RunOutputs {
  open(commandId: string, runId: string): Promise<RunOutput>;
  /** Empty where nothing was written. */
  read(commandId: string, runId: string): Promise<string>;
  /** Removes the output of all runs of a command but those that are known after it has looked: others begin meanwhile. */
  prune(commandId: string, known: () => Promise<readonly string[]>): Promise<void>;
}
