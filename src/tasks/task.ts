/** The vocabulary of a task. Plain values only: every other room builds on these types. */

export const STATUSES = ['queued', 'running', 'retrying', 'needs_review', 'success', 'aborted', 'error'] as const;
export type Status = (typeof STATUSES)[number];

export const PHASES = ['preparing', 'agent', 'committing', 'pushing', 'opening_pr', 'checks'] as const;
export type Phase = (typeof PHASES)[number];

export type PermissionMode = 'ask' | 'edits' | 'all';

/** What a person has allowed for the rest of a task: this very command, and nothing like it. */
export interface Allowed {
  /** ACP tool kind. */
  kind: string;
  command: string;
}

/** How to run an agent, resolved once at creation and stored with the task. */
export interface AgentSpec {
  /** Name in the table of known agents, or `custom`. */
  name: string;
  type: 'acp' | 'stream-json' | 'command';
  /** Program and arguments before permission flags. For `command` one element: the shell text. */
  argv: string[];
  /** Which stream-json vocabulary the program prints; null for the other types. */
  dialect: 'amp' | 'claude' | 'codex' | null;
}

/** A repository on a forge, as its remote names it. */
export interface ForgeRepo {
  kind: 'github';
  /** `github.com`, or the host of an Enterprise Server. */
  host: string;
  owner: string;
  name: string;
}

/** Whose credentials are used. Resolved at creation and stored with the task, never chosen anew midway. */
export type IdentityKind = 'app' | 'editor' | 'environment' | 'gh';

/** A repository on a forge, with whose credentials it is worked on. */
export interface ForgeAccess extends ForgeRepo {
  identity: IdentityKind;
}

/** Where pull requests of a task go, resolved once at creation. */
export interface TaskForge extends ForgeAccess {
  /** When the pull request is opened: CI that runs on pull requests only needs it first. */
  pullRequest: 'first' | 'afterChecks' | 'never';
  /** An issue that the pull request closes. */
  issue: number | null;
}

/** How commits are checked, resolved once at creation. */
export type ChecksSpec =
  | { provider: 'local'; command: string; source: string }
  | { provider: 'github' }
  | { provider: 'none' };

export interface TaskLimits {
  /** Turns granted by the start and by each `continue`. */
  attempts: number;
  /** Slot-held time, ms. */
  timeMs: number;
  /** USD that the session may have cost in all; null is no limit. */
  costUsd: number | null;
  /** What the start and each `continue` grant, USD. */
  costGrantUsd: number | null;
  /** Agent silence, ms, before it counts as stalled. */
  silentMs: number;
  /** The same while a tool call is in progress, ms. */
  silentToolMs: number;
  /** One run of the checks, ms. */
  checksMs: number;
}

export interface Task {
  id: string;
  title: string;
  /** Main worktree (or bare clone) the task works on: absolute path. */
  repo: string;
  /** Remote name, or null where the repository has none. */
  remote: string | null;
  /** Base branch; null when the task started from a detached HEAD and has no pull request. */
  base: string | null;
  /** Commit the task starts from; set when preparing. Before that, the local base at creation. */
  base_sha: string | null;
  branch: string;
  worktree: string | null;
  /** The worktree is complete: set up, files copied. A half-made one is remade. */
  worktree_ready: boolean;
  /** Paths copied from the checkout, relative to the worktree: never committed. */
  copied_files: string[];
  /** Snapshot commit of the user's uncommitted changes (`--include-changes`). */
  snapshot_sha: string | null;
  setup_command: string | null;
  copy_patterns: string[];
  /** The agent's own session or thread id. */
  thread_id: string | null;
  agent: string;
  agent_spec: AgentSpec;
  permissions: PermissionMode;
  /** Allowed without asking, beyond what `permissions` allow. */
  allowed: readonly Allowed[];
  checks: ChecksSpec;
  /** Null where the remote is no forge, or nobody is signed in to it. */
  forge: TaskForge | null;
  limits: TaskLimits;
  /** The first prompt; never changes. */
  request: string;
  /** The latest prompt. */
  prompt: string;
  status: Status;
  /** Set while running or retrying. */
  phase: Phase | null;
  reason: string | null;
  /** Where a `continue` without words takes the work up again; null is the agent. */
  resume_phase: Phase | null;
  /** What hosts lacked that left it to others, in words; null once one has taken it. */
  waits_for: string | null;
  /** What exactly went wrong, for people: one or a few lines. */
  reason_detail: string | null;
  /** Agent turns begun. */
  attempts: number;
  /** Turns allowed in all; grows with each `continue`. */
  max_attempts: number;
  /** The current turn's prompt has been sent to the agent: ISO time, or null. */
  sent_at: string | null;
  /** Failed turns within the current attempt. */
  turn_failures: number;
  /** Times the current attempt was interrupted by the death of its carrier. */
  turn_interruptions: number;
  /** Carriers that died since the task last changed its phase. */
  takeovers: number;
  /** The agent was denied a permission in the current attempt. */
  denied: boolean;
  head_sha: string | null;
  pushed_sha: string | null;
  /** Last commit whose checks finished. */
  checked_sha: string | null;
  ci_run_id: string | null;
  ci_url: string | null;
  pr_number: number | null;
  pr_url: string | null;
  merged_at: string | null;
  /** The agent's last words, or the result, one paragraph. */
  summary: string | null;
  /** USD, the session's last cumulative figure; null is unknown. */
  cost_usd: number | null;
  /** Things a reviewer should look at: workflow edits, deleted tests. */
  flags: string[];
  /** Slot-held time so far, ms; reset by `continue`. */
  held_ms: number;
  created_by: string;
  created_at: string;
  updated_at: string;
  /** Bumped by the store with every visible change of any task. */
  rev: number;
  abort_requested_at: string | null;
  /** Holder of the claim (a row of `hosts`), its fencing token and the end of its lease, ms since the epoch. */
  owner: string | null;
  token: number;
  lease_expires_at: number | null;
  slot: boolean;
}

/** One agent turn. */
export interface Attempt {
  task_id: string;
  number: number;
  prompt: string;
  started_at: string;
  ended_at: string | null;
  outcome: 'completed' | 'failed' | 'cancelled' | 'stalled' | 'interrupted' | null;
  summary: string | null;
  error: string | null;
  /** The commit that it came to; null: it has not come to one. */
  head_sha: string | null;
  cost_usd: number | null;
  input_tokens: number | null;
  output_tokens: number | null;
}

export type CheckState =
  | 'queued'
  | 'running'
  | 'success'
  | 'failure'
  | 'timed_out'
  | 'cancelled'
  | 'stale'
  | 'action_required'
  | 'startup_failure'
  | 'skipped'
  | 'neutral';

/** One check of one commit. */
export interface Check {
  task_id: string;
  attempt: number;
  sha: string;
  name: string;
  provider: 'local' | 'github' | 'hook';
  state: CheckState;
  started_at: string | null;
  ended_at: string | null;
  url: string | null;
  /** The failing lines that the agent is shown; null unless red. */
  excerpt: string | null;
  log_path: string | null;
}

export interface Message {
  id: number;
  task_id: string;
  text: string;
  created_at: string;
  /** The attempt that carried it to the agent; null while undelivered. */
  delivered_in: number | null;
}

export interface TaskEvent {
  id: number;
  task_id: string;
  at: string;
  status: Status;
  phase: Phase | null;
  reason: string | null;
  attempt: number;
  /** A remark for people ("offline: started from the local main"); null for plain state changes. */
  note: string | null;
}

export const isActive = (status: Status): boolean =>
  status === 'queued' || status === 'running' || status === 'retrying';

/** The phases in which a task occupies one of the workspace's slots (local checks hold one too). */
export const holdsSlot = (phase: Phase, checks: ChecksSpec): boolean =>
  phase !== 'opening_pr' && (phase !== 'checks' || checks.provider === 'local');
