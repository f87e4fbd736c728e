/** Where a task belongs in the views, and what the `when` clauses of the menus are told of it. Pure. */
import { hasDiff, hasLog, hasWorktree, isAbortable, isContinuable, isMergeable } from '../tasks/abilities.ts';
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
