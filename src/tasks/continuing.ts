/** What a person's words, or the wish to go on, make of a task. Pure: the store applies it in one transaction. */
import type { TaskPatch } from './ports.ts';
import { heedsMessages } from './reasons.ts';
import type { Attempt, Task } from './task.ts';
import { isActive } from './task.ts';
import type { Lifecycle } from './transition.ts';

/** What an agent is told that knows everything already. */
export const GO_ON = 'Go on with the task.';

type Prompted = Pick<Task, 'prompt' | 'sent_at'>;
type LastAttempt = Pick<Attempt, 'prompt' | 'outcome'> | undefined;

/**
 * The words that wait in `task.prompt` for an agent, or null: those it has got. A failed turn has taken
 * nothing in, whatever session it began. `last` is the task's newest attempt.
 */
export function undelivered(task: Prompted, last: LastAttempt): string | null {
  if (task.prompt === GO_ON) return null;
  const got = last?.prompt === task.prompt && task.sent_at !== null && last.outcome !== 'failed';
  return got ? null : task.prompt;
}

/** The prompt of a task that is continued with `text`, or without a word. */
export function continuedPrompt(task: Prompted, last: LastAttempt, text: string | null): string {
  const words = [undelivered(task, last), text].filter(Boolean);
  return words.length === 0 ? GO_ON : words.join('\n\n');
}

/** Whether this end gives way to another turn while a message waits. What has landed goes nowhere any more. */
export const yieldsToMessage = ({ status, reason }: Lifecycle, patch: TaskPatch = {}): boolean =>
  !isActive(status) && (reason === null || heedsMessages(reason)) && !patch.merged_at;

/** What that turn gets: the words that wait beside the message, attempts and a clock as a `continue` grants them. */
export const turnForMessage = (
  task: Prompted & Pick<Task, 'max_attempts' | 'attempts' | 'limits'>,
  last: LastAttempt,
): TaskPatch => ({
  prompt: undelivered(task, last) ?? '',
  max_attempts: Math.max(task.max_attempts, task.attempts + task.limits.attempts),
  held_ms: 0,
});
