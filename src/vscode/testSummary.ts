/** What the test of the channels has come to, for people. Pure. */
import type { ChannelName, Told } from '../notifications/ports.ts';

const WORDS: Readonly<Record<Told['outcome'], string>> = {
  sent: 'sent',
  skipped: 'not sent',
  waiting: 'not sent yet; it is tried again',
  failed: 'failed',
};

export function testSummary(
  told: readonly Told[],
  titles: ReadonlyMap<ChannelName, string>,
): { text: string; good: boolean } {
  if (told.length === 0)
    return {
      text: 'No channel is configured. Set AMPA_DISCORD_WEBHOOK, AMPA_SLACK_WEBHOOK_URL or AMPA_NTFY_URL in .worklog/ampa/.env.',
      good: false,
    };
  const parts = told.map(({ channel, outcome, detail }) => {
    const words = `${titles.get(channel) ?? channel}: ${WORDS[outcome]}`;
    return detail === null ? words : `${words} (${detail})`;
  });
  return { text: `${parts.join('. ')}.`, good: told.every(({ outcome }) => outcome === 'sent') };
}
