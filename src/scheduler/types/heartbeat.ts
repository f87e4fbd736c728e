import * as z from 'zod';
import type { Told } from '../../notifications/ports.ts';
import type { CommandType, RunContext, RunEnd } from '../ports.ts';

/** Tells Discord that somebody works here, and on what. */
export const heartbeatType: CommandType = {
  metadata: z.looseObject({}),
  run: async ({ announce, pulse, say }) => endOfTold(await announce(await pulse()), say),
};

/** How a run ends that has said something; where nobody listens there was nothing to do. */
export function endOfTold(told: readonly Told[], say: RunContext['say']): RunEnd {
  for (const { channel, outcome, detail } of told)
    say(`${channel}: ${outcome}${detail === null ? '' : `, ${detail}`}\n`);
  if (told.length === 0) {
    say('No channel for this is configured.\n');
    return { status: 'skipped', exit_code: null };
  }
  if (told.some(({ outcome }) => outcome === 'sent')) return { status: 'succeeded', exit_code: 0 };
  if (told.every(({ outcome }) => outcome === 'skipped')) return { status: 'skipped', exit_code: null };
  return { status: 'failed', exit_code: 1 };
}
