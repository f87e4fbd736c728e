/** `discuss-options`: the agent lays out what there is to choose from, before a person is asked. Pure. */
import type { ContextEntry } from './prompt.ts';

/** Then a person is asked, whatever the agent has said. */
const DISCUSSION_ROUNDS = 2;
const MAX_OPTIONS = 6;
const MAX_OPTION = 80;

/** A question under discussion. */
export interface Discussion {
  /** The question as it was put. */
  text: string;
  /** `permission`: it was declined, and the agent has to hear so. */
  declined: 'permission' | 'form' | null;
  context: ContextEntry[];
  /** From the agent's last answer; empty where it named none. */
  choices: string[];
  /** How often the agent was asked. */
  rounds: number;
}

export const beginDiscussion = (text: string, declined: Discussion['declined']): Discussion => ({
  text,
  declined,
  context: [],
  choices: [],
  rounds: 0,
});

const FORM =
  'Answer with a list, one option a line: "- ", a short name, a colon, its trade-offs. Name the one you recommend below the list. Change nothing meanwhile.';

/** What the agent is asked next; null where it has said enough, or was asked often enough. */
export function nextRound(discussion: Discussion): string | null {
  if (discussion.rounds >= DISCUSSION_ROUNDS || discussion.choices.length >= 2) return null;
  if (discussion.rounds > 0)
    return `Your answer names no options that a person could choose from. Lay them out again. ${FORM}`;
  const why =
    discussion.declined === 'permission'
      ? 'You were not given that permission: it is to be discussed first.'
      : discussion.declined === 'form'
        ? 'Your form was not filled in: it is to be discussed first.'
        : 'This is to be discussed before a person decides it.';
  return `${why}\n\n${quote(discussion.text)}\n\nLay out the options there are, with their trade-offs. ${FORM}`;
}

/** The discussion after the agent's answer to `question`. */
export function withAnswer(discussion: Discussion, question: string, answer: string): Discussion {
  return {
    ...discussion,
    rounds: discussion.rounds + 1,
    choices: optionsIn(answer),
    context: [
      ...discussion.context,
      { role: 'user', content: question },
      { role: 'assistant', content: answer.trim() || '(it said nothing)' },
    ],
  };
}

/** The names of the options that an agent has listed, in its order. */
export function optionsIn(answer: string): string[] {
  const found: string[] = [];
  for (const line of answer.split('\n')) {
    // What is indented belongs to the option above it.
    const item = /^(?:[-*•]|\d{1,2}[.)])\s+(.+)$/.exec(line.replace(/^ /, ''))?.[1];
    if (item === undefined) continue;
    const name = (item.split(/:\s|:$|:\*\*|\s[–—-]\s/)[0] ?? '').replace(/[*_`]/g, '').trim();
    if (name !== '' && name.length <= MAX_OPTION && !found.some((it) => it.toLowerCase() === name.toLowerCase()))
      found.push(name);
  }
  return found.slice(0, MAX_OPTIONS);
}

/** What the agent goes on from: a person has decided. */
export const decisionText = (discussion: Pick<Discussion, 'text'>, response: string, by: string): string =>
  `${by} has decided on this:\n\n${quote(discussion.text)}\n\nThe answer: ${response}\n\nGo on accordingly. Where you still need a permission for it, ask for it again.`;

/** A permission was rejected in words: the protocol carries none, so they are said afterwards. */
export const rejectedText = (text: string, response: string, by: string): string =>
  `${by} rejected this, and said why:\n\n${quote(text)}\n\n${quote(response)}\n\nGo on accordingly.`;

/** Questions whose process died, for the agent that goes on: an answer is quoted, and permits nothing. */
export function lostText(
  lost: readonly { summary: string; detail: string; response: string | null; answered_by: string | null }[],
): string {
  const each = lost.map(({ summary, detail, response, answered_by: by }) => {
    const what = detail === summary || detail === '' ? summary : `${summary}\n${detail}`;
    return response === null
      ? `You had asked this, and nobody had answered it yet:\n\n${quote(what)}`
      : `You had asked this:\n\n${quote(what)}\n\n${by ?? 'Somebody'} answered meanwhile: ${response}`;
  });
  return `${each.join('\n\n')}\n\nNone of this permits anything by itself: where you still need it, ask again.`;
}

const quote = (text: string): string =>
  text
    .split('\n')
    .map((line) => `> ${line}`)
    .join('\n');
