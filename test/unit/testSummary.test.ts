import assert from 'node:assert/strict';
import { testSummary } from '../../src/vscode/testSummary.ts';

describe('the test of the channels', () => {
  const titles = new Map([
    ['slack', 'Slack'],
    ['ntfy', 'ntfy'],
  ] as const);
  it('says for each what happened', () => {
    const sent = { channel: 'slack', outcome: 'sent', detail: null } as const;
    const failed = { channel: 'ntfy', outcome: 'failed', detail: 'HTTP 403' } as const;
    assert.deepEqual(testSummary([sent], titles), { text: 'Slack: sent.', good: true });
    assert.deepEqual(testSummary([sent, failed], titles), {
      text: 'Slack: sent. ntfy: failed (HTTP 403).',
      good: false,
    });
  });
  it('says how to begin where there is none', () => {
    assert.match(testSummary([], titles).text, /^No channel is configured\. Set AMPA_DISCORD_WEBHOOK/);
  });
});
