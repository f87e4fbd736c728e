/**
 * What the task page shows, as plain values: built by pure functions from what the store knows, and
 * kept up to date by `applyChanges`. Every decision of the page is taken here; its components draw.
 */
import type { TaskDetail } from '../tasks/board.ts';
import { foldChecks } from '../tasks/fold.ts';
import type { ChangedFile } from '../tasks/ports.ts';
import { reasonText, type NextStep } from '../tasks/reasons.ts';
import { holdsSlot, isActive, type Check, type CheckState, type PermissionMode, type Status, type Task } from '../tasks/task.ts';
import { transition } from '../tasks/transition.ts';
import type { Change } from './protocol.ts';
import { attemptSegments, activeTime, type Segment } from './segments.ts';
import { appendLog, noLog, type LogView } from './logView.ts';
import { appendEntries, noConversation, type Conversation } from './steps.ts';

/** Colour and icon of a state. */
export type Tone = 'idle' | 'active' | 'attention' | 'good' | 'bad';

export type ButtonId = 'continue' | 'abort' | 'diff' | 'worktree' | 'pr' | 'merge' | 'openLog' | 'doctor' | 'signIn' | 'start';

export interface Button {
  id: ButtonId;
  label: string;
  primary: boolean;
}

export interface ReasonView {
  sentence: string;
  /** What exactly went wrong; null when the sentence says it all. */
  detail: string | null;
  hint: string;
  button: Button;
}

export interface PromptView {
  id: string;
  summary: string;
  /** The exact command or paths. */
  detail: string;
  /** ms since the epoch. */
  since: number;
}

export interface TaskView {
  id: string;
  title: string;
  status: Status;
  tone: Tone;
  /** The badge: "Running", "Needs review", "Merged". */
  label: string;
  /** What is going on, one sentence; null where the reason says it. */
  activity: string | null;
  reason: ReasonView | null;
  branch: string;
  base: string | null;
  agent: string;
  /** What decides whether a commit is good. */
  checks: string;
  permissions: string;
  attempt: number;
  maxAttempts: number;
  /** Working time so far, ms, and since when more is added to it (ms since the epoch). */
  elapsedMs: number;
  runningSince: number | null;
  /** USD; null is unknown. */
  costUsd: number | null;
  createdAt: number;
  createdBy: string;
  request: string;
  /** Markdown: the agent's last words, once the task has ended. */
  summary: string | null;
  flags: string[];
  pr: { number: number; url: string } | null;
  prompts: PromptView[];
  /** Messages that the agent has not been given yet. */
  waiting: string[];
  buttons: Button[];
  /** Null when there is nothing left to say to it. */
  composer: { label: string; placeholder: string } | null;
  hasWorktree: boolean;
}

export interface CheckView {
  /** Its name in the store. */
  name: string;
  title: string;
  state: CheckState;
  tone: Tone;
  label: string;
  start: number | null;
  end: number | null;
  url: string | null;
  excerpt: string | null;
  hasLog: boolean;
}

/** One agent turn; number 0 is the preparation. */
export interface AttemptView {
  number: number;
  title: string;
  tone: Tone;
  /** The outcome in a few words. */
  label: string;
  /** Null where there is none, and for the preparation. */
  prompt: string | null;
  segments: Segment[];
  checks: CheckView[];
  /** Remarks of AMPA ("offline: started from the local main"). */
  notes: string[];
  error: string | null;
  costUsd: number | null;
  tokens: number | null;
}

export type FilesView = { state: 'unknown' } | { state: 'failed'; error: string } | { state: 'known'; files: ChangedFile[]; total: number };

/** Conversation and log of one attempt, as far as they were asked for; null: not read yet. */
export interface Streams {
  conversation: Conversation | null;
  log: LogView | null;
}

export interface Page {
  task: TaskView;
  /** The host's clock when this was built, ms since the epoch. */
  now: number;
  attempts: AttemptView[];
  files: FilesView;
}

/** What a list of files shows at most. */
export const MAX_FILES = 1000;

export function filesView(files: readonly ChangedFile[]): FilesView {
  return { state: 'known', files: files.slice(0, MAX_FILES), total: files.length };
}

export function buildPage(detail: TaskDetail, files: FilesView, now: number): Page {
  return { task: taskView(detail, now), attempts: attemptViews(detail), files, now };
}

// ---------------------------------------------------------------- the task

const PERMISSIONS: Record<PermissionMode, string> = {
  ask: 'asks before everything but reading',
  edits: 'edits freely, asks for the rest',
  all: 'may do everything without asking',
};

export function taskView(detail: TaskDetail, now: number): TaskView {
  const { task } = detail;
  const active = isActive(task.status);
  const time = activeTime(detail.events);
  const reason = task.reason === null || active ? null : reasonView(task.reason, task.reason_detail);
  return {
    id: task.id,
    title: task.title,
    status: task.status,
    ...badge(detail),
    activity: reason === null ? activity(detail) : null,
    reason,
    branch: task.branch,
    base: task.base,
    agent: task.agent,
    checks: describeChecks(task),
    permissions: PERMISSIONS[task.permissions],
    attempt: task.attempts,
    maxAttempts: task.max_attempts,
    elapsedMs: time.ms,
    // A host whose clock was set back must not show negative times.
    runningSince: time.since === null ? null : Math.min(time.since, now),
    costUsd: task.cost_usd,
    createdAt: Date.parse(task.created_at),
    createdBy: task.created_by,
    request: task.request,
    summary: active ? null : task.summary,
    flags: task.flags,
    pr: task.pr_number !== null && task.pr_url !== null ? { number: task.pr_number, url: task.pr_url } : null,
    prompts: detail.prompts.map((it) => ({ id: it.id, summary: it.summary, detail: it.detail, since: Date.parse(it.created_at) })),
    waiting: detail.messages.filter((it) => it.delivered_in === null).map((it) => it.text),
    buttons: buttons(task, reason?.button.id),
    composer: composer(task),
    hasWorktree: task.worktree !== null && task.worktree_ready,
  };
}

function badge({ task, prompts }: TaskDetail): { tone: Tone; label: string } {
  if (task.merged_at) return { tone: 'good', label: 'Merged' };
  if (prompts.length > 0 && isActive(task.status)) return { tone: 'attention', label: 'Needs you' };
  if (task.abort_requested_at && isActive(task.status)) return { tone: 'active', label: 'Stopping' };
  const labels: Record<Status, { tone: Tone; label: string }> = {
    queued: { tone: 'idle', label: 'Queued' },
    running: { tone: 'active', label: 'Running' },
    retrying: { tone: 'active', label: 'Retrying' },
    needs_review: { tone: 'attention', label: 'Needs review' },
    success: { tone: 'good', label: 'Success' },
    aborted: { tone: 'idle', label: 'Aborted' },
    error: { tone: 'bad', label: 'Error' },
  };
  return labels[task.status];
}

function activity({ task, prompts }: TaskDetail): string | null {
  if (task.merged_at) return task.base ? `Merged into ${task.base}.` : 'Merged.';
  if (task.status === 'success') return 'The checks are green.';
  if (!isActive(task.status)) return null;
  if (task.abort_requested_at) return 'Ending the agent and everything it started…';
  if (prompts.length > 0) return 'The agent waits for your answer.';
  if (task.status === 'queued') return 'Waiting for its turn.';
  if (task.phase && holdsSlot(task.phase, task.checks) && !task.slot) return 'Waiting for a free slot.';
  const command = task.checks.provider === 'local' ? `: ${task.checks.command}` : '';
  switch (task.phase) {
    case 'preparing':
      return 'Preparing a worktree…';
    case 'agent':
      return task.status === 'retrying' ? 'The checks were red; the agent gets another turn…' : 'The agent is working…';
    case 'committing':
      return 'Committing what the agent left…';
    case 'pushing':
      return task.remote ? `Pushing to ${task.remote}…` : 'Pushing…';
    case 'opening_pr':
      return 'Opening the pull request…';
    case 'checks':
      return task.checks.provider === 'local' ? `Running the checks${command}` : 'Waiting for the checks…';
    case null:
      return null;
  }
}

function describeChecks(task: Task): string {
  switch (task.checks.provider) {
    case 'local':
      return task.checks.command;
    case 'github':
      return 'GitHub';
    case 'none':
      return 'none';
  }
}

const NEXT_BUTTON: Record<NextStep, { id: ButtonId; label: string }> = {
  continue: { id: 'continue', label: 'Continue' },
  doctor: { id: 'doctor', label: 'Run Doctor' },
  sign_in: { id: 'signIn', label: 'Sign In…' },
  show_log: { id: 'openLog', label: 'Show Log' },
  show_diff: { id: 'diff', label: 'Show Diff' },
  merge: { id: 'merge', label: 'Merge…' },
  start: { id: 'start', label: 'Start Task…' },
};

function reasonView(reason: string, detail: string | null): ReasonView {
  const { sentence, hint, next } = reasonText(reason);
  return { sentence, hint, detail: detail?.trim() || null, button: { ...NEXT_BUTTON[next], primary: true } };
}

/** Buttons that the state allows, without the one that the reason offers already. */
function buttons(task: Task, offered: ButtonId | undefined): Button[] {
  const may = (event: 'continue' | 'abort' | 'merge'): boolean =>
    transition(task, event === 'merge' ? { type: event, at: '' } : { type: event }).ok;
  const active = isActive(task.status);
  const hasWork = task.base_sha !== null && task.head_sha !== null && task.head_sha !== task.base_sha;
  const landing = task.status === 'success' && task.merged_at === null;
  const all: [Button, boolean][] = [
    [{ id: 'merge', label: 'Merge…', primary: true }, landing && hasWork && task.base !== null && may('merge')],
    [{ id: 'continue', label: 'Continue', primary: false }, !landing && !active && may('continue')],
    [{ id: 'diff', label: 'Diff', primary: false }, hasWork],
    [{ id: 'worktree', label: 'Worktree', primary: false }, task.worktree !== null && task.worktree_ready],
    [{ id: 'pr', label: `PR #${task.pr_number}`, primary: false }, task.pr_url !== null],
    [{ id: 'merge', label: 'Merge…', primary: false }, !landing && hasWork && task.base !== null && may('merge')],
    [{ id: 'openLog', label: 'Log', primary: false }, task.attempts > 0 || task.phase !== null || task.status === 'error'],
    [{ id: 'continue', label: 'Continue', primary: false }, landing && may('continue')],
    // What has succeeded can still be given up, but nobody looks for that here.
    [{ id: 'abort', label: 'Abort', primary: false }, task.status !== 'success' && !task.abort_requested_at && may('abort')],
  ];
  return all.filter(([button, allowed]) => allowed && button.id !== offered).map(([button]) => button);
}

function composer(task: Task): TaskView['composer'] {
  if (task.merged_at || task.abort_requested_at && isActive(task.status)) return null;
  if (task.status === 'queued') return { label: 'Add', placeholder: 'Add to the request' };
  if (isActive(task.status)) return { label: 'Send', placeholder: 'Message for the agent, delivered with its next turn' };
  return { label: 'Continue', placeholder: 'What should the agent do next?' };
}

// ---------------------------------------------------------------- attempts

export function attemptViews(detail: TaskDetail): AttemptView[] {
  const { task, attempts, checks, events } = detail;
  const segments = attemptSegments(detail);
  const notesOf = (number: number): string[] =>
    events.filter((it) => it.attempt === number && it.note !== null).map((it) => it.note ?? '');
  const views = attempts.map((attempt): AttemptView => {
    const own = checks.filter((it) => it.attempt === attempt.number);
    const current = isActive(task.status) && attempt.number === task.attempts;
    return {
      number: attempt.number,
      title: `Attempt ${attempt.number}`,
      ...attemptState(attempt, own, current, task),
      prompt: attempt.prompt,
      segments: segments.get(attempt.number) ?? [],
      checks: own.map(checkView),
      notes: notesOf(attempt.number),
      error: attempt.error,
      costUsd: attempt.cost_usd,
      tokens: attempt.input_tokens === null && attempt.output_tokens === null ? null : (attempt.input_tokens ?? 0) + (attempt.output_tokens ?? 0),
    };
  });
  if (task.status === 'queued' && task.attempts === 0) return views;
  return [preparation(detail, segments.get(0) ?? [], notesOf(0)), ...views];
}

function preparation({ task, attempts }: TaskDetail, segments: Segment[], notes: string[]): AttemptView {
  const failed = attempts.length === 0 && !isActive(task.status);
  const running = attempts.length === 0 && task.phase === 'preparing';
  return {
    number: 0,
    title: 'Preparation',
    tone: failed ? (task.status === 'aborted' ? 'idle' : 'bad') : running ? 'active' : 'good',
    label: failed ? (task.status === 'aborted' ? 'aborted' : 'failed') : running ? 'making the worktree' : 'worktree ready',
    prompt: null,
    segments,
    checks: [],
    notes,
    error: null,
    costUsd: null,
    tokens: null,
  };
}

function attemptState(
  attempt: TaskDetail['attempts'][number],
  checks: readonly Check[],
  current: boolean,
  task: Task,
): { tone: Tone; label: string } {
  if (attempt.ended_at === null) {
    if (!current) return { tone: 'idle', label: 'interrupted' };
    return task.phase === 'agent' ? { tone: 'active', label: 'agent is working' } : { tone: 'active', label: 'running' };
  }
  switch (attempt.outcome) {
    case 'failed':
      return { tone: 'bad', label: 'agent failed' };
    case 'cancelled':
      return { tone: 'idle', label: 'aborted' };
    case 'stalled':
      return { tone: 'bad', label: 'agent went silent' };
    case 'interrupted':
      return { tone: 'bad', label: 'interrupted' };
    case 'completed':
    case null:
  }
  const verdict = foldChecks(lastCommit(checks).map((it) => it.state), true);
  switch (verdict) {
    case 'green':
      return { tone: 'good', label: 'checks green' };
    case 'red':
      return { tone: 'bad', label: 'checks red' };
    case 'blocked':
    case 'rerun':
      return { tone: 'attention', label: 'checks blocked' };
    case 'pending':
      return current ? { tone: 'active', label: 'checks are running' } : { tone: 'idle', label: 'checks unfinished' };
    case 'missing':
  }
  if (current && (task.phase === 'committing' || task.phase === 'pushing')) return { tone: 'active', label: task.phase };
  return { tone: current ? 'active' : 'idle', label: 'agent finished' };
}

/** Checks of an attempt's newest commit: what came before was replaced by it. */
function lastCommit(checks: readonly Check[]): Check[] {
  const sha = checks.at(-1)?.sha;
  return checks.filter((it) => it.sha === sha);
}

const CHECK_STATES: Record<CheckState, { tone: Tone; label: string }> = {
  queued: { tone: 'idle', label: 'queued' },
  running: { tone: 'active', label: 'running' },
  success: { tone: 'good', label: 'passed' },
  failure: { tone: 'bad', label: 'failed' },
  timed_out: { tone: 'bad', label: 'timed out' },
  cancelled: { tone: 'idle', label: 'cancelled' },
  stale: { tone: 'idle', label: 'stale' },
  action_required: { tone: 'attention', label: 'needs an action' },
  startup_failure: { tone: 'attention', label: 'could not start' },
  skipped: { tone: 'idle', label: 'skipped' },
  neutral: { tone: 'idle', label: 'neutral' },
};

const checkView = (check: Check): CheckView => ({
  name: check.name,
  title: check.provider === 'hook' ? `${check.name} (git hook)` : check.name,
  state: check.state,
  ...CHECK_STATES[check.state],
  start: check.started_at === null ? null : Date.parse(check.started_at),
  end: check.ended_at === null ? null : Date.parse(check.ended_at),
  url: check.url,
  excerpt: check.excerpt,
  hasLog: check.log_path !== null,
});

// ---------------------------------------------------------------- changes

export interface State {
  page: Page;
  streams: ReadonlyMap<number, Streams>;
}

const noStreams: Streams = { conversation: null, log: null };

export const streamsOf = (state: State, attempt: number): Streams => state.streams.get(attempt) ?? noStreams;

/** The page after a delta. Parts that did not change stay the same objects, so that they are not drawn again. */
export function applyChanges(state: State, changes: readonly Change[]): State {
  let { page } = state;
  const streams = new Map(state.streams);
  const flow = (attempt: number, change: (old: Streams) => Partial<Streams>): void => {
    const old = streams.get(attempt) ?? noStreams;
    streams.set(attempt, { ...old, ...change(old) });
  };
  for (const change of changes) {
    switch (change.kind) {
      case 'task':
        page = { ...page, task: change.task, now: change.now };
        break;
      case 'attempts':
        page = { ...page, attempts: mergeAttempts(page.attempts, change.attempts) };
        break;
      case 'files':
        page = { ...page, files: change.files };
        break;
      case 'conversation':
        flow(change.attempt, ({ conversation }) => ({
          conversation: appendEntries((change.restart ? null : conversation) ?? noConversation, change.entries),
        }));
        break;
      case 'log':
        flow(change.attempt, ({ log }) => ({ log: appendLog((change.restart ? null : log) ?? noLog, change.text) }));
        break;
    }
  }
  return { page, streams };
}

function mergeAttempts(old: readonly AttemptView[], changed: readonly AttemptView[]): AttemptView[] {
  const byNumber = new Map([...old, ...changed].map((it) => [it.number, it]));
  return [...byNumber.values()].sort((a, b) => a.number - b.number);
}
