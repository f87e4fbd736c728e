/** What makes sense for a task as it is now. Pure: menus, buttons, pickers and notices agree through it. */
import { isActive, type Task } from '../tasks/task.ts';

/** The tokens of a row's `contextValue`; `when` clauses match on them and on nothing else. */
export const TOKENS = [
  'group',
  'question',
  'day',
  'more',
  'task',
  'attempt',
  'check',
  'log',
  'diff',
  'active',
  'ended',
  'queued',
  'running',
  'retrying',
  'needs_review',
  'success',
  'aborted',
  'error',
  'needsPerson',
  'asks',
  'abortable',
  'continuable',
  'mergeable',
  'merged',
  'hasWorktree',
  'hasDiff',
  'hasLog',
  'hasPullRequest',
  'signIn',
  // Of the Schedule tree.
  'scheduled',
  'scheduledRun',
  'switchedOn',
  'switchedOff',
  'canRun',
] as const;
export type Token = (typeof TOKENS)[number];

export type Group = 'needs' | 'running' | 'queued' | 'done';

/** Where a task belongs. `asks`: it has an open question. */
export function groupOf(task: Task, asks: boolean): Group {
  if (asks || task.status === 'needs_review' || task.status === 'error') return 'needs';
  if (task.status === 'queued') return 'queued';
  return isActive(task.status) ? 'running' : 'done';
}

export const isMergeable = (task: Task): boolean =>
  (task.status === 'success' || task.status === 'needs_review') &&
  task.merged_at === null &&
  task.base !== null &&
  task.head_sha !== null &&
  task.head_sha !== task.base_sha;

export const isAbortable = (task: Task): boolean => task.merged_at === null && task.status !== 'aborted';
export const isContinuable = (task: Task): boolean => task.merged_at === null;
export const hasDiff = (task: Task): boolean =>
  task.base_sha !== null && task.head_sha !== null && task.head_sha !== task.base_sha;
export const hasWorktree = (task: Task): boolean => task.worktree !== null && task.worktree_ready;
/** A task that was never begun has said nothing. */
export const hasLog = (task: Task): boolean => task.attempts > 0 || task.phase !== null || task.status === 'error';

export function tokensOf(task: Task, asks: boolean): Token[] {
  const given: [Token, boolean][] = [
    ['task', true],
    [isActive(task.status) ? 'active' : 'ended', true],
    [task.status, true],
    ['needsPerson', groupOf(task, asks) === 'needs'],
    ['asks', asks],
    ['abortable', isAbortable(task)],
    ['continuable', isContinuable(task)],
    ['mergeable', isMergeable(task)],
    ['hasPullRequest', task.pr_url !== null],
    ['merged', task.merged_at !== null],
    ['hasWorktree', hasWorktree(task)],
    ['hasDiff', hasDiff(task)],
    ['hasLog', hasLog(task)],
    ['signIn', task.reason === 'agent_auth'],
  ];
  return given.filter(([, holds]) => holds).map(([token]) => token);
}

/** What a person is asked to look at: a new question, reason or round makes it unread again. */
export const stateKey = (task: Task, promptIds: readonly string[]): string =>
  [task.status, task.reason ?? '', task.attempts, task.max_attempts, ...promptIds].join(' ');
