/** What the outbox needs from outside. */
import type { Message } from './message.ts';

export type ChannelName = 'discord-bot' | 'discord-webhook' | 'slack' | 'ntfy';

/** What a channel was given last: the bot edits its heartbeat in place, and is silent where others have just spoken. */
export interface LastSent {
  type: Message['type'];
  /** The channel's own id of it; null where it tells none. */
  remoteId: string | null;
  /** ms since the epoch. */
  at: number;
}

export interface SendOptions {
  /** Dedupe key: where a channel can, it takes the same key once only. */
  key: string;
  /** A crash or a time-out may have hidden that it was sent before: say so in the text. */
  repeat: boolean;
  last: LastSent | null;
  signal: AbortSignal;
}

export type Sent =
  /** Posted, or edited in place; with the channel's own id of it. */
  | { sent: true; remoteId: string | null }
  /** Nothing to say here: a heartbeat where somebody has just spoken, a type that this channel does not carry. */
  | { sent: false; why: string };

/** One way out. `send` rejects with a `SendError` when it failed. */
export interface Channel {
  name: ChannelName;
  send(message: Message, options: SendOptions): Promise<Sent>;
}

/** Why a message could not be sent. */
export class SendError extends Error {
  /** What the channel said of when to come again, ms; null when it said nothing. */
  readonly retryAfterMs: number | null;
  /** It will never be taken: a wrong address, a revoked token, text that is refused. */
  readonly permanent: boolean;
  constructor(message: string, options: { retryAfterMs?: number; permanent?: boolean; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'SendError';
    this.retryAfterMs = options.retryAfterMs ?? null;
    this.permanent = options.permanent ?? false;
  }
}

/** Where anything that is to be said goes. */
export interface Outbox {
  /** Records it; the same key twice is said once. False: it was there already. */
  say(key: string, message: Message): Promise<boolean>;
}
