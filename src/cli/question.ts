import type { Prompt } from '../conversations/prompt.ts';

/** A question that waits, and how it is answered, in a line or two. */
export const questionText = (prompt: Prompt): string =>
  [
    `Waiting for an answer: ${prompt.summary}`,
    ...(prompt.detail === prompt.summary || prompt.detail === prompt.prompt_text ? [] : [indent(prompt.detail)]),
    `  ampa respond ${prompt.id} ${prompt.choices.length === 0 ? 'TEXT' : prompt.choices.map(shellWord).join('|')}`,
  ].join('\n');

const shellWord = (text: string): string => (/^[\w.-]+$/.test(text) ? text : JSON.stringify(text));

/** Every line moved to the right. */
export const indent = (text: string, by = 2): string =>
  text
    .split('\n')
    .map((line) => ' '.repeat(by) + line)
    .join('\n');
