/** Questions in words. Pure. */
import { choiceLabel } from '../conversations/choices.ts';
import type { OpenPrompt } from '../conversations/prompt.ts';
import { describeError, type AmpaError } from '../errors.ts';
import { escapeMarkdown } from './taskRows.ts';

/** Why an answer was not taken, for the one who gave it: no ids, and the time on the clock of this machine. */
export function lateWords(error: AmpaError, now: number): string {
  const today = new Date(now).toDateString();
  return describeError(error)
    .replace(/^(?:the answer to )?prompt \S+/, (found) => (found.startsWith('the') ? 'Your answer' : 'This question'))
    .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, (iso) => {
      const at = new Date(iso);
      const time = `${String(at.getHours()).padStart(2, '0')}:${String(at.getMinutes()).padStart(2, '0')}`;
      return at.toDateString() === today ? time : `${time} on ${at.toDateString()}`;
    });
}

/** The whole of a question as a page: what is asked, what was said before, what can be answered. */
export function questionPage(prompt: OpenPrompt, title: string): string {
  const quoted = (text: string): string =>
    text
      .split('\n')
      .map((line) => `> ${escapeMarkdown(line)}`)
      .join('\n');
  const said = prompt.context.map(({ role, content }) => `**${escapeMarkdown(role)}**\n\n${quoted(content)}`);
  const choices = prompt.choices.map((choice) => `- ${escapeMarkdown(choiceLabel(prompt, choice))}`);
  return [
    `# ${escapeMarkdown(title)}`,
    quoted(prompt.prompt_text),
    ...(choices.length > 0 ? ['## Answers', choices.join('\n')] : []),
    ...(prompt.recommendation === null ? [] : [`Recommended: ${escapeMarkdown(prompt.recommendation)}`]),
    ...(said.length > 0 ? ['## Earlier conversation', ...said] : []),
    `Session ${escapeMarkdown(prompt.session)}${prompt.work_item === null ? '' : `, work item ${escapeMarkdown(prompt.work_item)}`}. Answer it with **AMPA: Answer Question…**.`,
  ].join('\n\n');
}
