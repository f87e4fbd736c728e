import type * as Library from 'discord.js';

/** The library is large and is loaded when a bot is configured, not before. */
export type DiscordJs = typeof Library;

export async function loadDiscord(): Promise<DiscordJs> {
  // Its default export: a bundle of a CommonJS package has no other, and its types do not know of it.
  const { default: discord } = (await import('discord.js')) as unknown as { default: DiscordJs };
  return discord;
}
