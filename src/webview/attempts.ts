/** The attempts of a task as its page shows them. Pure. */
import type { TaskDetail } from '../tasks/board.ts';
import { foldChecks } from '../tasks/fold.ts';
import { isActive, type Check, type CheckState, type Task } from '../tasks/task.ts';
import { attemptSegments, type Segment } from './segments.ts';

/** Colour and icon of a state. */
export type Tone = 'idle' | 'active' | 'attention' | 'good' | 'bad';

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
      ...(current && attempt.ended_at === null && detail.prompts.length > 0
        ? { tone: 'attention', label: 'waiting for your answer' }
        : attemptState(attempt, own, current, task)),
      prompt: attempt.prompt,
      segments: segments.get(attempt.number) ?? [],
      checks: own.map(checkView),
      notes: notesOf(attempt.number),
      error: attempt.error,
      costUsd: attempt.cost_usd,
      tokens:
        attempt.input_tokens === null && attempt.output_tokens === null
          ? null
          : (attempt.input_tokens ?? 0) + (attempt.output_tokens ?? 0),
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
    label: failed
      ? task.status === 'aborted'
        ? 'aborted'
        : 'failed'
      : running
        ? 'making the worktree'
        : 'worktree ready',
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
    return task.phase === 'agent'
      ? { tone: 'active', label: 'agent is working' }
      : { tone: 'active', label: 'running' };
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
  const verdict = foldChecks(
    lastCommit(checks).map((it) => it.state),
    true,
  );
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
  if (current && (task.phase === 'committing' || task.phase === 'pushing'))
    return { tone: 'active', label: task.phase };
  return { tone: current ? 'active' : 'idle', label: 'agent finished' };
}

/** Checks of an attempt's newest commit: what came before was replaced by it. */
function lastCommit(checks: readonly Check[]): Check[] {
  const sha = checks.at(-1)?.sha;
  return checks.filter((it) => it.sha === sha);
}

/** What a check's state is called, and its tone: the same on pages and in trees. */
export const CHECK_STATES: Record<CheckState, { tone: Tone; label: string }> = {
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
  excerpt: check.excerpt?.replace(/^\s*\n/, '').trimEnd() || null,
  hasLog: check.log_path !== null,
});
