/** The entries of the command table for questions. */
import * as z from 'zod';
import { flag, option, text } from './commandOptions.ts';

export const PROMPT_COMMANDS = {
  prompts: {
    id: 'prompts',
    palette: null,
    cli: ['prompts'],
    summary: 'Lists the questions that wait for an answer.',
    args: z.object({}),
    example: 'ampa prompts',
  },
  respond: {
    id: 'respond',
    palette: null,
    cli: ['respond'],
    summary: 'Answers a question of an agent or a script; the first answer counts.',
    args: z.object({
      prompt: option(z.string(), 'Id of the question or a part of it, or its session if that asks nothing else.', {
        value: 'PROMPT|SESSION',
        positional: true,
      }),
      text: option(z.string(), 'One of its choices, or an answer in words.', { value: 'TEXT', positional: true }),
    }),
    example: 'ampa respond 7QX2 allow',
    refusedInTask: true,
  },
  ask: {
    id: 'ask',
    palette: null,
    cli: ['ask'],
    summary: 'Asks a person from a script; inside a task the question is shown with it.',
    args: z.object({
      session: option(z.string(), 'Any name for who asks; answers can be given by it.', {
        value: 'SESSION',
        positional: true,
      }),
      text: option(z.string(), 'The question.', { value: 'TEXT', positional: true }),
      choice: option(z.array(z.string()).optional(), 'An answer on offer; once for each.', { value: 'C', many: true }),
      kind: text('Category that fallback rules name; default question.', 'KIND'),
      workItem: text('What it is about, for people.', 'ID'),
      recommend: option(
        z.enum(['accept', 'decline']).optional(),
        'What the fallback mode accept-recommendation applies.',
        { value: 'accept|decline' },
      ),
      wait: flag('Wait for the answer and print it.'),
    }),
    example: 'ampa ask deploy "Deploy to production?" --choice yes --choice no --wait',
    speaksInTask: true,
  },
} as const;
