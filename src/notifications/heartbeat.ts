/** The heartbeat: what it says, and how a channel takes it. Pure. */
import type { Message } from './message.ts';
import type { ChannelName, LastSent } from './ports.ts';

export interface Pulse {
  workspace: string;
  machine: string;
  running: number;
  waiting: number;
  needsYou: number;
  /** The scheduled command that ended last; null: none has. */
  lastRun: { title: string; status: string; at: number } | null;
  /** ms since the epoch. */
  now: number;
}

const utc = (at: number): string => `${new Date(at).toISOString().slice(0, 16).replace('T', ' ')} UTC`;

export function heartbeatMessage(pulse: Pulse): Message {
  const { lastRun } = pulse;
  return {
    type: 'heartbeat',
    title: 'AMPA heartbeat',
    body: null,
    fields: [
      { name: 'Workspace', value: `${pulse.workspace} on ${pulse.machine}` },
      { name: 'Running tasks', value: String(pulse.running) },
      { name: 'Waiting tasks', value: String(pulse.waiting) },
      ...(pulse.needsYou > 0 ? [{ name: 'Need you', value: String(pulse.needsYou) }] : []),
      {
        name: 'Last run',
        value:
          lastRun === null ? 'none yet' : `${lastRun.title}, ${lastRun.status.replace('_', ' ')}, ${utc(lastRun.at)}`,
      },
      { name: 'Beat', value: utc(pulse.now) },
    ],
    priority: 'low',
  };
}

/** After another message the channel needs no sign of life for so long; ms. */
export const QUIET_MS = 5 * 60_000;

/**
 * What a channel does with a heartbeat: `silent` where it was told something else just now, `edit` the
 * one before where that is the last it was told, else `post`.
 */
export function heartbeatMove(last: LastSent | null, now: number): 'silent' | 'edit' | 'post' {
  if (last === null) return 'post';
  if (last.type === 'heartbeat') return last.remoteId === null ? 'post' : 'edit';
  return now - last.at < QUIET_MS && last.at <= now ? 'silent' : 'post';
}

/** The channels that hear of a message: a heartbeat is for Discord, and never for a phone. */
export const audienceOf = (
  { type, only }: Pick<Message, 'type' | 'only'>,
  channels: readonly ChannelName[],
): ChannelName[] =>
  channels.filter((name) => (type !== 'heartbeat' || isDiscord(name)) && (only?.includes(name) ?? true));

export const isDiscord = (name: ChannelName): boolean => name === 'discord-bot' || name === 'discord-webhook';
