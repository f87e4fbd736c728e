/** What a phase works with. */
import type { TaskPrompts } from '../../conversations/ports.ts';
import type { Forge } from '../forge.ts';
import type {
  Agents,
  AttemptLog,
  Claim,
  Clock,
  LocalChecks,
  TaskGit,
  TaskLogs,
  TaskProcesses,
  TaskStore,
} from '../ports.ts';
import type { Task } from '../task.ts';
import type { WatchStore } from '../watchStore.ts';

export interface CarryDeps {
  store: TaskStore;
  prompts: TaskPrompts;
  git: TaskGit;
  agents: Agents;
  checks: LocalChecks;
  /** The task's forge with the identity it was made with; rejects when that identity is not to be had here. */
  forge(task: Task): Promise<Forge>;
  watches: WatchStore;
  /** A file for the log of a forge's check. */
  checkLogFile(task: Task, name: string): Promise<string>;
  logs: TaskLogs;
  clock: Clock;
  /** The processes of this claim: their marker carries its token. */
  processes: TaskProcesses;
  /** Calls back when any process has changed the store; returns the way to stop that. */
  onChange(listener: () => void): () => void;
  /** How many tasks of the workspace may hold a slot. */
  slots(): number;
  /** Where worktrees go, and where they go if that is not writable. */
  worktreeParent(task: Task): { preferred: string; fallback: string };
  /** A TCP port that is free now. */
  freePort(): Promise<number>;
  /** Values that no log or prompt may show. */
  secrets: readonly string[];
}

/** Why the work on a task stops from outside its phases. */
export type Halt = 'abort' | 'lost' | 'shutdown' | 'budget_time' | 'budget_cost';

/** One task on its way, as its phases see it. */
export interface Carry {
  deps: CarryDeps;
  claim: Claim;
  processes: TaskProcesses;
  /** Aborted when the work must stop; phases check it after every step that took time. */
  signal: AbortSignal;
  /** The log of an attempt; 0 is the preparation. */
  log(attempt: number): Promise<AttemptLog>;
  halt(why: Halt): void;
  /** Text of agents, hooks and remotes as it may be stored: without the secrets they had printed. */
  mask(text: string): string;
  /** While a person is asked, the time budget stands still. */
  pauseClock(paused: boolean): void;
}
