/**
 * What the task loop needs from outside, declared next to where it is used. Adapters implement
 * these; tests of the policies need none of them.
 */
import type { FieldValue, Form } from '../conversations/form.ts';
import type { AgentSpec, Attempt, Check, Message, PermissionMode, Task } from './task.ts';
import type { Reason } from './reasons.ts';
import type { TransitionEvent } from './transition.ts';

// ---------------------------------------------------------------- time

export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Resolves after `ms`, or at once when the signal aborts. Never rejects. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** Calls `fn` once after `ms`; the returned function cancels. */
  after(ms: number, fn: () => void): () => void;
}

/** A loop says that it turns, so that others can see when it does not. */
export interface Pulse {
  /** A pass begins. */
  begins(): void;
  /** It has succeeded; the next is due then at the latest, ms since the epoch or Infinity. */
  done(next: number): void;
}

// ---------------------------------------------------------------- network

/** As much of `fetch` as is used. */
export type Fetch = (url: string, init?: RequestInit) => Promise<Response>;

// ---------------------------------------------------------------- processes

/** Why a process is running: recorded with its pid so that a takeover can end it. */
export type ProcessKind = 'agent' | 'setup' | 'check' | 'git' | 'command';

export interface ProcessSpec {
  kind: ProcessKind;
  /** Program and arguments, or shell text. */
  command: { argv: readonly string[] } | { shell: string };
  cwd: string;
  /** Added to the host's environment, from which AMPA's own secrets are removed. */
  env?: Readonly<Record<string, string>>;
  /** Written to stdin, which is then closed. Without it stdin is empty. */
  stdin?: string;
  signal?: AbortSignal;
  /** Milliseconds; then the whole tree is ended and `timedOut` is true. */
  timeoutMs?: number;
  /** While a returned promise is pending the pipe is not read: backpressure reaches the program. */
  onOutput?: (chunk: Uint8Array, stream: 'stdout' | 'stderr') => void | Promise<void>;
}

export interface ProcessResult {
  /** Exit code; null when a signal ended it. */
  code: number | null;
  signal: string | null;
  timedOut: boolean;
  aborted: boolean;
}

export interface RunningProcess {
  pid: number;
  /** Writing after the program closed its stdin is ignored. */
  stdin: { write(data: string | Uint8Array): void; end(): void };
  /** Resolves when the program has ended and its pipes are closed. */
  done: Promise<ProcessResult>;
  /** Ends the process, its group and descendants: SIGTERM, `TERM_GRACE_MS`, SIGKILL. */
  end(): Promise<void>;
}

/** The processes of one task. Every one is recorded before it may act, and none outlives `endAll`. */
export interface TaskProcesses {
  /** Starts a program whose stdin stays open (`spec.stdin`, if given, is written first). */
  start(spec: ProcessSpec): Promise<RunningProcess>;
  /** Runs to the end. Rejects only if the program cannot be started (`ENOENT`, `EACCES`). */
  run(spec: ProcessSpec): Promise<ProcessResult>;
  /** Ends every process of the task, however far it has detached; resolves when only zombies remain. */
  endAll(): Promise<void>;
}

// ---------------------------------------------------------------- agents

export type AgentEvent =
  | { type: 'session'; session: string }
  | { type: 'text'; text: string }
  | { type: 'thought'; text: string }
  | { type: 'tool'; id: string; title: string; state: 'started' | 'completed' | 'failed' }
  | { type: 'usage'; costUsd?: number; inputTokens?: number; outputTokens?: number }
  | { type: 'denied'; title: string }
  /** Raw output of the program: it goes to the log and counts as a sign of life. */
  | { type: 'output'; chunk: string };

export interface PermissionRequest {
  /** ACP tool kind: read, edit, execute, … */
  kind: string;
  title: string;
  /** The exact command or paths, for people. */
  detail: string;
  /** The exact command, which may be allowed for the rest of a task; null where it is none. */
  command: string | null;
}

/** Reason of a signal that withdraws a question because the agent's process has ended. */
export const AGENT_GONE = 'the agent has ended';

export interface AgentTurn {
  cwd: string;
  /** Sent to a resumed session. */
  prompt: string;
  /** Sent instead where a new session begins: it knows nothing of the task yet. */
  freshPrompt: string;
  /** Resume this session; null begins one. */
  session: string | null;
  permissions: PermissionMode;
  env: Readonly<Record<string, string>>;
  signal: AbortSignal;
  onEvent(event: AgentEvent): void | Promise<void>;
  /** Resolves with the answer; `cancelled` when the turn ends first. Aborting its signal withdraws the question. */
  onPermission(request: PermissionRequest, withdrawn: AbortSignal): Promise<'allow' | 'reject' | 'cancelled'>;
  /** The same for a form: its values by name, without those that were left out. */
  onForm(form: Form, withdrawn: AbortSignal): Promise<Record<string, FieldValue> | 'declined' | 'cancelled'>;
  /**
   * The agent has answered in full, with these last words. Resolves with what it is told next in the same
   * session, or null: the turn is over. Agents that take one prompt a process are not asked.
   */
  onAnswered(words: string | null, gone: AbortSignal): Promise<string | null>;
  /** The session exists but the prompt is not sent yet: awaited before it is. */
  onSession(session: string): Promise<void>;
  /** The prompt is about to be sent: awaited before it is. */
  onSending(): Promise<void>;
}

export interface TurnOutcome {
  outcome: 'completed' | 'failed' | 'cancelled';
  session: string | null;
  /** The given session was taken up again; false where a new one was begun. */
  resumed: boolean;
  summary: string | null;
  /** What went wrong, for people; set when failed. */
  error: string | null;
  /** The failure is a missing login. */
  auth: boolean;
  /** A wanted permission was denied in this turn. */
  denied: boolean;
}

export type AgentReadiness =
  | { ready: true; version: string | null }
  | { ready: false; reason: 'agent_missing' | 'agent_auth'; detail: string };

export interface Agents {
  /** `Name <address>` of the agent, for the trailer of its commits. */
  coAuthor(spec: AgentSpec): string;
  /** Looks the program up, and no more: its name where it is not there, else null. */
  missingProgram(spec: AgentSpec): Promise<string | null>;
  /** Looks the program up and, where that is cheap, its login. Starts no session. */
  check(spec: AgentSpec): Promise<AgentReadiness>;
  runTurn(spec: AgentSpec, turn: AgentTurn, processes: TaskProcesses): Promise<TurnOutcome>;
}

// ---------------------------------------------------------------- git

export type CommitOutcome =
  | { kind: 'committed'; sha: string; notes: string[] }
  | { kind: 'nothing'; sha: string; notes: string[] }
  /** A pre-commit, commit-msg or like hook said no: its output is for the agent. */
  | { kind: 'hook_failed'; output: string }
  | { kind: 'failed'; detail: string };

export type PushOutcome =
  | { kind: 'pushed'; sha: string; notes: string[] }
  | { kind: 'up_to_date'; sha: string }
  | { kind: 'hook_failed'; output: string }
  | { kind: 'rejected'; detail: string }
  | { kind: 'auth'; detail: string }
  | { kind: 'unreachable'; detail: string };

export type StartPoint =
  | { kind: 'ok'; sha: string; notes: string[] }
  | { kind: 'stopped'; reason: Extract<Reason, 'base_missing' | 'repo_invalid'>; detail: string };

export interface ChangedFile {
  path: string;
  /** Where a rename came from. */
  oldPath: string | null;
  status: 'added' | 'modified' | 'deleted' | 'renamed';
  /** Lines that came and went; null where the file is not text. */
  lines: { added: number; deleted: number } | null;
}

/** git as the loop needs it. Every call is non-interactive and safe to repeat. */
export interface TaskGit {
  /** Fetches the base into a private ref (retrying a lost network for 60 s) and picks the commit to start from. */
  startPoint(task: Task, signal: AbortSignal): Promise<StartPoint>;
  /** Makes branch and worktree at `sha`, or reuses them; a half-made worktree is remade. Returns its path. */
  ensureWorktree(
    task: Task,
    sha: string,
    parent: { preferred: string; fallback: string },
    options?: { signal?: AbortSignal; /** What a person should know about it. */ note?: (text: string) => void },
  ): Promise<string>;
  /** Copies ignored files that match the patterns; returns what was copied, relative. */
  copyIgnored(task: Task, worktree: string, patterns: readonly string[]): Promise<string[]>;
  /** HEAD is the task's branch, and no merge or rebase is under way; repairs what it safely can. */
  verifyHead(task: Task): Promise<{ ok: true; notes?: string[] } | { ok: false; detail: string }>;
  /** Commits whatever the agent left; hooks run among the task's processes, without credentials. */
  commitAll(
    task: Task,
    message: string,
    coAuthor: string,
    processes: TaskProcesses,
    signal: AbortSignal,
  ): Promise<CommitOutcome>;
  /** Pushes the branch, never forced; hooks first, without credentials. */
  push(task: Task, processes: TaskProcesses, signal: AbortSignal): Promise<PushOutcome>;
  /** Merges a moved base into the branch if that is clean; a conflict is left in the worktree for the agent. */
  mergeBase(
    task: Task,
    signal: AbortSignal,
  ): Promise<{ kind: 'unchanged' | 'merged' } | { kind: 'conflict'; files: string[] }>;
  /** Files in which the branch conflicts with its base as it is now; null where that cannot be told. */
  conflicts(task: Task, signal: AbortSignal): Promise<string[] | null>;
  head(task: Task): Promise<string>;
  /** The commit that `head` is compared with: where the task started, or what of the base was merged in since. */
  baseOf(task: Task, head: string): Promise<string>;
  /** Checks `sha` out beside the task's worktree; the place is gone again when `use` has ended. */
  withBase<T>(task: Task, sha: string, signal: AbortSignal, use: (dir: string) => Promise<T>): Promise<T>;
  /** Files that differ between the base and `head`, and whether any do. */
  changedFiles(task: Task, head: string): Promise<ChangedFile[]>;
  /** What a reviewer should look at: changed workflows or check scripts, deleted tests. Pure. */
  flags(changed: readonly ChangedFile[], task: Task): string[];
}

// ---------------------------------------------------------------- checks

export interface LocalCheckResult {
  state: 'success' | 'failure' | 'timed_out' | 'cancelled' | 'startup_failure';
  /** Exit code; null when it was killed. */
  code: number | null;
  /** Where its whole output is. */
  logPath: string;
  /** The lines around the first errors and the end (excerpt.ts). */
  excerpt: string;
}

export interface LocalChecks {
  run(task: Task, command: string, processes: TaskProcesses, signal: AbortSignal): Promise<LocalCheckResult>;
}

// ---------------------------------------------------------------- logs

/** The log of one attempt; at most 256 MB are kept, head and tail. */
export interface AttemptLog {
  /** Returns at once unless the disk is behind: then the writer waits. Rejects or throws when the disk failed. */
  write(text: string): void | Promise<void>;
  /** One line of AMPA's own, marked as such. */
  note(text: string): void;
  /** A step of the conversation, for the task page. */
  say(entry: ConversationEntry): void;
  /** Never rejects: a disk that fails is reported by `write`, and must not change how a task has ended. */
  close(): Promise<void>;
}

export interface ConversationEntry {
  at: string;
  kind: 'prompt' | 'text' | 'thought' | 'tool' | 'note';
  text: string;
}

export interface TaskLogs {
  open(taskId: string, attempt: number): Promise<AttemptLog>;
  /** A file outside the worktree that holds the prompt, for agents that read one. */
  writePrompt(taskId: string, attempt: number, prompt: string): Promise<string>;
}

// ---------------------------------------------------------------- store

/** The claim of a running task: every write is conditional on its token. */
export interface Claim {
  taskId: string;
  owner: string;
  token: number;
}

/** Columns a carrier may set together with a transition or on their own. */
export type TaskPatch = Partial<
  Pick<
    Task,
    | 'title'
    | 'base'
    | 'base_sha'
    | 'resume_phase'
    | 'worktree'
    | 'worktree_ready'
    | 'copied_files'
    | 'thread_id'
    | 'prompt'
    | 'reason_detail'
    | 'attempts'
    | 'max_attempts'
    | 'sent_at'
    | 'turn_failures'
    | 'turn_interruptions'
    | 'denied'
    | 'head_sha'
    | 'pushed_sha'
    | 'checked_sha'
    | 'ci_run_id'
    | 'ci_url'
    | 'pr_number'
    | 'pr_url'
    | 'merged_at'
    | 'summary'
    | 'cost_usd'
    | 'flags'
    | 'held_ms'
  >
>;

/** What a carrier may do to its task. Every write rejects with `lost_claim` when the token no longer holds. */
export interface TaskStore {
  get(id: string): Promise<Task | undefined>;
  /**
   * Applies an event and a patch in one statement, with its row in `events`; rejects with
   * `illegal_transition` when the event is not legal.
   *
   * An event that would end the task while messages wait does not: the task goes on to another
   * turn (`retrying`), and the granted attempts are renewed.
   */
  apply(claim: Claim, event: TransitionEvent, patch?: TaskPatch, note?: string): Promise<Task>;
  patch(claim: Claim, patch: TaskPatch): Promise<Task>;
  note(claim: Claim, text: string): Promise<void>;
  /** Extends the lease by 15 s and adds to the slot-held time. Undefined: the claim is lost. */
  renew(claim: Claim, heldMs: number): Promise<Task | undefined>;
  /** Takes one of the workspace's slots; false: none is free. */
  takeSlot(claim: Claim, limit: number): Promise<boolean>;
  releaseSlot(claim: Claim): Promise<void>;
  /** Begins a turn: number, prompt, row in `attempts`, delivered messages, in one transaction. */
  beginAttempt(
    claim: Claim,
    attempt: { number: number; prompt: string; delivered: number[]; quoted?: string[] },
  ): Promise<Task>;
  /** Ends a turn that is open; how one has ended stays, and the answer is false. */
  endAttempt(claim: Claim, number: number, end: AttemptEnd): Promise<boolean>;
  saveCheck(claim: Claim, check: Check): Promise<void>;
  attemptsOf(taskId: string): Promise<Attempt[]>;
  checksOf(taskId: string): Promise<Check[]>;
  /** Whether a command was red on a commit that tasks start from; undefined: nobody has tried. */
  baseCheck(repo: string, sha: string, command: string): Promise<boolean | undefined>;
  saveBaseCheck(claim: Claim, repo: string, sha: string, command: string, red: boolean): Promise<void>;
  messagesOf(taskId: string): Promise<Message[]>;
}

export type AttemptEnd = Pick<Attempt, 'outcome' | 'summary' | 'error'> &
  Partial<Pick<Attempt, 'cost_usd' | 'input_tokens' | 'output_tokens'>>;

/** What the worker loop of a host does with tasks it does not carry itself. */
export interface WorkQueue {
  /** Claims the oldest queued task with one of these needs (`QueuedTask`) if a slot is free. */
  claimNext(owner: string, slots: number, needs: readonly string[]): Promise<Claim | undefined>;
  /** Queued tasks with other needs, the oldest first. */
  queuedBeside(needs: readonly string[]): Promise<QueuedTask[]>;
  /** Says what a task waits for that was left to other hosts; nothing if it has been claimed since. */
  sayWaiting(task: Pick<Task, 'id' | 'token'>, words: string): Promise<void>;
  /** Claims one queued task if a slot is free. */
  claimQueued(id: string, owner: string, slots: number): Promise<Claim | undefined>;
  /** Claims an active task away from the holder of `token`. */
  takeOver(id: string, token: number, owner: string): Promise<Claim | undefined>;
  /** Tasks that are running or retrying. */
  running(): Promise<Task[]>;
}

/** A task that nobody has claimed, as far as a host has to know it. */
export interface QueuedTask extends Pick<
  Task,
  'id' | 'token' | 'agent_spec' | 'forge' | 'checks' | 'waits_for' | 'updated_at'
> {
  /** Names its needs: the same for tasks that need the same. */
  needs: string;
}
