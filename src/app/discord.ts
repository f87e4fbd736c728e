/** The Discord bot of a workspace: one connection, held by one of its hosts. */
import { startBot, type Bot, type BotOptions, type BotState } from '../adapters/discord/bot.ts';
import { handleClick, type ClickDeps } from '../notifications/clicks.ts';
import type { Channel } from '../notifications/ports.ts';
import type { Clock } from '../tasks/ports.ts';
import { aborted, withLease, type LeaseDeps } from './lease.ts';

export interface DiscordSettings {
  token: string;
  channelId: string;
  /** Ids of the users and roles who may decide. */
  allowedIds: readonly string[];
  /** Root of the REST API where it is not Discord's own. */
  api?: string;
}

export interface DiscordDeps {
  /** Null while the bot is not configured, or Discord is disabled. Asked often. */
  settings(): DiscordSettings | null;
  clicks: Omit<ClickDeps, 'allowedIds' | 'onError'>;
  render: BotOptions['render'];
  clock: Clock;
  fetch?: BotOptions['fetch'];
  /** Something a person should know: why the bot has stopped. */
  say(notice: string): void;
  onError(error: unknown): void;
}

export interface Discord {
  /** Holds the connection whenever it is configured and no other host of the workspace holds it, until `stop`. */
  run(lease: LeaseDeps, stop: AbortSignal): Promise<void>;
  /**
   * The way out, while this host holds the connection; null: what is to be said waits for the host that
   * does, or for the first connection. A bot that has stopped takes everything and refuses it with the reason.
   */
  channel(): Channel | null;
  /** Null while this host does not hold the connection. */
  state(): BotState | null;
  /** Tells of every change of `channel` and `state`; returns how to end that. */
  onChange(listener: () => void): () => void;
}

/** How often the settings are looked at, ms. */
const LOOK_MS = 5_000;

/** Nothing is loaded or opened before `run` finds settings. */
export function createDiscord(deps: DiscordDeps): Discord {
  const { clock } = deps;
  const listeners = new Set<() => void>();
  /** What this host holds; `usable` once the bot was connected, and when it has stopped. */
  let mine: { bot: Bot; usable: boolean } | undefined;
  const changed = (): void => {
    for (const listener of listeners) listener();
  };

  async function hold(settings: DiscordSettings, held: AbortSignal): Promise<void> {
    const allowedIds = (): readonly string[] => deps.settings()?.allowedIds ?? [];
    const bot = startBot(
      {
        ...settings,
        allowedIds,
        render: deps.render,
        clock,
        fetch: deps.fetch,
        onClick: (click) => void handleClick({ ...deps.clicks, allowedIds, onError: deps.onError }, click),
        onState({ state, why }) {
          if (mine && state !== 'starting') mine.usable = true;
          if (state === 'stopped')
            deps.say(
              `The Discord bot has stopped: ${why}. It starts again when its settings change, or AMPA is restarted.`,
            );
          changed();
        },
        onError: deps.onError,
      },
      held,
    );
    mine = { bot, usable: false };
    changed();
    try {
      await bot.ended;
      // Another try would be another three starts: the lease is kept, so that no other host makes them either.
      await aborted(held);
    } finally {
      mine = undefined;
      changed();
    }
  }

  return {
    async run(lease, stop) {
      while (!stop.aborted) {
        const settings = deps.settings();
        if (settings === null) {
          await clock.sleep(LOOK_MS, stop);
          continue;
        }
        const other = new AbortController();
        const done = AbortSignal.any([stop, other.signal]);
        const watching = untilOther(deps, settings, done).then(() => other.abort());
        await withLease(lease, 'discord-gateway', done, (held) => hold(settings, held));
        await watching;
      }
    },
    channel: () => (mine?.usable ? mine.bot.channel : null),
    state: () => mine?.bot.state() ?? null,
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

/** Resolves when the connection would be another one, or none, by the settings of now. */
async function untilOther(deps: DiscordDeps, settings: DiscordSettings, stop: AbortSignal): Promise<void> {
  const sameNow = (): boolean => {
    const now = deps.settings();
    return now?.token === settings.token && now.channelId === settings.channelId && now.api === settings.api;
  };
  while (!stop.aborted && sameNow()) await deps.clock.sleep(LOOK_MS, stop);
}
