/** What is said outside the editor of a question that waits. Pure. */
import type { Button, ButtonStyle, Link, Message } from '../notifications/message.ts';
import { linksInOrder } from '../notifications/render.ts';
import { ALLOW, ALWAYS, choiceLabel, REJECT } from './choices.ts';
import { cutText, type Prompt } from './prompt.ts';

/** Discord's limits: buttons of a message, characters of a label and of an id. */
const MAX_BUTTONS = 25;
const MAX_LABEL = 80;
const MAX_ID = 100;
/** Of texts that others write, so that each line of the message has room; UTF-16 units. */
const MAX_PLACE = 120;
const MAX_SESSION = 200;
const MAX_CHOICES = 500;

const STYLES: Readonly<Record<string, ButtonStyle>> = { [ALLOW]: 'success', [REJECT]: 'danger', [ALWAYS]: 'secondary' };

/** `prompt:<id>:<choice>`; a choice that is too long, or would blur the id, goes by its number. */
export function choiceId(prompt: Pick<Prompt, 'id' | 'choices'>, choice: string): string {
  const plain = `prompt:${prompt.id}:${choice}`;
  const fits = plain.length <= MAX_ID && /^[^:#\s][^:]*$/u.test(choice) && !/\p{Cc}/u.test(choice);
  return fits ? plain : `prompt:${prompt.id}:#${prompt.choices.indexOf(choice) + 1}`;
}

/** The dedupe key under which a question is said. */
export const announceKey = (id: string): string => `prompt:${id}`;

/** `where` names it for people: `owner/repo#12`, a task's title, or the session. `linkOf` makes the link that opens a task. */
export function announcement(
  prompt: Prompt,
  task: { id: string; title: string; pr_url: string | null } | null,
  where: string | null,
  linkOf: (taskId: string) => string,
): Message {
  const place = cutText(where ?? task?.title ?? prompt.session, MAX_PLACE);
  const buttons: Button[] = [...new Set(prompt.choices)].slice(0, MAX_BUTTONS).map((choice) => ({
    type: 'button',
    label: cutText(choiceLabel(prompt, choice).replace(/\s+/g, ' ').trim() || '-', MAX_LABEL),
    custom_id: choiceId(prompt, choice),
    style: (prompt.asks === 'permission' && STYLES[choice]) || 'secondary',
  }));
  const field = (name: string, value: string | null): { name: string; value: string }[] =>
    value ? [{ name, value }] : [];
  const links: Link[] = [
    ...(task?.pr_url ? [{ label: 'Pull request', url: task.pr_url }] : []),
    ...(task ? [{ label: 'Open the task', url: linkOf(task.id) }] : []),
  ];
  const labels = prompt.choices.map((choice) => choiceLabel(prompt, choice));
  return {
    type: 'waiting_for_input',
    title: `[NEEDS-HUMAN] ${place} needs a human`,
    body: prompt.prompt_text === prompt.summary ? null : prompt.prompt_text,
    fields: [
      ...field('Summary', prompt.summary),
      ...field('Session', cutText(prompt.session, MAX_SESSION)),
      ...field('Work item', prompt.work_item),
      ...field('Choices', cutText(labels.join(', '), MAX_CHOICES)),
      ...field('Answer', `in the editor, or \`ampa respond ${prompt.id} ${labels.length > 0 ? 'CHOICE' : 'TEXT'}\``),
      ...field('Pending prompt file', prompt.prompt_file),
    ],
    ...(buttons.length > 0 ? { components: buttons } : {}),
    ...(links.length > 0 ? { links: linksInOrder(links) } : {}),
    priority: 'high',
    tags: ['ampa', 'escalation', 'needs-human'],
  };
}
