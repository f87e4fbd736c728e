/** Questions as the task page shows them. Pure. */
import { choiceLabel, isRecommended } from '../conversations/choices.ts';
import type { ContextEntry, OpenPrompt, Prompt } from '../conversations/prompt.ts';

export interface ChoiceView {
  /** What is answered. */
  value: string;
  label: string;
  recommended: boolean;
}

export interface PromptView {
  id: string;
  /** "The agent asks to run a command" */
  sentence: string;
  /** What the agent calls it; null where that says no more than the detail. */
  summary: string | null;
  /** The exact command or paths of a permission, which are shown as they are; of a question its words. */
  detail: string;
  exact: boolean;
  choices: ChoiceView[];
  /** What was said before. */
  context: ContextEntry[];
  /** Why it was not answered by the rule that was tried; null where none was. */
  held: string | null;
  words: { label: string; placeholder: string };
  /** ms since the epoch. */
  since: number;
}

export interface AnswerView {
  id: string;
  question: string;
  answer: string;
  by: string;
  /** ms since the epoch. */
  at: number;
  /** "auto-accept, by projects.me/shop": nobody was asked. Null where a person answered. */
  rule: string | null;
}

/** What an agent may ask for, by the kind that its protocol gives a tool. */
const ASKS: Readonly<Record<string, string>> = {
  execute: 'run a command',
  edit: 'change files',
  delete: 'delete files',
  move: 'move files',
  read: 'read files',
  search: 'search',
  fetch: 'fetch from the network',
};

export function promptView(prompt: OpenPrompt): PromptView {
  const permission = prompt.asks === 'permission';
  const detail = prompt.detail.trim() || prompt.prompt_text.trim() || prompt.summary;
  const summary = prompt.summary.trim();
  return {
    id: prompt.id,
    sentence: permission ? `The agent asks to ${ASKS[prompt.kind] ?? 'do this'}` : 'The agent has a question',
    // The words of a question are all in its detail.
    summary: !permission || detail.replace(/\s+/g, ' ').includes(summary.replace(/…$/, '')) ? null : summary,
    detail,
    exact: permission,
    choices: prompt.choices.map((value) => ({
      value,
      label: choiceLabel(prompt, value),
      recommended: isRecommended(prompt, value),
    })),
    context: prompt.context,
    held:
      prompt.automatic === null
        ? null
        : `The rule ${prompt.automatic.rule} (${prompt.automatic.mode}) leaves the answer to you.`,
    words: permission
      ? { label: 'Refuse and Reply', placeholder: 'What should it do instead?' }
      : { label: 'Answer', placeholder: prompt.choices.length > 0 ? 'Or answer in your own words' : 'Your answer' },
    since: Date.parse(prompt.created_at),
  };
}

export function answerView(prompt: Prompt): AnswerView {
  const { automatic, response } = prompt;
  // A rule that was tried and left it to a person has answered nothing.
  const byRule = automatic !== null && (prompt.answered_by ?? '').startsWith('AMPA (');
  return {
    id: prompt.id,
    question: prompt.asks === 'permission' ? prompt.detail.trim() || prompt.summary : prompt.summary,
    answer: response === null ? '' : choiceLabel(prompt, response),
    by: prompt.answered_by ?? 'somebody',
    at: Date.parse(prompt.answered_at ?? prompt.created_at),
    rule: byRule ? `${automatic.mode}, by ${automatic.rule}` : null,
  };
}
