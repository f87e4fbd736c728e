/** What a person can do with a task as it is now. Pure: menus, buttons, pickers, pages and notices agree through it. */
import { isActive, type Task } from './task.ts';
import { transition } from './transition.ts';

export const hasDiff = (task: Task): boolean =>
  task.base_sha !== null && task.head_sha !== null && task.head_sha !== task.base_sha;

export const hasWorktree = (task: Task): boolean => task.worktree !== null && task.worktree_ready;

/** A task that was never begun has said nothing. */
export const hasLog = (task: Task): boolean => task.attempts > 0 || task.phase !== null || task.status === 'error';

/** There is work, and a branch that it can land on. */
export const isMergeable = (task: Task): boolean =>
  hasDiff(task) && task.base !== null && transition(task, { type: 'merge', at: '' }).ok;

export const isAbortable = (task: Task): boolean => transition(task, { type: 'abort' }).ok;

/** Takes another word: one that is active as a message for its next turn. */
export const isContinuable = (task: Task): boolean =>
  isActive(task.status) ? task.merged_at === null : transition(task, { type: 'continue' }).ok;
