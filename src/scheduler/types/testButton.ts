import * as z from 'zod';
import { buttonTest } from '../../notifications/runMessages.ts';
import type { CommandType } from '../ports.ts';
import { endOfTold } from './heartbeat.ts';

/** Sends two buttons, so that a person can see that clicks arrive. */
export const testButtonType: CommandType = {
  metadata: z.looseObject({}),
  run: async ({ announce, say }) => endOfTold(await announce(buttonTest()), say),
};
