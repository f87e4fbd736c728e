/** The entries of the command table for what is said outside the editor. */
import * as z from 'zod';
import { MESSAGE_TYPES } from '../notifications/message.ts';
import { option, text } from './commandOptions.ts';

/** A heartbeat has a command of its own. */
const TYPES = MESSAGE_TYPES.filter((type) => type !== 'heartbeat');

export const NOTIFY_COMMANDS = {
  heartbeat: {
    id: 'heartbeat',
    palette: null,
    cli: ['heartbeat'],
    summary: 'Sends one heartbeat to Discord now; exit 1 if no Discord channel is configured.',
    args: z.object({}),
    example: 'ampa heartbeat',
  },
  notify: {
    id: 'notify',
    palette: null,
    cli: ['notify'],
    summary: 'Sends a message on every configured channel and waits until it is sent; exit 1 if there is none.',
    args: z.object({
      title: text('One line.', 'TEXT'),
      body: text('The text.', 'TEXT'),
      type: option(z.enum(TYPES).optional(), 'What kind of message it is; default other.', { value: TYPES.join('|') }),
    }),
    example: 'ampa notify --title "Release" --body "Version 2 is out"',
    speaksInTask: true,
  },
} as const;
