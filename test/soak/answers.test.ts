import { runAnswers } from '../support/answerCampaign.ts';

describe('a thousand questions, each answered at the same moment from four surfaces on two hosts', () => {
  it('are resumed once each, and all three thousand that came too late hear who won', async () => {
    const { seconds, wins } = await runAnswers({ prompts: 1000, atOnce: 100, timeoutMs: 10 * 60_000 });
    const first = Object.entries(wins).map(([by, count]) => `${by} ${count}`);
    console.log(`      1000 questions in ${seconds.toFixed(0)} s; first: ${first.join(', ')}`);
  }).timeout(12 * 60_000);
});
