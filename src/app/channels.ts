import fs from 'node:fs';
import path from 'node:path';
import { createDiscordWebhook } from '../adapters/discord/webhook.ts';
import { createNtfy } from '../adapters/ntfy/ntfy.ts';
import { createSlackWebhook } from '../adapters/slack/webhook.ts';
import { AmpaError } from '../errors.ts';
import { KNOBS, type ConfigValues, type Knob, type KnobName } from '../config/knobs.ts';
import type { Channel, ChannelName, DeadLetter, Post } from '../notifications/ports.ts';

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
    : ['Neither a Discord bot nor a Discord webhook is configured; AMPA_DISABLE_DISCORD=1 says that none is wanted.'];

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

/** The secrets among the values: no message, log or notice may show them. */
export const secretsOf = (config: ConfigValues): string[] =>
  Object.entries<Knob>(KNOBS).flatMap(([name, knob]) => {
    const value: unknown = config[name as KnobName];
    return knob.secret && typeof value === 'string' && value !== '' ? [value] : [];
  });

export const deadLetterFile = (config: ConfigValues, workspace: { root: string; stateDir: string }): string =>
  config.deadletterFile === ''
    ? path.join(workspace.stateDir, 'deadletter.log')
    : path.resolve(workspace.root, config.deadletterFile);

/**
 * Adds a line that is on the disk when this resolves. What lies there by the repository's own hand, and what
 * is a link in our own folder, leads anywhere: refused.
 */
export async function bury(
  file: string,
  letter: DeadLetter,
  { stateDir, isTracked }: { stateDir: string; isTracked(file: string): Promise<boolean> },
): Promise<void> {
  const own = path.dirname(file) === stateDir;
  const hint = 'Move it away, or name another file with AMPA_DEADLETTER_FILE.';
  for (const place of [file, path.dirname(file), ...(own ? [path.dirname(stateDir)] : [])])
    if (await isTracked(place)) throw new AmpaError('refused', `${place} came with the repository`, hint);
  // Windows has no such flag, and makes no links without a privilege.
  const noLink = own ? (fs.constants.O_NOFOLLOW ?? 0) : 0;
  const { O_WRONLY, O_APPEND, O_CREAT } = fs.constants;
  const handle = await fs.promises.open(file, O_WRONLY | O_APPEND | O_CREAT | noLink, 0o600).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code !== 'ELOOP') throw error;
    throw new AmpaError('refused', `${file} is a link`, hint, error);
  });
  try {
    await handle.appendFile(`${JSON.stringify(letter)}\n`);
    await handle.datasync();
  } finally {
    await handle.close();
  }
}
