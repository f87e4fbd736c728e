import { createDiscordWebhook } from '../adapters/discord/webhook.ts';
import { createNtfy } from '../adapters/ntfy/ntfy.ts';
import { createSlackWebhook } from '../adapters/slack/webhook.ts';
import type { ConfigValues } from '../config/knobs.ts';
import type { Channel, ChannelName, Post } from '../notifications/ports.ts';

export const CHANNEL_TITLES: Readonly<Record<ChannelName, string>> = {
  'discord-bot': 'Discord bot',
  'discord-webhook': 'Discord webhook',
  slack: 'Slack',
  ntfy: 'ntfy',
};

/** The channels that are on, whichever process serves them. */
export function configuredChannels(config: ConfigValues): ChannelName[] {
  const discord = !config.disableDiscord;
  const on: Record<ChannelName, boolean> = {
    'discord-bot': discord && config.discordBotToken !== '' && config.discordChannelId !== '',
    'discord-webhook': discord && config.discordWebhook !== '',
    slack: config.slackWebhookUrl !== '',
    ntfy: config.ntfyUrl !== '',
  };
  return (Object.keys(on) as ChannelName[]).filter((name) => on[name]);
}

/** Half a configuration: for people; null where it is whole. */
export function halfConfigured(config: ConfigValues): string | null {
  if (config.disableDiscord || (config.discordBotToken === '') === (config.discordChannelId === '')) return null;
  return config.discordChannelId === ''
    ? 'AMPA_DISCORD_BOT_TOKEN is set, and AMPA_DISCORD_CHANNEL_ID is not'
    : 'AMPA_DISCORD_CHANNEL_ID is set, and AMPA_DISCORD_BOT_TOKEN is not';
}

/** Why nobody on Discord hears of anything, for people; empty where somebody does, or shall not. */
export const unheard = (config: ConfigValues): string[] =>
  config.disableDiscord || configuredChannels(config).some((name) => name.startsWith('discord'))
    ? []
    : ['Neither a Discord bot nor a Discord webhook is configured; set AMPA_DISABLE_DISCORD=1 if none is wanted.'];

/** Those of the channels that any process can serve: all but the bot. */
export function webChannels(config: ConfigValues, post: Post, now: () => number): Channel[] {
  const on = configuredChannels(config);
  const made: Channel[] = [
    createDiscordWebhook({ url: config.discordWebhook, post, now }),
    createSlackWebhook({ url: config.slackWebhookUrl, post }),
    createNtfy({ url: config.ntfyUrl, token: config.ntfyToken, post }),
  ];
  return made.filter(({ name }) => on.includes(name));
}
