import { AmpaError } from '../errors.ts';
import { statusOf, type Reason } from './reasons.ts';
import type { Phase, Status } from './task.ts';

/** The part of a task that decides which events are legal. */
export interface Lifecycle {
  status: Status;
  phase: Phase | null;
  reason: string | null;
  merged_at: string | null;
}

/** What can happen to a task. `stop` carries its reason, and the reason decides the status. */
export type TransitionEvent =
  /** A carrier took the queued task. */
  | { type: 'begin' }
  /** The next phase. From `retrying` this is also the way back to `running`. */
  | { type: 'advance'; phase: Phase }
  /** A red commit: the agent gets another turn. */
  | { type: 'retry' }
  | { type: 'stop'; reason: Exclude<Reason, 'user'>; detail?: string }
  | { type: 'succeed' }
  | { type: 'abort' }
  | { type: 'continue' }
  | { type: 'merge'; at: string };

export type Transition = { ok: true; to: Lifecycle } | { ok: false; error: AmpaError };

const allowed = (to: Lifecycle): Transition => ({ ok: true, to });

/**
 * The state machine of a task (tasks: "States"). Total: every pair of state and event has an
 * answer, and an illegal one is a clear error, never an exception and never a silent no-op.
 */
export function transition(from: Lifecycle, event: TransitionEvent): Transition {
  const { status } = from;
  const active = status === 'running' || status === 'retrying';
  const to = (next: Status, phase: Phase | null = null, reason: string | null = null): Transition =>
    allowed({ status: next, phase, reason, merged_at: from.merged_at });
  const refuse = (verb: string, hint: string): Transition => ({
    ok: false,
    error: new AmpaError('illegal_transition', `cannot ${verb} ${describe(from)}`, hint),
  });

  switch (event.type) {
    case 'begin':
      return status === 'queued' ? to('running', 'preparing') : refuse('begin', 'Only a queued task can be begun.');
    case 'advance':
      return active ? to('running', event.phase) : refuse('advance', 'Only a running task has phases.');
    case 'retry':
      return active ? to('retrying', 'agent') : refuse('retry', 'Only a running task can be retried; use continue.');
    case 'stop': {
      const next = statusOf(event.reason);
      const legal = active || (status === 'queued' && next === 'error');
      return legal ? to(next, null, event.reason) : refuse('stop', 'It is not running.');
    }
    case 'succeed':
      return status === 'running' ? to('success') : refuse('finish', 'Only a running task can succeed.');
    case 'abort':
      if (from.merged_at) return refuse('abort', 'Its work has landed; revert the merge instead.');
      return status === 'aborted' ? refuse('abort', 'Nothing of it is running.') : to('aborted', null, 'user');
    case 'continue':
      if (from.merged_at) return refuse('continue', 'Its work has landed: start a new task for what comes next.');
      return active || status === 'queued'
        ? refuse('continue', 'It is still active: the text is delivered as a message instead.')
        : to('queued');
    case 'merge':
      if (from.merged_at) return refuse('merge', 'It was merged before.');
      return status === 'success' || status === 'needs_review'
        ? allowed({ status: 'success', phase: null, reason: null, merged_at: event.at })
        : refuse('merge', 'Only finished work can be merged.');
  }
}

function describe(from: Lifecycle): string {
  if (from.merged_at) return 'a merged task';
  const names: Record<Status, string> = {
    queued: 'a queued task',
    running: 'a running task',
    retrying: 'a task that is retrying',
    needs_review: 'a task that needs review',
    success: 'a successful task',
    aborted: 'an aborted task',
    error: 'a task that ended in an error',
  };
  return names[from.status];
}
