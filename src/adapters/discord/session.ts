/** One login to Discord's gateway, until it ends. */
import type { Client, REST, RESTOptions } from 'discord.js';
import type { Click } from '../../notifications/clicks.ts';
import type { Clock, Fetch } from '../../tasks/ports.ts';
import { clickOf } from './click.ts';
import { loadDiscord, type DiscordJs } from './load.ts';
import { shardingStrategy } from './shards.ts';

export interface SessionDeps {
  token: string;
  /** Root of the REST API where it is not Discord's own. */
  api?: string;
  clock: Clock;
  fetch: Fetch;
  onReady(session: Session): void;
  /** The connection is lost, and the library mends it. */
  onDrop(why: string): void;
  onClick(click: Click): void;
  onError(error: unknown): void;
}

export interface Session {
  discord: DiscordJs;
  rest: REST;
  /** To be called when Discord knows our token no longer. */
  revoked(): void;
}

/** Why a session ended; `fatal`: another try would end alike. */
export interface Ended {
  why: string;
  fatal: boolean;
}

/** How long a login, and the mending of a connection, may take, ms. */
const PATIENCE_MS = 30_000;
const AUTHENTICATION_FAILED = 4004;
const STOPPED: Ended = { why: 'it was stopped', fatal: false };

/** Logs in and stays until `stop`, or until the library cannot go on. Never rejects. */
export async function runSession(deps: SessionDeps, stop: AbortSignal): Promise<Ended> {
  const { promise: ended, resolve: end } = Promise.withResolvers<Ended>();
  const discord = await loadDiscord();
  if (stop.aborted) return STOPPED;
  const client = newClient(discord, deps);
  /** What the connection has failed with. */
  let latest = '';
  let disarm: (() => void) | undefined;
  // Runs from the first of many failures on: each try of the library is another one.
  const arm = (why: string): void => {
    disarm ??= deps.clock.after(PATIENCE_MS, () => end({ why, fatal: false }));
  };
  const revoked = (): void => end({ why: 'Discord refused the token', fatal: false });
  const ready = (): void => {
    disarm?.();
    disarm = undefined;
    latest = '';
    if (!stop.aborted) deps.onReady({ discord, rest: client.rest, revoked });
  };
  const { Events } = discord;
  client.on(Events.ClientReady, ready);
  client.on(Events.ShardResume, ready);
  client.on(Events.ShardReady, ready);
  client.on(Events.ShardReconnecting, () => {
    if (stop.aborted) return;
    arm(latest || 'the connection to Discord was lost and did not come back');
    deps.onDrop(latest || 'the connection to Discord was lost');
  });
  client.on(Events.ShardDisconnect, ({ code }) => end(refusal(code)));
  client.on(Events.ShardError, (error) => (latest = error.message));
  client.on(Events.Error, deps.onError);
  client.on(Events.InteractionCreate, (it) => {
    if (it.isButton() && !stop.aborted) deps.onClick(clickOf(discord, it, deps.clock.now()));
  });
  const stopped = (): void => end(STOPPED);
  stop.addEventListener('abort', stopped, { once: true });
  try {
    arm(`Discord did not let the bot in within ${PATIENCE_MS / 1000} s`);
    client.login(deps.token).catch((error: unknown) => end(failure(discord, error)));
    return await ended;
  } finally {
    stop.removeEventListener('abort', stopped);
    disarm?.();
    await client.destroy().catch(deps.onError);
  }
}

function newClient(discord: DiscordJs, deps: SessionDeps): Client {
  return new discord.Client({
    // Clicks come without any, and nothing of a server is needed.
    intents: [],
    rest: {
      ...(deps.api === undefined ? {} : { api: deps.api }),
      // The library's types mean another undici than Node's.
      makeRequest: deps.fetch as unknown as RESTOptions['makeRequest'],
      // What is said is tried again by the outbox, which knows of it; answers to clicks wait here.
      retries: 0,
      rejectOnRateLimit: ['/channels'],
    },
    ws: { buildStrategy: (manager) => shardingStrategy(discord, manager) },
  });
}

function failure(discord: DiscordJs, error: unknown): Ended {
  const { message, code } = error as { message: string; code?: unknown };
  if (code === discord.DiscordjsErrorCodes.TokenInvalid || message === 'Authentication failed')
    return refusal(AUTHENTICATION_FAILED);
  return { why: messageOf(error), fatal: false };
}

/** `fetch failed` says nothing; its cause does. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error && error.cause.message
    ? `${error.message}: ${error.cause.message}`
    : error.message;
}

/** The gateway closes with these where no other try helps. */
function refusal(code: number): Ended {
  const why =
    code === AUTHENTICATION_FAILED
      ? 'Discord does not know the token of AMPA_DISCORD_BOT_TOKEN'
      : `Discord closed the connection for good (${code})`;
  return { why, fatal: true };
}
