import type { CommandSpec } from '../scheduler/spec.ts';
import type { ConfigValues } from '../config/knobs.ts';
import { newCommand } from '../scheduler/command.ts';
import { isDiscord } from '../notifications/heartbeat.ts';
import { configuredChannels } from './channels.ts';

/** Commands of our own that every workspace with a scheduler has, until they are removed. */
export function channelDefaults(config: ConfigValues): CommandSpec[] {
  const heartbeat = newCommand('heartbeat', {
    title: 'Heartbeat',
    type: 'heartbeat',
    frequency_minutes: config.heartbeatMinutes,
  });
  if (config.discordBotToken === '') return [heartbeat];
  const testButton = newCommand('test-button', {
    title: 'Test buttons',
    type: 'test-button',
    frequency_minutes: 15,
    max_runtime_minutes: 1,
    enabled: false,
  });
  return [heartbeat, testButton];
}

/** Types that have nobody to talk to, and what they wait for: they are not due, and wake nobody. */
export function dormantTypes(config: ConfigValues): Map<string, string> {
  const on = configuredChannels(config);
  const dormant = new Map<string, string>();
  if (!on.some(isDiscord)) dormant.set('heartbeat', 'a Discord channel');
  if (!on.includes('discord-bot')) dormant.set('test-button', 'a Discord bot');
  return dormant;
}
