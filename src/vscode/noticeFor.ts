/** What a person is told about a task, and with which buttons. Pure. */
import { choiceLabel } from '../conversations/choices.ts';
import type { OpenPrompt } from '../conversations/prompt.ts';
import { reasonText, type NextStep } from '../tasks/reasons.ts';
import { isActive, type Task } from '../tasks/task.ts';
import type { CommandId } from './commandTable.ts';
import { cut, wishOf } from './taskRows.ts';
import { hasDiff, isMergeable } from '../tasks/abilities.ts';

export interface NoticeButton {
  title: string;
  command: CommandId;
}

export interface Notice {
  taskId: string;
  severity: 'information' | 'warning' | 'error';
  message: string;
  buttons: NoticeButton[];
}

const NEXT: Record<NextStep, NoticeButton> = {
  continue: { title: 'Continue…', command: 'ampa.continueTask' },
  doctor: { title: 'Check Setup', command: 'ampa.doctor' },
  sign_in: { title: 'Sign In', command: 'ampa.signIn' },
  show_log: { title: 'Show Log', command: 'ampa.showLog' },
  show_diff: { title: 'Show Diff', command: 'ampa.showDiff' },
  merge: { title: 'Merge…', command: 'ampa.mergeTask' },
  start: { title: 'Start Task…', command: 'ampa.startTask' },
};

/**
 * A task that was seen active and is so no longer. Null for anything else: progress belongs to the
 * trees, and what a person did to a task is no news to them.
 */
export function noticeFor(before: Task | undefined, after: Task): Notice | null {
  if (!before || !isActive(before.status) || isActive(after.status)) return null;
  const show: NoticeButton = { title: 'Show Task', command: 'ampa.showTask' };
  if (after.status === 'aborted') return null;
  if (after.status === 'success') {
    const buttons = [...(hasDiff(after) ? [NEXT.show_diff] : []), ...(isMergeable(after) ? [NEXT.merge] : []), show];
    return {
      taskId: after.id,
      severity: 'information',
      message: `“${after.title}”: checks green.`,
      buttons: buttons.slice(0, 3),
    };
  }
  const { sentence, next } = reasonText(after.reason ?? after.status);
  const continueToo = next !== 'continue' && next !== 'start' ? [NEXT.continue] : [];
  return {
    taskId: after.id,
    severity: after.status === 'error' ? 'error' : 'warning',
    message: `“${after.title}”: ${sentence}`,
    buttons: [NEXT[next], ...continueToo, show],
  };
}

/** One notice in place of many that came at once. */
export function summaryOf(notices: readonly Notice[]): Notice {
  const good = notices.filter((it) => it.severity === 'information').length;
  const rest = notices.length - good;
  const parts = [
    good > 0 ? `${good} green` : '',
    rest > 0 ? `${rest} ${rest === 1 ? 'needs' : 'need'} you` : '',
  ].filter(Boolean);
  return {
    taskId: notices[0]?.taskId ?? '',
    severity: rest > 0 ? 'warning' : 'information',
    message: `${notices.length} tasks ended: ${parts.join(', ')}.`,
    buttons: rest > 0 ? [{ title: 'Next That Needs Me', command: 'ampa.nextTask' }] : [],
  };
}

/** What a permission prompt asks, in one line. */
export const promptMessage = (prompt: OpenPrompt, title: string): string =>
  `“${cut(title, 80)}” ${wishOf(prompt)}${prompt.detail && prompt.detail !== prompt.summary ? ` — ${cut(prompt.detail.replace(/\s+/g, ' '), 300)}` : ''}`;

/** Characters that the buttons of a notice have room for, beside the last one. */
const ROOM = 52;

/** The first choices of a question as buttons, at most three and no more than fit: the others are behind "Open…". */
export function promptButtons(prompt: OpenPrompt): { choice: string; title: string }[] {
  const buttons = prompt.choices
    .slice(0, 3)
    .map((choice) => ({ choice, title: cut(choiceLabel(prompt, choice), ROOM) }));
  let room = ROOM;
  const fitting = buttons.findIndex(({ title }) => (room -= title.length + 4) < 0);
  return fitting === -1 ? buttons : buttons.slice(0, fitting);
}
