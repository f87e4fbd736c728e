import type { NOTIFY_COMMANDS } from '../app/notifyCommands.ts';
import { AmpaError, usageError } from '../errors.ts';
import type { Told } from '../notifications/ports.ts';
import type { Handlers, Session } from './io.ts';

/** Sends one heartbeat, says what came of it, and resolves to the exit status. */
export async function sendHeartbeat({ app, io }: Session): Promise<number> {
  return outcome({ app, io }, await app.sendHeartbeat(io.signal), 'Discord channel');
}

/** Those that say something outside; each resolves to the exit status. */
export const NOTIFY_HANDLERS: Handlers<keyof typeof NOTIFY_COMMANDS> = {
  heartbeat: sendHeartbeat,
  async notify(session, { title, body, type }) {
    if (!title?.trim() && !body?.trim())
      throw usageError('there is nothing to say', 'Give --title TEXT or --body TEXT.');
    const message = { type: type ?? 'other', title: title?.trim() || null, body: body?.trim() || null } as const;
    return outcome(session, await session.app.notify(message, session.io.signal), 'channel');
  },
};

function outcome({ io }: Session, told: readonly Told[], what: string): number {
  if (told.length === 0) {
    throw new AmpaError(
      'refused',
      `no ${what} is configured, so nothing is sent`,
      'Set AMPA_DISCORD_WEBHOOK, or another channel of the README, in .worklog/ampa/.env.',
    );
  }
  const sent = told.some((it) => it.outcome === 'sent');
  if (io.asJson) io.json({ sent, channels: told });
  else
    for (const it of told) {
      const line = `${it.channel}: ${it.outcome}${it.detail === null ? '' : ` (${it.detail})`}`;
      if (it.outcome === 'sent') io.out(line);
      else
        io.err(it.outcome === 'waiting' ? `${line}; it stays in the outbox, and a running AMPA tries it again` : line);
    }
  return sent || told.every((it) => it.outcome === 'skipped') ? 0 : 1;
}
