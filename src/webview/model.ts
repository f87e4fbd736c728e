/**
 * What the task page shows, as plain values: built by pure functions from what the store knows.
 * Every decision of the page is taken here and in attempts.ts; its components draw.
 */
import type { TaskDetail } from '../tasks/board.ts';
import type { ChangedFile } from '../tasks/ports.ts';
import { hasDiff, hasLog, hasWorktree, isAbortable, isContinuable, isMergeable } from '../tasks/abilities.ts';
import { waitingFor } from '../tasks/powers.ts';
import { reasonText, type NextStep } from '../tasks/reasons.ts';
import { holdsSlot, isActive, type PermissionMode, type Status, type Task } from '../tasks/task.ts';
import { attemptViews, type AttemptView, type Tone } from './attempts.ts';
import { answerView, promptView, type AnswerView, type PromptView } from './questions.ts';
import { activeTime, waitsOf } from './segments.ts';

export type ButtonId =
  | 'continue'
  | 'abort'
  | 'diff'
  | 'worktree'
  | 'pr'
  | 'merge'
  | 'openLog'
  | 'doctor'
  | 'signIn'
  | 'start';

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
  /** ms since the epoch; null while it is active. */
  endedAt: number | null;
  request: string;
  /** Markdown: the agent's last words, once the task has ended. */
  summary: string | null;
  flags: string[];
  pr: { number: number; url: string } | null;
  prompts: PromptView[];
  /** Questions that were answered, by people and by rules, newest first. */
  answers: AnswerView[];
  /** Messages that the agent has not been given yet. */
  waiting: string[];
  buttons: Button[];
  /** Null when there is nothing left to say to it. */
  composer: { label: string; placeholder: string } | null;
  hasWorktree: boolean;
}

export type FilesView =
  | { state: 'unknown' }
  | { state: 'failed'; error: string }
  | { state: 'known'; files: ChangedFile[]; total: number; lines: { added: number; deleted: number } };

export interface Page {
  task: TaskView;
  /** The host's clock when this was built, ms since the epoch. */
  now: number;
  attempts: AttemptView[];
  files: FilesView;
}

/** What a list of files shows at most. */
const MAX_FILES = 1000;

export function filesView(files: readonly ChangedFile[]): FilesView {
  const sum = (which: 'added' | 'deleted'): number => files.reduce((all, it) => all + (it.lines?.[which] ?? 0), 0);
  const lines = { added: sum('added'), deleted: sum('deleted') };
  return { state: 'known', files: files.slice(0, MAX_FILES), total: files.length, lines };
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
  const time = activeTime(detail.events, waitsOf(detail));
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
    endedAt: active ? null : endedAt(detail),
    request: task.request,
    summary: active ? null : task.summary,
    flags: task.flags,
    pr: task.pr_number !== null && task.pr_url !== null ? { number: task.pr_number, url: task.pr_url } : null,
    prompts: detail.prompts.map(promptView),
    answers: detail.answers.toReversed().map(answerView),
    waiting: detail.messages.filter((it) => it.delivered_in === null).map((it) => it.text),
    buttons: buttons(task, reason?.button.id),
    composer: composer(task),
    hasWorktree: hasWorktree(task),
  };
}

/** When it came to where it is now; what was written down since does not count. */
function endedAt({ task, events }: TaskDetail): number {
  const before = events.findLastIndex((it) => it.status !== task.status);
  return Date.parse(events[before + 1]?.at ?? task.updated_at);
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
  if (prompts.length > 0) return 'The agent is waiting for your answer.';
  const waiting = waitingFor(task);
  if (waiting) return `W${waiting.text.slice(1)}. ${waiting.hint}`;
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
  doctor: { id: 'doctor', label: 'Check Setup' },
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
  const active = isActive(task.status);
  const landing = task.status === 'success' && task.merged_at === null;
  const all: [Button, boolean][] = [
    [{ id: 'merge', label: 'Merge…', primary: true }, landing && isMergeable(task)],
    [{ id: 'continue', label: 'Continue', primary: false }, !landing && !active && isContinuable(task)],
    [{ id: 'diff', label: 'Diff', primary: false }, hasDiff(task)],
    [{ id: 'worktree', label: 'Worktree', primary: false }, hasWorktree(task)],
    [{ id: 'pr', label: `PR #${task.pr_number}`, primary: false }, task.pr_url !== null],
    [{ id: 'merge', label: 'Merge…', primary: false }, !landing && isMergeable(task)],
    [{ id: 'openLog', label: 'Log', primary: false }, hasLog(task)],
    [{ id: 'continue', label: 'Continue', primary: false }, landing && isContinuable(task)],
    // What has succeeded can still be given up, but nobody looks for that here.
    [
      { id: 'abort', label: 'Abort', primary: false },
      task.status !== 'success' && !task.abort_requested_at && isAbortable(task),
    ],
  ];
  return all.filter(([button, allowed]) => allowed && button.id !== offered).map(([button]) => button);
}

function composer(task: Task): TaskView['composer'] {
  if (task.merged_at || (task.abort_requested_at && isActive(task.status))) return null;
  if (task.status === 'queued') return { label: 'Add', placeholder: 'Add to the request' };
  if (isActive(task.status))
    return { label: 'Send', placeholder: 'Message for the agent, delivered with its next turn' };
  return { label: 'Continue', placeholder: 'What should the agent do next?' };
}
