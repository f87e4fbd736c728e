/** What the outbox needs from outside. */
import type { DoorbellKind, Ring } from './doorbell.ts';
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
  /** Nothing at all is taken there until its settings change: the address is gone, the token is revoked. */
  readonly stopped: boolean;
  /** It may have been taken all the same: the answer did not come. */
  readonly unsure: boolean;
  constructor(
    message: string,
    options: {
      retryAfterMs?: number;
      permanent?: boolean;
      stopped?: boolean;
      unsure?: boolean;
      cause?: unknown;
    } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'SendError';
    this.retryAfterMs = options.retryAfterMs ?? null;
    this.permanent = options.permanent ?? options.stopped ?? false;
    this.stopped = options.stopped ?? false;
    this.unsure = options.unsure ?? false;
  }
}

/** Codes of failures before anything was sent: what was to be said has surely not arrived. */
const UNSENT = new Set<unknown>([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ENETUNREACH',
  'EHOSTUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
  'CERT_HAS_EXPIRED',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'ERR_TLS_CERT_ALTNAME_INVALID',
]);

export const isUnsent = (code: unknown): boolean => UNSENT.has(code);

/** A request as the channels make it. */
export interface PostRequest {
  method?: 'POST' | 'PATCH';
  headers?: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  body: unknown;
  signal: AbortSignal;
}

/**
 * Posts JSON and resolves to the text of an answer in the 200s. Rejects with a `SendError` for
 * everything else, an `AnswerError` where there was an answer; its text never holds the address, which
 * may be a secret.
 */
export type Post = (url: string, request: PostRequest) => Promise<string>;

export class AnswerError extends SendError {
  readonly status: number;
  /** What the answer said, cut. */
  readonly answer: string;
  constructor(status: number, answer: string, options: ConstructorParameters<typeof SendError>[1]) {
    super(answer === '' ? `HTTP ${status}` : `HTTP ${status}: ${answer}`, options);
    this.status = status;
    this.answer = answer;
  }
}

/** Where anything that is to be said goes. */
export interface Outbox {
  /** Records it; the same key twice is said once. False: it was there already, or one like it. */
  say(key: string, message: Message, unless?: Likeness): Promise<boolean>;
}

/** A message whose key begins so is not said within so long of another; ms. */
export interface Likeness {
  prefix: string;
  ms: number;
}

// ---------------------------------------------------------------- deliveries; times are ms since the epoch

/** One message on its way to one channel, claimed. */
export interface Delivery {
  id: number;
  /** Of the message. */
  key: string;
  channel: ChannelName;
  message: Message;
  /** Which try this is; 1 is the first. */
  tries: number;
  repeat: boolean;
  owner: string;
  /** Every later write of this claim names it. */
  token: number;
}

export type ChannelState = 'ok' | 'failing' | 'stopped';

/** What became of a message on a channel: `waiting` has failed and is tried again, or nobody has tried yet. */
export interface Fate {
  channel: ChannelName;
  state: 'waiting' | 'sending' | 'sent' | 'skipped' | 'dead' | 'dropped';
  tries: number;
  /** Why it was not sent, or not yet; null where there is nothing to say. */
  detail: string | null;
}

/** What is known of a channel, whichever process has used it. */
export interface ChannelStatus {
  state: ChannelState;
  error: string | null;
  /** Messages that wait for it. */
  depth: number;
  /** Messages that it never took, and when the last one was given up. */
  buried: number;
  buriedAt: number | null;
}

/** A next step in a channel's sequence. */
export type Next =
  /** To be claimed now. */
  | { kind: 'due' }
  /** Nothing before that time; Infinity: nothing at all. */
  | { kind: 'wait'; until: number }
  /** Another process is at it, or has died at it. */
  | { kind: 'held'; id: number; token: number; owner: string; leaseExpiresAt: number };

export interface FanOut {
  /** Who hears it; those that suit a message are chosen from them. */
  channels: readonly ChannelName[];
  now: number;
  newId(): string;
  /** The doorbell of a task that has ended. */
  ring(kind: DoorbellKind, ring: Ring): Message;
  /** Masks what no channel may show. */
  mask(message: Message): Message;
}

export interface DeliveryStore {
  /** Records a message, with its deliveries where there are channels; false: the same key was there already, or one like it. */
  say(
    key: string,
    message: Message,
    options: Pick<FanOut, 'channels' | 'now' | 'newId'> & { unless?: Likeness },
  ): Promise<boolean>;
  /** Whether something was recorded that one of these has not heard. Cheap. */
  hasNews(channels: readonly ChannelName[]): Promise<boolean>;
  /** Makes the deliveries of everything that its channels have not heard. What nobody wanted to hear for an hour is dropped. */
  fanOut(options: FanOut): Promise<void>;
  /** Of each channel with open deliveries. Cheap where there are none. */
  next(now: number): Promise<Map<ChannelName, Next>>;
  /** The next message of a channel; undefined: somebody else was faster, or it is not its time any more. */
  claim(
    channel: ChannelName,
    owner: string,
    times: { now: number; leaseUntil: number },
  ): Promise<{ delivery: Delivery; last: LastSent | null } | undefined>;
  /** A claim whose holder died goes back, and its message may have been sent; `untried`: it surely was not. */
  giveBack(id: number, token: number, untried?: 'untried'): Promise<void>;
  /** False: the claim was lost. */
  sent(delivery: Delivery, result: Sent, now: number): Promise<boolean>;
  /** To be tried again at `at`; until `holdUntil` nothing else is sent there either. */
  failed(
    delivery: Delivery,
    failure: { error: string; at: number; holdUntil: number | null; repeat: boolean; now: number },
  ): Promise<void>;
  /** Given up: it is in the dead letter file by now. */
  buried(delivery: Delivery, why: { error: string; state: ChannelState; now: number }): Promise<void>;
  /** Claims one that has waited since before `before`, whoever should have sent it. */
  claimStale(before: number, owner: string, leaseUntil: number): Promise<Delivery | undefined>;
  /** Forgets what has been dealt with, and what nobody wanted to hear. */
  prune(now: number): Promise<void>;
  /** What became of a message, by channel. */
  fate(key: string): Promise<Fate[]>;
  status(channel: ChannelName): Promise<ChannelStatus>;
  /** How many messages of each channel were given up, whoever did it, and why the last one was. Cheap. */
  burials(): Promise<{ channel: ChannelName; error: string; count: number }[]>;
  /** A channel says of itself that it cannot go on, or that it can again. */
  noteChannel(channel: ChannelName, state: ChannelState, error: string | null): Promise<void>;
}

/** A line of the dead letter file. */
export interface DeadLetter {
  /** ISO 8601. */
  ts: string;
  reason: string;
  channel: ChannelName;
  payload: Message & { key: string };
}

/** What a person is told of a message on one channel. `waiting`: it stays in the outbox, and is tried again. */
export interface Told {
  channel: ChannelName;
  outcome: 'sent' | 'skipped' | 'waiting' | 'failed';
  detail: string | null;
}
