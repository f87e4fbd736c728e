/** The scheduled commands as the hosts see them. */
import type { CommandPatch, CommandSpec, RunStatus } from '../scheduler/spec.ts';
import type { Timing } from '../scheduler/preview.ts';
import type { Simulation } from '../scheduler/simulate.ts';

/** As `schedule list --json` prints it: snake case, times in ISO 8601 UTC. */
export interface ScheduledCommand extends Omit<CommandSpec, 'extra'> {
  /** `every 5 min`, for people. */
  every: string;
  running: boolean;
  last_start: string | null;
  last_run: string | null;
  last_status: RunStatus | null;
  last_exit_code: number | null;
  last_duration_seconds: number | null;
  /** Null where it is off, or cannot run here. */
  next_due: string | null;
  /** Periods that it is late by now; 0: it is not. */
  lateness: number;
  /** What it needs before it has anything to do, `a Discord channel`; or null. */
  waits_for: string | null;
  /** `unsupported: TYPE`, or null. */
  unsupported: string | null;
  /** Why it arrived disabled, or null. */
  note: string | null;
}

export interface RunReport {
  /** Of the command. */
  id: string;
  name: string;
  status: RunStatus;
  started_at: string;
  finished_at: string | null;
  duration_seconds: number | null;
  exit_code: number | null;
  /** stdout and stderr, at most 1 MiB of them. */
  output: string;
  /** Computer that it ran on; empty for runs of an imported history. */
  instance: string;
}

export interface ScheduleImportReport {
  added: string[];
  updated: string[];
  warnings: string[];
}

export interface Schedule {
  list(): Promise<ScheduledCommand[]>;
  /** What a person should know about the whole: too much for the global interval. */
  warnings(): Promise<string[]>;
  /** Makes the store. Rejects with `usage` for what cannot be, `refused` for an id that is taken. */
  add(id: string, command: CommandPatch): Promise<ScheduledCommand>;
  update(id: string, patch: CommandPatch): Promise<ScheduledCommand>;
  /** A run under way is stopped. */
  remove(id: string): Promise<void>;
  /**
   * Runs a command now in this process, or the one that would be chosen; null: nothing is due. Rejects
   * with `refused` where it is running already or cannot run here.
   */
  run(
    id: string | null,
    options: { signal: AbortSignal; onOutput?: (text: string) => void },
  ): Promise<RunReport | null>;
  /** The next five times at which a command with this timing would be due, ISO 8601. Throws `usage` for what cannot be. */
  preview(timing: Timing): string[];
  /** One run with its output. */
  runOf(id: string, runId: string): Promise<RunReport>;
  /** Newest first. */
  history(id: string, limit: number): Promise<RunReport[]>;
  simulate(options: { hours: number; tickSeconds: number }): Promise<Simulation>;
  /**
   * Opens the scheduler because a person wants it here: an old store is taken over, the user's shared one
   * too. Makes the store.
   */
  enable(): Promise<void>;
  /** Merges a store of the originals' layout by id. */
  import(file: string): Promise<ScheduleImportReport>;
  /** Calls back when a command or its state has changed, whichever process did it; returns the way to stop. */
  watch(listener: () => void): () => void;
  /** The originals' layout. */
  export(): Promise<Record<string, unknown>>;
}
