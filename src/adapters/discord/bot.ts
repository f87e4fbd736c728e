/** The Discord bot: one connection to the gateway for clicks, and a channel to speak in. */
import type { Click } from '../../notifications/clicks.ts';
import { SendError, type Channel } from '../../notifications/ports.ts';
import type { Clock, Fetch } from '../../tasks/ports.ts';
import { sendMessage } from './sending.ts';
import { messageOf, runSession, type Ended, type Session } from './session.ts';

export interface BotState {
  /** `starting` also while a lost connection is mended. */
  state: 'starting' | 'ready' | 'stopped';
  /** For people: what the last try ended with; null when there is nothing to say. */
  why: string | null;
}

export interface BotOptions {
  token: string;
  channelId: string;
  /** Root of the REST API where it is not Discord's own. */
  api?: string;
  /** Ids of the users and roles who may decide; empty: nobody, and no button that decides is offered. */
  allowedIds(): readonly string[];
  clock: Clock;
  /** Default: Node's own. The gateway's socket does not go through it. */
  fetch?: Fetch;
  onClick(click: Click): void;
  onState(state: BotState): void;
  onError(error: unknown): void;
}

export interface Bot {
  /** Rejects while there is no connection yet, and once the bot has stopped. */
  channel: Channel;
  state(): BotState;
  /** Resolves when the bot has stopped for good: after the signal, or of itself (see `BotState.why`). */
  ended: Promise<void>;
}

const MAX_FAILED_STARTS = 3;
const FIRST_PAUSE_MS = 5_000;
const LONGEST_PAUSE_MS = 60_000;

/**
 * Starts the bot; loads discord.js. A lost connection is mended for as long as it takes. The bot stops of
 * itself when Discord refuses it for good, or when three starts in a row have failed before one has
 * succeeded.
 */
export function startBot(options: BotOptions, stop: AbortSignal): Bot {
  let current: BotState = { state: 'starting', why: null };
  let session: Session | undefined;
  let refused = false;
  const set = (state: BotState['state'], why: string | null): void => {
    if (stop.aborted || (state === current.state && why === current.why)) return;
    current = { state, why };
    options.onState(current);
  };

  async function oneSession(): Promise<Ended & { wasReady: boolean }> {
    let wasReady = false;
    const ended = await runSession(
      {
        ...options,
        fetch: options.fetch ?? globalThis.fetch,
        onReady(it) {
          wasReady = true;
          session = it;
          set('ready', null);
        },
        onDrop: (why) => set('starting', why),
      },
      stop,
    ).catch((error: unknown): Ended => ({ why: messageOf(error), fatal: false }));
    session = undefined;
    return { ...ended, wasReady };
  }

  async function run(): Promise<void> {
    let failed = 0;
    let everReady = false;
    for (;;) {
      const { why, fatal, wasReady } = await oneSession();
      if (stop.aborted) return;
      everReady ||= wasReady;
      failed = wasReady ? 1 : failed + 1;
      refused = fatal;
      if (fatal) return set('stopped', why);
      if (!everReady && failed >= MAX_FAILED_STARTS)
        return set('stopped', `${MAX_FAILED_STARTS} starts in a row have failed, the last one with: ${why}`);
      set('starting', why);
      await options.clock.sleep(Math.min(FIRST_PAUSE_MS * 2 ** (failed - 1), LONGEST_PAUSE_MS), stop);
      if (stop.aborted) return;
    }
  }

  return {
    channel: {
      name: 'discord-bot',
      async send(message, sendOptions) {
        if (!session) {
          const why = current.why === null ? '' : `: ${current.why}`;
          const what = current.state === 'stopped' ? 'the bot has stopped' : 'the bot is not connected';
          throw new SendError(`${what}${why}`, { stopped: refused });
        }
        return sendMessage({ ...options, session }, message, sendOptions);
      },
    },
    state: () => current,
    ended: run(),
  };
}
