/** A permission that an agent wants, as people are asked for it. */
import { ALLOW, ALWAYS, REJECT } from '../../conversations/choices.ts';
import type { NewPrompt } from '../../conversations/ports.ts';
import type { PermissionRequest } from '../ports.ts';
import { HIDDEN, hides, redact, redactCommand } from '../redact.ts';
import type { Allowed } from '../task.ts';

/** What `always` would allow; null where the question names nothing exact. */
export function allowable(question: NewPrompt): Allowed | null {
  const { command } = question.metadata ?? {};
  return question.asks === 'permission' && typeof command === 'string'
    ? { kind: question.kind ?? 'other', command }
    : null;
}

/** Whether it was refused with a reason in words. */
export const isReason = (response: string): boolean => response !== ALLOW && response !== ALWAYS && response !== REJECT;

/**
 * Two commands with different secrets look the same: where anything is hidden, nothing is exact enough to be
 * allowed for good.
 */
export function permissionQuestion(
  request: PermissionRequest,
  secrets: readonly string[],
): Omit<NewPrompt, 'session'> & { summary: string; session: string } {
  const [summary, shown] = [redactCommand(request.title, secrets), redactCommand(request.detail, secrets)];
  const hidden = hides(summary, request.title) || hides(shown, request.detail);
  const detail = hidden ? `${shown || summary}\n\n${HIDDEN}` : shown;
  const { command } = request;
  const exact = command !== null && redact(command, secrets) === command && redactCommand(command, secrets) === command;
  return {
    session: '',
    asks: 'permission',
    kind: request.kind,
    summary,
    detail,
    prompt_text: detail === summary || detail === '' ? summary : `${summary}\n\n${detail}`,
    choices: exact ? [ALLOW, REJECT, ALWAYS] : [ALLOW, REJECT],
    metadata: exact ? { command } : {},
  };
}
