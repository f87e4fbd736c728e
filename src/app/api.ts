/** What the two hosts see of the engine: use cases and snapshots, never a store or an adapter. */
import { type ListedAgent } from '../adapters/agents/resolve.ts';
import type { HostInfo } from './hosts.ts';
import type { Resolved } from '../config/resolve.ts';
import type { Respond, Resumed, StartConversation } from '../conversations/ports.ts';
import type { OpenPrompt } from '../conversations/prompt.ts';
import type { Continued, TaskDetail, TaskFilter } from '../tasks/board.ts';
import type { MergeMethod } from '../tasks/landing.ts';
import type { ChangedFile, ConversationEntry } from '../tasks/ports.ts';
import type { PermissionMode, Task } from '../tasks/task.ts';
import type { Report } from '../scheduler/report.ts';
import type { ReportRequest } from './report.ts';
import type { HealthReport } from './health.ts';
import type { Message } from '../notifications/message.ts';
import type { ChannelName, ChannelState, Told } from '../notifications/ports.ts';
import type { Schedule } from './scheduleApi.ts';
import type { ServerAddress } from './serverAddress.ts';

export interface StartRequest {
  prompt: string;
  /** Folder or URL; default the workspace's repository. */
  repo?: string;
  base?: string;
  agent?: string;
  /** A command, or `none`. Default: configured, else found. */
  checks?: string;
  maxAttempts?: number;
  permissions?: PermissionMode;
  includeChanges?: boolean;
  /** Issue of the remote's repository: its title and body are the request, and the pull request closes it. */
  issue?: number;
}

/** What `start` would do, so that a host can tell or ask before anything is recorded. */
export interface StartPlan {
  agent: { name: string; notes: string[] };
  checks: { provider: 'github' | 'local' | 'none'; command: string | null; source: string };
  setup: { command: string | null; source: string };
  base: string | null;
  /** Uncommitted files of the working copy that the task will not see (unless included). */
  dirty: string[];
  /** Sentences a person should know. */
  notes: string[];
}

export type AgentInfo = ListedAgent;

export interface LogChunk {
  text: string;
  /** Pass it on to read from here. */
  cursor: LogCursor;
  /** Attempt the text belongs to. */
  attempt: number;
}

/** Opaque position in a task's logs. */
export interface LogCursor {
  attempt: number;
  offset: number;
}

export interface DoctorCheck {
  name: string;
  ok: boolean;
  /** Found fine, or what is wrong. */
  detail: string;
  /** The next step where it is not ok. */
  fix: string | null;
}

/** A way out of the editor, as doctor, tooltips and `/health` show it. */
export interface ChannelInfo {
  name: ChannelName;
  /** For people. */
  title: string;
  configured: boolean;
  /** `failing`: the last try failed, and more come; `stopped`: not before its settings change. */
  state: ChannelState;
  /** Why it fails; null where it does not. */
  error: string | null;
  /** Messages that wait for it. */
  depth: number;
  /** Messages that it never took, in the dead letter file. */
  buried: number;
}

export interface CleanReport {
  worktrees: number;
  logs: number;
  /** Tasks whose worktree was kept, and why. */
  kept: { id: string; why: string }[];
}

/** A change that some process has made. */
export interface Change {
  tasks: Task[];
  /** Open questions now. */
  prompts: OpenPrompt[];
}

/** What AMPA is to GitHub, as far as tasks have shown it. */
export interface GitHubState {
  /** In words: `the account of `gh``. */
  identity: string;
  login: string | null;
  /** Requests of the hour; `resetsAt` is ms since the epoch. */
  budget: { remaining: number; limit: number; resetsAt: number } | null;
  /** Sources of checks that it may not see, for people. */
  lacks: string[];
}

export interface App {
  readonly workspace: { root: string; stateDir: string; isGit: boolean };
  /** A store exists here: the folder is not a guest room any more. */
  hasStore(): boolean;
  config(): Resolved;
  /** Reads the sources again; true when a value changed. */
  reloadConfig(): Promise<boolean>;
  setTrusted(trusted: boolean): void;
  isTrusted(): boolean;
  /** Values that nothing may show. One list, to which what becomes known is added; it outlives the app. */
  secrets(): readonly string[];

  /** All that who starts tasks here is called: logins on GitHub, and name and address as git knows them. */
  me(): Promise<string[]>;
  /** What is known of GitHub without asking it; null: nothing yet, or the remote is not on it. */
  github(): Promise<GitHubState | null>;
  agents(): Promise<AgentInfo[]>;
  plan(request: StartRequest): Promise<StartPlan>;
  start(request: StartRequest): Promise<Task>;
  list(filter: TaskFilter): Promise<{ tasks: Task[]; total: number }>;
  /** By id or an unambiguous part of it. */
  find(id: string): Promise<Task>;
  show(id: string): Promise<TaskDetail>;
  continue(id: string, text: string | null): Promise<Continued>;
  /** Resolves when the task has stopped and its processes are gone. */
  abort(id: string): Promise<Task>;
  merge(id: string, options: { method: MergeMethod | null; deleteBranch: boolean }): Promise<Task>;
  clean(options: { olderThanDays: number; force: boolean }): Promise<CleanReport>;

  /** Questions that wait for a person, oldest first, of tasks and of scripts. */
  prompts(): Promise<OpenPrompt[]>;
  /** The first answer wins; a later one is told who was faster (`invalid_state`). */
  respond: Respond;
  /** Allows a permission, and the very same in this task without asking again. Where it offers no `always`: `usage`. */
  alwaysAllow(promptId: string, by: string): Promise<Resumed>;
  /** Records a question of a script; a fallback rule may answer it at once: then its state is `resumed`. */
  startConversation: StartConversation;
  /** Resolves with the answer; rejects when the question is closed without one, or `refused` when the signal aborts. */
  waitForAnswer(promptId: string, signal: AbortSignal): Promise<Resumed>;
  /** The file of fallback rules to edit, there or not, and what is wrong with what there is. */
  fallbackRules(): Promise<{ file: string; warnings: string[] }>;

  /** Log text from a cursor on; without one, the last `tail` bytes. Empty text: nothing new yet. */
  readLog(id: string, options: { cursor?: LogCursor; attempt?: number; tailBytes?: number }): Promise<LogChunk>;
  /** Steps of the conversation of an attempt, oldest first, from a position on; a long one comes in parts. */
  conversation(id: string, attempt: number, from?: number): Promise<{ entries: ConversationEntry[]; next: number }>;
  changedFiles(id: string): Promise<{ base: string; head: string; repo: string; files: ChangedFile[] }>;
  /** Unified diff of base and branch. */
  diff(id: string): Promise<string>;
  /** A file as it was at a commit; empty when it did not exist there. */
  fileAt(repo: string, commit: string, path: string): Promise<Uint8Array>;

  hosts(): Promise<HostInfo[]>;
  /** Whether the engine can do its work and people hear of it; why not. */
  health(): Promise<HealthReport>;
  /** Of these hosts and this process, what stands still, each a sentence for people. Only looks, and costs nothing. */
  stalls(hosts: readonly HostInfo[]): string[];
  /** The local server of the workspace, whichever process runs it; null: none does. */
  server(): Promise<ServerAddress | null>;
  doctor(): Promise<DoctorCheck[]>;
  /** Trusts the workspace, or another repository (folder or URL) that tasks are started in; or takes it back. */
  trust(revoke: boolean, repo?: string): Promise<{ trusted: boolean; folder: string }>;

  /** Calls back with every change from now on, whichever process made it; returns the way to stop. */
  watch(listener: (change: Change) => void): () => void;
  /** Things a person should know that came up since the app was made (restored database, another machine). */
  notices(): string[];
  onNotice(listener: (notice: string) => void): () => void;

  /** What ran, failed and ended lately. Makes nothing. */
  report(request: ReportRequest): Promise<Report>;
  /** All channels, configured or not. */
  channels(): Promise<ChannelInfo[]>;
  /** Says it outside the editor and waits until it is out, a minute at most. Empty: no channel is configured. */
  notify(message: Message, signal?: AbortSignal): Promise<Told[]>;
  /** The same with a heartbeat, on Discord. */
  sendHeartbeat(signal?: AbortSignal): Promise<Told[]>;
  /** Says something on each channel; resolves to what happened there. */
  testNotification(): Promise<Told[]>;

  /** The scheduled commands of the workspace. */
  readonly schedule: Schedule;
  /** Runs `wl github import` or `push` in this process; resolves to its exit code. */
  syncWorklog(
    which: 'import' | 'push',
    options: { signal: AbortSignal; onOutput(chunk: Uint8Array, stream: 'stdout' | 'stderr'): void },
  ): Promise<number>;

  /** Runs the worker loop, this host's beat and the schedule (unless told not to) until the app is closed. Makes the store. */
  startEngine(options?: { schedule: boolean }): Promise<void>;
  /** Resolves when no task is active. */
  untilIdle(signal: AbortSignal): Promise<void>;
  /** Carries one task in this process until it is no longer active; watches where another host owns it. */
  carryHere(id: string, signal: AbortSignal): Promise<Task>;
  /** The carrier's own entry: takes over a claim made for it, or claims the task. */
  work(id: string, claim: { owner: string; token: number } | null, signal: AbortSignal): Promise<Task | null>;
  close(): Promise<void>;
}
