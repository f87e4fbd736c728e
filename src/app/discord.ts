/** The Discord bot of a workspace: one connection, held by one of its hosts. */
import { aborted } from '../tasks/waiting.ts';
import { startBot, type Bot, type BotOptions, type BotState } from '../adapters/discord/bot.ts';
import type { ConfigValues } from '../config/knobs.ts';
import { handleClick, type ClickDeps } from '../notifications/clicks.ts';
import type { Channel } from '../notifications/ports.ts';
import type { Clock } from '../tasks/ports.ts';
import { configuredChannels } from './channels.ts';
import type { EngineStore } from './engineStore.ts';
import { withLease } from './lease.ts';
import type { StoreWatcher } from './watcher.ts';

export interface DiscordDeps {
  /** Asked often: the bot follows its settings. */
  config(): ConfigValues;
  clicks: Omit<ClickDeps, 'allowedIds' | 'onError'>;
  clock: Clock;
  fetch?: BotOptions['fetch'];
  /** Something a person should know: why the bot has stopped. */
  say(notice: string): void;
  onError(error: unknown): void;
}

type Store = Pick<EngineStore, 'leases' | 'hosts' | 'deliveries'> & { watcher: Pick<StoreWatcher, 'poke'> };

type Settings = Pick<BotOptions, 'token' | 'channelId' | 'api'>;

export interface Discord {
  /**
   * The way out, while this host holds the connection; null: what is to be said waits for the host that
   * does, or for the first connection. A bot that has stopped takes everything and refuses it with the reason.
   */
  channel(): Channel | null;
  /** Holds the connection whenever it is configured and no other host of the workspace holds it. */
  run(it: Store, host: string, stop: AbortSignal): Promise<void>;
  /** Null while this process does not hold the connection. */
  state(): BotState | null;
}

/** How often the settings are looked at, ms. */
const LOOK_MS = 5_000;
const CHANNEL_STATES = { starting: 'failing', ready: 'ok', stopped: 'stopped' } as const;

/** Nothing is loaded or opened before `run` finds settings. */
export function createDiscord(deps: DiscordDeps): Discord {
  const { clock } = deps;
  /** What this host holds; `usable` once the bot was connected, and when it has stopped. */
  let mine: { bot: Bot; usable: boolean } | undefined;

  async function hold(it: Store, settings: Settings, held: AbortSignal): Promise<void> {
    const allowedIds = (): readonly string[] => deps.config().discordAllowedIds;
    const onState = ({ state, why }: BotState): void => {
      if (mine && state !== 'starting') mine.usable = true;
      if (state === 'stopped')
        deps.say(
          `The Discord bot has stopped: ${why}. It starts again when its settings change, or AMPA is restarted.`,
        );
      it.deliveries.noteChannel('discord-bot', CHANNEL_STATES[state], why).catch(deps.onError);
      // The outbox looks again at which channels there are.
      it.watcher.poke();
    };
    const onClick: BotOptions['onClick'] = (click) =>
      void handleClick({ ...deps.clicks, allowedIds, onError: deps.onError }, click);
    const { fetch, onError } = deps;
    const bot = startBot({ ...settings, allowedIds, clock, fetch, onClick, onState, onError }, held);
    mine = { bot, usable: false };
    try {
      await bot.ended;
      // Another try would be another three starts: the lease is kept, so that no other host makes them either.
      await aborted(held);
    } finally {
      mine = undefined;
      it.watcher.poke();
    }
  }

  return {
    async run(it, host, stop) {
      const lease = { leases: it.leases, hosts: it.hosts, clock, owner: host, onError: deps.onError };
      while (!stop.aborted) {
        const settings = settingsOf(deps.config());
        if (settings === null) {
          await clock.sleep(LOOK_MS, stop);
          continue;
        }
        const other = new AbortController();
        const done = AbortSignal.any([stop, other.signal]);
        const watching = untilOther(deps, settings, done).then(() => other.abort());
        await withLease(lease, 'discord-gateway', done, (held) => hold(it, settings, held));
        await watching;
      }
    },
    channel: () => (mine?.usable ? mine.bot.channel : null),
    state: () => mine?.bot.state() ?? null,
  };
}

/** Null while the bot is not configured, or Discord is disabled. */
const settingsOf = (config: ConfigValues): Settings | null =>
  configuredChannels(config).includes('discord-bot')
    ? {
        token: config.discordBotToken,
        channelId: config.discordChannelId,
        api: config.discordApiUrl || undefined,
      }
    : null;

/** Resolves when the connection would be another one, or none, by the settings of now. */
async function untilOther(deps: DiscordDeps, settings: Settings, stop: AbortSignal): Promise<void> {
  const sameNow = (): boolean => {
    const now = settingsOf(deps.config());
    return now?.token === settings.token && now.channelId === settings.channelId && now.api === settings.api;
  };
  while (!stop.aborted && sameNow()) await deps.clock.sleep(LOOK_MS, stop);
}
