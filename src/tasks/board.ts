/** What people do with tasks, as the use cases need it from the store: the other half of `ports.ts`. */
import { type AmpaError, notFound } from '../errors.ts';
import type { OpenPrompt, Prompt } from '../conversations/prompt.ts';
import type { Attempt, Check, Message, Status, Task, TaskEvent } from './task.ts';

export const noSuchTask = (id: string): AmpaError => notFound('task', id, '`ampa ls --all` lists them.');

export interface TaskFilter {
  statuses?: readonly Status[];
  /** One of these. */
  createdBy?: readonly string[];
  /** Newest first; without a limit all of them. */
  limit?: number;
  /** Only those older than this one; `total` counts all the same. */
  before?: string;
}

export interface TaskDetail {
  task: Task;
  attempts: Attempt[];
  checks: Check[];
  messages: Message[];
  events: TaskEvent[];
  prompts: OpenPrompt[];
  /** Questions that were answered, oldest first; the last fifty. */
  answers: Prompt[];
}

/** How a `continue` was taken: `requeued` (the task had ended), or `message` / `appended` while it is active. */
export type Continued = { task: Task; as: 'requeued' | 'message' | 'appended' };

export interface TaskBoard {
  insert(task: Task): Promise<Task>;
  list(filter: TaskFilter): Promise<{ tasks: Task[]; total: number }>;
  /** The newest revision: what `changedSince` starts from. */
  revision(): Promise<number>;
  /** Tasks with a revision above `rev`, oldest change first, and the newest revision. */
  changedSince(rev: number): Promise<{ tasks: Task[]; rev: number }>;
  /** The task whose id starts or ends with `text`; rejects with `not_found` or `ambiguous`. */
  find(text: string): Promise<Task>;
  detail(id: string): Promise<TaskDetail>;
  /** One transaction: decides by the state whether the text starts a new round, waits as a message, or is appended. */
  continueTask(id: string, text: string | null): Promise<Continued>;
  /** Asks the carrier to stop. Rejects where there is nothing to stop. */
  requestAbort(id: string): Promise<Task>;
  /** Ends a task that no live process holds: conditional on `token`. False: it has changed hands. */
  abortUnowned(id: string, token: number): Promise<boolean>;
  /**
   * Keeps an ended task as it was read, until a moment (ms since the epoch): meanwhile it is not continued, stopped
   * or merged by another than `by`, who may call again to have it longer. Rejects where it has changed since.
   */
  holdForMerge(task: Task, by: string, until: number): Promise<void>;
  releaseMerge(id: string, by: string): Promise<void>;
  /** Rejects where the task has changed since it was read. */
  recordMerge(task: Task, at: string, note: string): Promise<Task>;
  /**
   * Whether the worktree of an ended task counts: one that does not is looked at anew by who continues the task.
   * False: it has been continued since `task` was read, and nothing is written. So with the next.
   */
  setWorktreeReady(task: Task, ready: boolean): Promise<boolean>;
  /** The worktree is gone. */
  forgetWorktree(task: Task): Promise<boolean>;
}
